"""The calls people make, and how each puts the parts together."""
