"""Ray: the workers, the pool that keeps them, and the thread that owns every call."""
