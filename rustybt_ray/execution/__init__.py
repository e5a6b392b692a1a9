"""Running trials: what travels, what every worker does, and the driver."""
