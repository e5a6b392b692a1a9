"""What benchmarks give to do: panels, strategies, simulated workers, and the ways of others."""
