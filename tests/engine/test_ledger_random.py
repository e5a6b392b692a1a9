"""The engine against the reference on random trials, and what must hold whatever the reference says."""

from dataclasses import replace

import numpy as np
import pytest
from cases import all_costs, all_settings, cases, shapes_of
from comparing import assert_same, run_engine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from reference_market import Plan

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.engine.backtest import simulate
from rustybt_ray.engine.costs import Costs, FixedBasisPoints, NoCommission, NoSlippage, PerDollar
from rustybt_ray.engine.settings import Settings

FEES = Costs(commission=PerDollar(0.001), slippage=FixedBasisPoints(5.0))
plain_costs = st.sampled_from([Costs(), FEES])
gentle = st.builds(
    Settings, shares=st.sampled_from(["whole", "fractional"]), sizing=st.sampled_from(["fill", "decision"])
)


@settings(max_examples=150)
@given(cases())
def test_agrees_with_the_reference(case):
    assert_same(case)


@settings(max_examples=60)
@given(cases(plain_costs, gentle))
def test_agrees_under_the_default_rules(case):
    assert_same(case)


@settings(max_examples=60)
@given(cases(shapes=shapes_of(bars=3, missing=0.4, splits=4, dividends=5)))
def test_agrees_where_bars_are_missing_around_events(case):
    assert_same(case)


@pytest.mark.slow
@settings(max_examples=4000)
@given(cases())
def test_agrees_with_the_reference_on_thousands(case):
    assert_same(case)


@settings(max_examples=60)
@given(
    cases(
        all_costs.map(lambda costs: replace(costs, borrow=0.0, margin=0.0, cash=0.0)),
        all_settings.map(lambda rules: replace(rules, split_fraction="previous close", dividends="ex-date")),
    )
)
def test_value_is_conserved(case):
    """The change of value is price gains, dividends and what fills cost; positions are what was filled."""
    got = run_engine(case)
    assume(not got.metrics["ruined"])
    panel, rows, n = case.panel, range(case.first, case.last + 1), case.panel.shape[1]
    growth, dividend = np.ones(panel.shape), np.zeros(panel.shape)
    growth[panel.split_row, panel.split_column] = panel.split_ratio
    np.add.at(dividend, (panel.dividend_row, panel.dividend_column), panel.dividend_amount)
    held, mark = np.zeros(n), np.nan_to_num(panel.mark.T)
    before = case.capital
    for k, t in enumerate(rows):
        gain = held @ (growth[t] * mark[t] - mark[t - 1] + dividend[t]) if k else 0.0
        held = held * growth[t]
        for row, i, shares, price, commission, _, _ in got.fills:
            if row == t:
                gain += shares * (mark[t, i] - price) - commission
                held[i] += shares
        assert_allclose(got.positions[k], held, rtol=1e-9, atol=1e-6)
        assert got.equity[k] - before == pytest.approx(gain, rel=1e-7, abs=1e-7 * case.capital)
        assert got.equity[k] >= got.cash[k] + got.positions[k] @ mark[t] - 1e-7 * case.capital or case.shape.pay_rows
        before, held = got.equity[k], got.positions[k]


@settings(max_examples=60)
@given(cases(plain_costs, gentle, shapes_of(pay_rows=False)))
def test_long_only_never_owes(case):
    case = replace(case, plan=Plan(case.plan.kind, np.abs(case.plan.values).tolist(), *_rest(case.plan)))
    got = run_engine(case)
    assert got.positions.min() >= 0.0
    assert got.cash.min() >= -1e-6
    assert np.all(got.equity > 0.0)


limited = {"commissions": "each fill", "delisting": "morning", "delisting_return": 0.0, "dividends": "ex-date"}


@settings(max_examples=60)
@given(
    cases(settings=all_settings.map(lambda rules: replace(rules, max_leverage=rules.max_leverage or 1.0, **limited)))
)
def test_gross_exposure_stays_within_the_leverage_on_a_row_that_opens(case):
    """Only prices and costs of closing move it beyond: looked at where an opening was the row's last fill."""
    case = replace(case, fill="next_close")
    got = run_engine(case)
    assume(not got.metrics["ruined"])
    mark = np.nan_to_num(case.panel.mark.T)[case.first : case.last + 1]
    gross = (np.abs(got.positions) * mark).sum(axis=1)
    last = {}
    for row, i, shares, *_, kind in got.fills:
        after = got.positions[row - case.first, i]
        last[row] = kind == "order" and shares * after > 0 and abs(after) >= abs(shares) * (1 - 1e-12)
    for row in (row for row, opened in last.items() if opened):
        k = row - case.first
        slack = 1e-8 * mark[k].max() + 1e-9 * case.capital
        assert gross[k] <= case.settings.max_leverage * got.equity[k] + slack


@settings(max_examples=40)
@given(cases(), st.integers(0, 2**32 - 1), st.booleans())
def test_assets_without_orders_change_no_bit(case, seed, before):
    assume(case.plan.kind != "mask")
    panel = case.panel
    rng = np.random.default_rng(seed)
    extra = np.exp(rng.normal(0, 0.1, (panel.shape[0], 1)))
    order = (lambda a, b: (b, a)) if before else (lambda a, b: (a, b))
    fields = [np.hstack(order(getattr(panel, f), extra)) for f in ("open", "high", "low", "close", "volume")]
    splits = np.column_stack([panel.split_row, panel.split_column + before, panel.split_ratio])
    columns = panel.dividend_row, panel.dividend_column + before, panel.dividend_amount, panel.dividend_pay
    wide = panel_from_arrays(
        panel.time,
        ("0", *panel.symbols) if before else (*panel.symbols, "Z"),
        *fields,
        splits,
        np.column_stack(columns),
        session=panel.session,
        periods_per_year=panel.periods_per_year,
        fractional=panel.fractional,
    )
    values = np.hstack(order(np.array(case.plan.values), np.full((panel.shape[0], 1), np.nan)))
    # a row without a gap is checked against max_leverage; with the gap it may be cut, which is another rule
    got = run_engine(case)
    more = run_engine(replace(case, panel=wide, plan=replace(case.plan, values=values.tolist())))
    assert got.equity.tobytes() == more.equity.tobytes()
    assert got.cash.tobytes() == more.cash.tobytes()
    np.testing.assert_array_equal(list(got.metrics.values()), list(more.metrics.values()))


@settings(max_examples=40)
@given(cases(st.just(Costs()), st.just(Settings(max_leverage=None)), shapes_of(assets=4)), st.permutations(range(4)))
def test_without_cuts_the_order_of_columns_is_no_matter(case, order):
    assume(case.plan.slots != "listed" or case.plan.kind != "mask")
    panel, place = case.panel, np.argsort(order)
    fields = [np.ascontiguousarray(getattr(panel, f)[:, order]) for f in ("open", "high", "low", "close", "volume")]
    columns = panel.dividend_row, place[panel.dividend_column], panel.dividend_amount, panel.dividend_pay
    other = panel_from_arrays(
        panel.time,
        panel.symbols,
        *fields,
        np.column_stack([panel.split_row, place[panel.split_column], panel.split_ratio]),
        np.column_stack(columns),
        session=panel.session,
        fractional=panel.fractional,
    )
    values = np.array(case.plan.values)[:, order].tolist()
    assert_same(case)
    got, moved = run_engine(case), run_engine(replace(case, panel=other, plan=replace(case.plan, values=values)))
    assert_allclose(moved.equity, got.equity, rtol=1e-9, atol=1e-9 * case.capital)
    assert_allclose(moved.positions, got.positions[:, order], rtol=1e-9, atol=1e-6)


@settings(max_examples=40)
@given(cases())
def test_weights_and_their_plain_array_trade_alike(case):
    assume(case.plan.kind != "on_schedule" and case.plan.slots != "listed")
    assume(case.plan.schedule not in ("weekly", "monthly") and case.first <= 1 + case.settings.delay)
    assume(case.shape.bars == 1)
    weights, rules = case.weights(), {"capital": case.capital, "costs": case.costs}
    rules |= {"fill": case.fill, "settings": case.settings}
    one = simulate(case.panel, weights, case.first, case.last, **rules)
    two = simulate(case.panel, np.asarray(weights), case.first, case.last, **rules)
    assert one.equity.tobytes() == two.equity.tobytes()
    assert one.log.tobytes() == two.log.tobytes()


@settings(max_examples=40)
@given(cases(all_costs, all_settings))
def test_the_future_changes_nothing(case):
    """Prices and weights after a row leave every bit up to it (which assets end where is known in advance)."""
    cut = (case.first + case.last) // 2
    panel, later = case.panel, slice(cut + 1, None)
    fields = {}
    for name in ("open", "high", "low", "close", "volume"):
        fields[name] = getattr(panel, name).copy()
        fields[name][later] *= 1.0 if name == "volume" else 1.7
    other = panel_from_arrays(
        panel.time,
        panel.symbols,
        **fields,
        splits=np.column_stack([panel.split_row, panel.split_column, panel.split_ratio]),
        dividends=np.column_stack(
            [panel.dividend_row, panel.dividend_column, panel.dividend_amount, panel.dividend_pay]
        ),
        session=panel.session,
        fractional=panel.fractional,
    )
    got, moved = run_engine(case), run_engine(replace(case, panel=other))
    kept = cut + 1 - case.first
    assert got.equity[:kept].tobytes() == moved.equity[:kept].tobytes()
    assert got.positions[:kept].tobytes() == moved.positions[:kept].tobytes()


def test_no_costs_are_no_costs():
    assert Costs() == Costs(commission=NoCommission(), slippage=NoSlippage())
    assert Costs().free


def _rest(plan):
    return plan.schedule, plan.slots
