from functools import cache

import pytest
from zipline_goldens import SHARED, unpack_sources

from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.ingest import ingest
from rustybt_ray.data.store import BundleStore


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """Folder of the goldens' algorithms (algos/) and of the synthetic csv files (synthetic/)."""
    return unpack_sources(tmp_path_factory.mktemp("goldens"))


@pytest.fixture(scope="session")
def bundles(sources, tmp_path_factory):
    """The store in which `bundle` puts the goldens' bundles."""
    return BundleStore(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def bundle(sources, bundles):
    """A panel of a golden's bundle: "synthetic", "synthetic_paid", or "mag7" where ../shared is."""

    @cache
    def open_bundle(name):
        base, paid = name.removesuffix("_paid"), name.endswith("_paid")
        folder = sources / "synthetic" / "daily" if base == "synthetic" else SHARED.parent / "data" / base
        payouts = sources / base / "payouts.csv" if paid else None
        ingest(name, folder, root=bundles.root, payouts=payouts)
        return bundles.open(name)

    return open_bundle


@pytest.fixture(scope="session")
def view(bundle):
    """A golden's bundle as zipline stores it."""
    return cache(lambda name: on_grid(bundle(name)))
