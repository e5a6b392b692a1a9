"""zipline algorithms, unchanged: the names that they import, what they ask of, and how they are run."""
