"""The engine and the reference on one case, side by side."""

import math
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from hypothesis import assume
from reference_ledger import run_reference
from reference_market import Market
from reference_metrics import reference_metrics

from rustybt_ray.engine.backtest import Simulator, simulate
from rustybt_ray.engine.metrics import MOMENTS, NAMES

NEAR = Decimal("1e-12")


class Result(NamedTuple):
    """What both simulators say of a case; `fills` are (row, column, shares, price, commission, slippage, kind)."""

    equity: np.ndarray
    cash: np.ndarray
    positions: np.ndarray
    returns: np.ndarray
    fills: list
    metrics: dict


def reference(case):
    """The reference's outcome, metrics and daily returns."""
    rules = {"capital": case.capital, "costs": case.costs, "fill": case.fill, "settings": case.settings}
    outcome = run_reference(case.panel, case.plan, case.first, case.last, **rules)
    metrics, returns = reference_metrics(
        outcome,
        Market(case.panel, case.fill),
        case.first,
        case.last,
        capital=case.capital,
        settings=case.settings,
        periods_per_year=case.panel.periods_per_year,
    )
    return outcome, metrics, returns


def run_reference_case(case):
    return _as_result(*reference(case))


def _as_result(outcome, metrics, returns):
    def floats(rows):
        return np.array(rows, dtype=float)

    fills = [(f.row, f.column, *map(float, f[2:6]), f.kind) for f in outcome.fills]
    return Result(*map(floats, (outcome.equity, outcome.cash, outcome.positions, returns)), fills, metrics)


def run_engine(case):
    rules = {"capital": case.capital, "costs": case.costs, "fill": case.fill, "settings": case.settings}
    got = simulate(case.panel, case.weights(), case.first, case.last, **rules)
    columns = ["row", "column", "shares", "price", "commission", "slippage", "kind"]
    return Result(got.equity, got.cash, got.positions, got.returns, got.fills.select(columns).rows(), got.metrics)


def assert_same(case):
    """Both agree to 1e-9, and a study's trial has the bits of the replay.

    An example on the edge of a rounding or a comparison is discarded.
    """
    outcome, metrics, returns = reference(case)
    assume(outcome.edges.smallest > NEAR)
    got, expected = run_engine(case), _as_result(outcome, metrics, returns)
    whole = case.settings.shares != "fractional"
    money = {"rtol": 1e-9, "atol": 1e-9 * case.capital}
    assert_fills(got.fills, expected.fills)
    np.testing.assert_allclose(got.positions, expected.positions, rtol=0 if whole else 1e-9, atol=0 if whole else 1e-6)
    np.testing.assert_allclose(got.cash, expected.cash, **money)
    np.testing.assert_allclose(got.equity, expected.equity, **money)
    np.testing.assert_allclose(got.returns, returns, rtol=1e-9, atol=1e-9)
    assert set(metrics) == set(got.metrics)
    wrong = {
        name: (got.metrics[name], value)
        for name, value in metrics.items()
        if name not in outcome.edges.soft and not close(got.metrics[name], value, slack(name, metrics, case.capital))
    }
    assert not wrong, f"(engine, reference): {wrong}"
    assert_trial(case, got.metrics)


def assert_trial(case, metrics):
    """Without a log, as studies run it, the ledger gives the same bits."""
    rules = {"capital": case.capital, "costs": case.costs, "fill": case.fill, "settings": case.settings}
    simulator = Simulator(case.panel, ((case.first, case.last),) * 2, **rules)
    out, moments = np.full((2, len(NAMES)), np.nan), np.full((2, MOMENTS), np.nan)
    simulator.run(case.weights(), out, moments)
    np.testing.assert_array_equal(out, [[metrics[name] for name in NAMES]] * 2)
    np.testing.assert_array_equal(moments[0], moments[1])


def assert_fills(got, expected):
    """The same fills in the same order; a split's fraction that is nothing but a last bit is no fill."""
    got, expected = ([f for f in fills if f[6] == "order" or abs(f[2]) > 1e-9] for fills in (got, expected))
    for mine, yours in zip(got, expected, strict=False):
        same = (mine[0], mine[1], mine[6]) == (yours[0], yours[1], yours[6])
        assert same, f"engine {mine}, reference {yours}"
        np.testing.assert_allclose(mine[2:6], yours[2:6], rtol=1e-9, atol=1e-7, err_msg=f"{mine} {yours}")
    assert len(got) == len(expected), f"engine only: {got[len(expected) :]}, reference only: {expected[len(got) :]}"


def slack(name, metrics, capital):
    """What rounding of money to 1e-12 of the capital leaves of a metric near zero."""
    if name == "break_even_cost":
        return 1e-8 * capital / max(metrics["traded_notional"], 1e-300)
    money = name in ("commission_paid", "slippage_paid", "financing_paid", "costs_paid", "traded_notional")
    return 1e-12 * capital if money else 1e-9


def close(got, expected, tolerance):
    """Equal to 1e-9 relative or within the tolerance; NaN equals NaN."""
    if math.isnan(expected) or math.isnan(got):
        return math.isnan(expected) and math.isnan(got)
    return math.isclose(got, expected, rel_tol=1e-9, abs_tol=tolerance)
