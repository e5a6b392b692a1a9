"""What a backtest reads: bundles, their store, and panels in memory."""
