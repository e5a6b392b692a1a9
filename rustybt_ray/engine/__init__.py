"""One ledger for every backtest: orders, fills, events, metrics."""
