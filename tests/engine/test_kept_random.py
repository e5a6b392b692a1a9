"""The ledger of kept orders against the reference on random markets and scripts, and what must hold without one."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from kept_cases import Case, Shape, all_settings, cases, random_script, random_view, run_case, run_script, shapes_of
from reference_kept import Terms

from rustybt_ray.engine.blotter import (
    AMOUNT,
    CHANGED,
    COLUMN,
    COMMISSION,
    CREATED,
    FILLED,
    LIMIT,
    LIMIT_REACHED,
    STATUS,
    STOP,
    STOP_REACHED,
)
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.stepwise import CASH, CLAIMS, VALUE
from rustybt_ray.engine.structures import BASIS, ENTRY, LAST_SALE, SHARES

EXACT = [COLUMN, AMOUNT, FILLED, LIMIT, STOP, LIMIT_REACHED, STOP_REACHED, CREATED, CHANGED]
LINE = [2, 3, 4, 6, 7, 8, 9, 11, 12]  # where a line of the reference has the same
NEAR_A_TIE = 1e-9


def same(got, expected, scale, what):
    """Money: equal to 1e-9 of itself or of `scale`."""
    assert math.isclose(got, float(expected), rel_tol=1e-9, abs_tol=1e-9 * scale), f"{what}: {got} {float(expected)}"


def compare(case, ledger, reference, day, row):
    """Account, positions, orders and reports of both at a session's end."""
    assume(reference.edge > NEAR_A_TIE)
    cells, account, orders = ledger.book.cells, ledger.account, ledger.blotter.orders
    same(account[CASH], reference.cash, case.capital, "cash")
    same(account[CLAIMS], reference.claimed(), case.capital, "claims")
    same(account[VALUE], reference.value, case.capital, "value")
    shares = [float(reference.positions[a].amount) if a in reference.positions else 0.0 for a in range(cells.shape[1])]
    assert cells[SHARES].tolist() == shares
    entered = np.flatnonzero(cells[ENTRY])
    assert entered[np.argsort(cells[ENTRY, entered])].tolist() == list(reference.positions)
    for a, held in reference.positions.items():
        price = cells[LAST_SALE, a] if held.amount else ledger.empty_mark(a, row)[0]
        same(price, held.price, 1e-3, f"last sale price of {a}")
        if held.amount:
            same(cells[BASIS, a], held.basis, 1e-3, f"cost basis of {a}")
    lines = np.array([order.line(row) for order in reference.orders]).reshape(-1, 13)
    np.testing.assert_array_equal(orders[: len(lines)][:, EXACT], lines[:, LINE])
    ended = orders[: len(lines), AMOUNT] == orders[: len(lines), FILLED]
    np.testing.assert_array_equal(np.where(ended, 1.0, orders[: len(lines), STATUS]), lines[:, 5])
    np.testing.assert_allclose(orders[: len(lines), COMMISSION], lines[:, 10], rtol=1e-9, atol=1e-9)
    assert {a: o for a, o in ledger.open_orders() if o} == {
        a: numbers for a, orders in reference.book.items() if (numbers := [order.number for order in orders])
    }
    compare_tape(case, ledger, reference, day, row)


def compare_tape(case, ledger, reference, day, row):
    """What the session wrote down."""
    tape = ledger.written()
    np.testing.assert_allclose(
        tape.transactions[tape.transactions[:, 0] == row][:, :6], np.array(day.transactions).reshape(-1, 6), rtol=1e-9
    )
    report = np.array([order.line(row) for order in day.report.values()]).reshape(-1, 13)
    np.testing.assert_allclose(tape.reports[tape.reports[:, 0] == row], report, rtol=1e-9, atol=1e-12)
    written = tape.daily[row - case.first]
    worths = [float(held.amount * held.price) for held in reference.positions.values()]
    longs, shorts = [x for x in worths if x > 0], [x for x in worths if x < 0]
    money = [float(day.start_cash), float(day.start_value), float(reference.cash + reference.claimed())]
    money += [sum(longs), sum(shorts)]
    np.testing.assert_allclose(written[:5], money, rtol=1e-9, atol=1e-9 * case.capital)
    assert written[5:7].tolist() == [len(longs), len(shorts)]
    same(written[7], reference.flow + reference.claimed(), case.capital, "flow")
    holdings = tape.holdings[tape.holdings[:, 0] == row]
    assert sorted(holdings[:, 1]) == [a for a in sorted(reference.positions) if reference.positions[a].amount]


@settings(max_examples=80)
@given(cases())
def test_agrees_with_the_reference_under_ziplines_rules(case):
    run_case(case, compare)


@settings(max_examples=60)
@given(cases(all_settings))
def test_agrees_under_every_setting(case):
    run_case(case, compare)


@settings(max_examples=50)
@given(cases(shapes=shapes_of(volume=60.0, splits=4, orders=2.5, quiet=0.0)))
def test_agrees_where_orders_fill_in_parts_across_splits(case):
    run_case(case, compare)


@settings(max_examples=60)
@given(cases(shapes=shapes_of(splits=0)))
def test_value_moves_by_prices_costs_and_payouts_alone(case):
    """Read from the tape: shares of the day before at today's prices, what fills cost, and dividends paid."""
    ledger, reference = run_case(case)
    assume((case.view.stock_column == case.view.stock_payment).all())
    view, tape, n = case.view, ledger.written(), case.view.shape[1]
    held, price, before = np.zeros(n), np.zeros(n), case.capital
    shares_at = {}
    for row in range(case.first, case.shape.sessions):
        today = tape.holdings[tape.holdings[:, 0] == row]
        after, marks = np.zeros(n), np.where(np.isnan(view.mark[:, row]), 0.0, view.mark[:, row])
        columns = today[:, 1].astype(int)
        after[columns], marks[columns] = today[:, 2], today[:, 4]
        arrived, gain = after.copy(), 0.0
        for _, column, amount, fill, _, commission, _ in tape.transactions[tape.transactions[:, 0] == row]:
            arrived[int(column)] -= amount
            gain += amount * (marks[int(column)] - fill) - commission
        gain += arrived @ marks - held @ price
        gain += sum(
            shares_at.get(int(view.dividend_row[e]) - 1, np.zeros(n))[view.dividend_column[e]] * view.dividend_amount[e]
            for e in range(len(view.dividend_row))
            if reference.pay_row(e) == row
        )
        value = tape.daily[row - case.first, [2, 3, 4]].sum()
        assert value - before == pytest.approx(gain, rel=1e-7, abs=1e-7 * case.capital)
        held, price, before, shares_at[row] = after, marks, value, after
    paid = tape.transactions[:, 5].sum()
    assert ledger.book.account["commission"][0] == pytest.approx(paid, rel=1e-9, abs=1e-9)


@settings(max_examples=30)
@given(cases(all_settings))
def test_a_run_leaves_nothing_to_the_next(case):
    """The same ledger again, with and without a tape, after another script: the same bits."""
    ledger, _ = run_case(case)
    equity, written = ledger.equity().tobytes(), [part.tobytes() for part in ledger.written()]
    run_script(case, ledger, case.script[::-1], record=False)
    run_script(case, ledger, case.script, record=False)
    assert ledger.equity().tobytes() == equity
    run_script(case, ledger, case.script, record=True)
    assert [part.tobytes() for part in ledger.written()] == written


def test_an_asset_that_never_had_a_bar_does_not_end():
    """Shares of it that a dividend brings are worth nothing and stay."""
    shape = Shape(
        seed=519359820, sessions=9, assets=3, blank=0.0, quiet=0.0, volume=60.0, splits=2, dividends=3, stock=2, ends=True,
        orders=0.3, first=0,
    )  # fmt: skip
    view = random_view(shape)
    assert np.isnan(view.close[:, 1]).all()
    assert view.stock_payment.tolist() == [1, 1]
    terms = Terms(slippage="none", commission="trade")
    case = Case(shape, terms, Settings.zipline(), 0, 1e4, view, random_script(view, shape, 0))
    ledger, reference = run_case(case)
    assert ledger.book.cells[SHARES].tolist() == [7.0, 2.0, -90.0]
    assert {a: held.amount for a, held in reference.positions.items()} == {0: 7, 1: 2, 2: -90}


@pytest.mark.slow
@settings(max_examples=3000)
@given(cases(all_settings))
def test_agrees_on_thousands(case):
    run_case(case, compare)
