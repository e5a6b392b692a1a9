"""What is searched, and in which order: spaces and searches that are asked and told."""
