"""The worker pool, under the package's own name; importing it imports Ray's side of the house."""

from actors.pool import PersistentWorkerPool

__all__ = ["PersistentWorkerPool"]
