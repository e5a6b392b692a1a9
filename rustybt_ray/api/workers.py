"""The worker pool, under the package's own name; importing it imports Ray's side of the house."""

from actors.pool import PersistentWorkerPool, named_pools

__all__ = ["PersistentWorkerPool", "named_pools"]
