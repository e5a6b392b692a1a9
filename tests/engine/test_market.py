"""Pay dates and dividends in shares as the ledger reads them: by row, and on exact dates alone."""

import numpy as np
import pytest
from hand import panel_of

from rustybt_ray.data.payouts import CashDates, StockDividend, with_payouts
from rustybt_ray.engine import backtest
from rustybt_ray.engine.market import market_of, stock_dividends
from rustybt_ray.engine.settings import Settings

DATES = ("2021-03-04", "2021-03-05", "2021-03-08", "2021-03-09", "2021-03-10")


def at(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.fixture
def panel():
    """A dividend of 1 paid on a Saturday, one of 2 on a Tuesday; shares of B for A paid on a Sunday, of A on a Monday."""
    plain = panel_of([[10.0] * 5, [20.0] * 5], dates=DATES, dividends=[(1, 0, 1.0), (1, 1, 2.0)])
    cash = [CashDates(0, at("2021-03-06")), CashDates(1, at("2021-03-09"))]
    stock = [
        StockDividend(0, at("2021-03-05"), 0.5, 1, at("2021-03-07")),
        StockDividend(1, at("2021-03-05"), 0.25, 0, at("2021-03-08")),
        StockDividend(1, at("2021-03-06"), 0.125, 0, at("2021-03-10")),
    ]
    return with_payouts(plain, cash, stock)


def test_a_pay_date_that_is_no_session_is_the_next_row_or_never(panel):
    by_row, exact = market_of(panel, "next_close"), market_of(panel, "next_close", exact=True)
    assert by_row.dividends[:, 3].tolist() == [2.0, 3.0]
    assert by_row.payments.tolist() == [[2, 0], [3, 1]]
    assert by_row.event_rows.tolist() == [1, 2, 3]
    assert exact.dividends[:, 3].tolist() == [-1.0, 3.0]
    assert exact.payments.tolist() == [[3, 1]]
    assert exact.event_rows.tolist() == [1, 3]
    assert market_of(panel, "next_close") is by_row
    assert market_of(panel, "next_close", exact=True) is exact


@pytest.mark.parametrize(
    ("settings", "cash"),
    [(Settings(dividends="pay date"), [0.0, 0.0, 5.0, 5.0, 5.0]), (Settings.zipline(), [0.0] * 5)],
)
def test_the_ledger_pays_accordingly(settings, cash):
    """Fifty shares of A from the first row on; its dividend of 0.1 is payable on the Saturday."""
    plain = panel_of([[10.0] * 6, [20.0] * 6], dates=("2021-03-03", *DATES), dividends=[(2, 0, 0.1)])
    moved = with_payouts(plain, [CashDates(0, at("2021-03-06"))])
    order = np.full(moved.shape, np.nan)
    order[0] = 1.0, 0.0
    found = backtest.simulate(moved, order, 1, 5, capital=500.0, settings=settings)
    assert found.cash.tolist() == cash


def test_dividends_in_shares_by_row_and_exactly(panel):
    table, payments = stock_dividends(panel)
    assert table.tolist() == [[1, 0, 0.5, 1, 2], [1, 1, 0.25, 0, 2], [2, 1, 0.125, 0, 4]]
    assert payments.tolist() == [[2, 0], [2, 1], [4, 2]]
    table, payments = stock_dividends(panel, exact=True)
    assert table.tolist() == [[1, 0, 0.5, 1, -1], [1, 1, 0.25, 0, 2]]
    assert payments.tolist() == [[2, 1]]


def test_without_any_there_are_none():
    table, payments = stock_dividends(panel_of([[10.0] * 5], dates=DATES))
    assert (table.shape, payments.shape) == ((0, 5), (0, 2))
