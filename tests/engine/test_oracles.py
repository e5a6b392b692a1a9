"""What eight real stocks earned, worked out apart from this code (RULES 1.5)."""

import csv

import numpy as np
import pytest
from cases import Case
from comparing import run_engine
from reference_ledger import run_reference
from reference_market import Plan

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings

FIELDS = ("open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def files(pytestconfig):
    folder = pytestconfig.rootpath.parent / "shared" / "data" / "mag7"
    if not folder.is_dir():
        pytest.skip("../shared/data/mag7 is not there")
    return sorted(folder.glob("*.csv"))


def one_asset(path, *, events):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    fields = [[[float(row[name])] for row in rows] for name in FIELDS]
    splits = [(t, 0, float(row["split"])) for t, row in enumerate(rows) if float(row["split"]) != 1.0]
    dividends = [(t, 0, float(row["dividend"])) for t, row in enumerate(rows) if float(row["dividend"]) != 0.0]
    dates = [row["date"] for row in rows]
    return panel_from_arrays(dates, [path.stem], *fields, splits if events else (), dividends if events else ())


def buy_and_hold(panel):
    weights = np.full(panel.shape, np.nan)
    weights[0] = 1.0
    rules = Settings(shares="fractional")
    return Case(panel, Plan("plain", weights.tolist()), 0, len(weights) - 1, 125_000.0, Costs(), "next_close", rules)


def engine_end(case):
    return run_engine(case).equity[-1]


def reference_end(case):
    rules = {"capital": case.capital, "costs": case.costs, "fill": case.fill, "settings": case.settings}
    return float(run_reference(case.panel, case.plan, case.first, case.last, **rules).equity[-1])


@pytest.mark.parametrize("run", [engine_end, reference_end], ids=["engine", "reference"])
@pytest.mark.parametrize(("events", "end"), [(True, 354_948_412.415836), (False, 12_540_874.923937)])
def test_eight_stocks(files, run, events, end):
    ends = [run(buy_and_hold(one_asset(path, events=events))) for path in files]
    assert len(ends) == 8
    assert sum(ends) == pytest.approx(end, rel=1e-12)
