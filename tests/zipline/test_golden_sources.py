"""The algorithms and csv files that lie beside the goldens are those that the goldens were made from."""

import hashlib

from zipline_goldens import local_names, read_golden


def digest(folder, payouts):
    """As the goldens' meta has it."""
    total = hashlib.sha256()
    for path in [*sorted(folder.glob("*.csv*")), *([payouts] if payouts else [])]:
        total.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def test_every_golden_has_its_sources(sources):
    folder, payouts = sources / "synthetic" / "daily", sources / "synthetic" / "payouts.csv"
    digests = {False: digest(folder, None), True: digest(folder, payouts)}
    names = local_names()
    assert len(names) == 23
    for name in names:
        meta = read_golden(name)["meta"]
        assert meta["bundle_sha256"] == digests[meta["payouts"]], name
        text = (sources / "algos" / meta["algorithm"]).read_bytes()
        assert meta["algorithm_sha256"] == hashlib.sha256(text).hexdigest(), name


def test_the_bundles_are_told_apart(bundle):
    assert bundle("synthetic").version != bundle("synthetic_paid").version
    assert len(bundle("synthetic_paid").stock_row) == 2
