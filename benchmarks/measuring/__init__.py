"""How benchmarks measure, what they record, and the page that is made of it."""
