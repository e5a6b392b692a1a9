"""From files and tables to bundles: read, check, arrange, publish."""

from rustybt_ray.data.ingest.run import ingest

__all__ = ["ingest"]
