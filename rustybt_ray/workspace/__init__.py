"""What a worker keeps between trials: open panels, indicators, asset tables."""
