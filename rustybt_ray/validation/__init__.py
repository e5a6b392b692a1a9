"""Windows of train, validate and test, and which trial a window chooses: index arithmetic and plain arrays alone."""
