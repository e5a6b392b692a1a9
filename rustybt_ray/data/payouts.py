"""Dates of dividends, and dividends in shares, on a panel that has neither yet."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import IntArray
from rustybt_ray.data.panel import DATES, STOCK, UNKNOWN, Panel
from rustybt_ray.exceptions import InputError


class CashDates(NamedTuple):
    """Dates of the dividend at a position of the panel's; UTC nanoseconds, `UNKNOWN` where one is not known."""

    dividend: int
    pay: int = UNKNOWN
    record: int = UNKNOWN
    declared: int = UNKNOWN


class StockDividend(NamedTuple):
    """New shares of the column `payment` per share of `column`; dates in UTC nanoseconds, `UNKNOWN` if not known."""

    column: int
    ex: int
    ratio: float
    payment: int
    pay: int = UNKNOWN
    record: int = UNKNOWN
    declared: int = UNKNOWN


def with_payouts(panel: Panel, cash: Iterable[CashDates] = (), stock: Iterable[StockDividend] = ()) -> Panel:
    """The panel with these dates of its dividends and these dividends in shares; another version if there are any.

    A cash dividend with a pay date moves its cash on the first row on or after it (`Panel.dividend_pay`); the dates
    themselves stay beside it. Prices and factors are as they were: a dividend in shares changes none.

    Raises
    ------
    InputError
        If a position, column, ratio or order of dates cannot be.

    Examples
    --------
    >>> from rustybt_ray.data.build import DAY, panel_from_arrays
    >>> price, days = [[10.0], [11.0], [11.0]], ["2020-01-02", "2020-01-03", "2020-01-06"]
    >>> panel = panel_from_arrays(days, ["A"], *[price] * 4, [[1e6]] * 3, dividends=[(1, 0, 0.5)])
    >>> saturday = int(panel.time[1]) + DAY
    >>> paid = with_payouts(panel, [CashDates(0, saturday)])
    >>> paid.dividend_pay, exact_pay_rows(paid)
    (array([2]), array([-1]))
    """
    from rustybt_ray.data.digest import digests, version_of

    dates = _cash_dates(panel, list(cash))
    shares = _stock_arrays(panel, list(stock))
    arrays = {**dates, **shares}
    if not arrays:
        return panel
    _, content = panel.to_arrays()
    version = version_of(digests(panel.symbols, panel.periods_per_year, panel.fractional, {**content, **arrays}))
    return replace(panel, version=version, folder=None, **arrays)  # type: ignore[arg-type]


def rows_from(panel: Panel, dates: IntArray) -> IntArray:
    """First row of the first session on or after each date; -1 where it is `UNKNOWN`, T where it lies after the last."""
    rows = np.searchsorted(panel.session, np.searchsorted(panel.sessions, dates))
    return np.where(dates == UNKNOWN, -1, rows)


def exact_rows(panel: Panel, dates: IntArray) -> IntArray:
    """First row of the session that has exactly each date; -1 where there is none."""
    at = np.minimum(np.searchsorted(panel.sessions, dates), len(panel.sessions) - 1)
    return np.where(panel.sessions[at] == dates, np.searchsorted(panel.session, at), -1)


def exact_pay_rows(panel: Panel) -> IntArray:
    """Row on whose morning each cash dividend is paid by who pays on pay dates that are sessions, and on no other day.

    zipline's rule; -1 is never. `Panel.dividend_pay` has the first row on or after the date; a dividend of which the panel
    knows that row and not the date is paid on it.
    """
    unknown = panel.pay_dates == UNKNOWN
    told = np.where(panel.dividend_pay < len(panel.time), panel.dividend_pay, -1)
    rows = np.where(unknown, told, exact_rows(panel, panel.pay_dates))
    return np.where(rows >= 0, np.maximum(rows, panel.dividend_row), -1)


def exact_stock_rows(panel: Panel) -> tuple[IntArray, IntArray]:
    """Rows of ex-date and pay date of each dividend in shares by the same rule; -1 where the date is no session."""
    return exact_rows(panel, panel.stock_ex_date), exact_rows(panel, panel.stock_pay_date)


def _cash_dates(panel: Panel, given: list[CashDates]) -> dict[str, IntArray]:
    """The date arrays and the pay rows that follow from them."""
    if not any(date != UNKNOWN for each in given for date in each[1:]):
        return {}
    count = len(panel.dividend_row)
    names = ("pay", "record", "declared")
    known = [getattr(panel, name) for name in DATES]
    made = [old.copy() if len(old) else np.full(count, UNKNOWN) for old in known]
    ex = panel.dates[panel.dividend_row]
    for each in given:
        if not 0 <= each.dividend < count:
            raise InputError("CashDates.dividend", f"a position below {count}", each.dividend, "Count from 0.")
        _check_pay(int(ex[each.dividend]), each.pay, tuple(each))
        for array, name in zip(made, names, strict=True):
            array[each.dividend] = getattr(each, name)
    rows = rows_from(panel, made[0])
    pay = np.where(rows >= 0, np.maximum(rows, panel.dividend_row), panel.dividend_pay)
    return {**dict(zip(DATES, made, strict=True)), "dividend_pay": pay}


def _stock_arrays(panel: Panel, given: list[StockDividend]) -> dict[str, np.ndarray]:
    """The arrays of dividends in shares, those that the panel has among them."""
    if not given:
        return {}
    assets, first, last = len(panel.symbols), int(panel.sessions[0]), int(panel.sessions[-1])
    for each in given:
        good = 0 <= each.column < assets and 0 <= each.payment < assets and 0.0 < each.ratio < np.inf
        if not good or not first <= each.ex <= last:
            rule = f"columns below {assets}, a ratio above zero, an ex-date within the panel's sessions"
            raise InputError("stock dividend", rule, tuple(each), "Dates are UTC nanoseconds.")
        _check_pay(each.ex, each.pay, tuple(each))
    old = zip(
        panel.stock_column, panel.stock_ex_date, panel.stock_ratio, panel.stock_payment,
        panel.stock_pay_date, panel.stock_record_date, panel.stock_declared_date, strict=True,
    )  # fmt: skip
    everything = [*(StockDividend(*each) for each in old), *given]
    columns = {name: np.array([getattr(each, name) for each in everything]) for name in StockDividend._fields}
    rows = rows_from(panel, columns["ex"])
    order = np.lexsort((columns["ex"], columns["payment"], columns["column"], rows))
    found = {
        "stock_row": rows,
        "stock_column": columns["column"],
        "stock_ratio": columns["ratio"],
        "stock_payment": columns["payment"],
        "stock_pay": rows_from(panel, columns["pay"]),
        "stock_ex_date": columns["ex"],
        "stock_pay_date": columns["pay"],
        "stock_record_date": columns["record"],
        "stock_declared_date": columns["declared"],
    }
    kinds = {name: np.float64 if name == "stock_ratio" else np.int64 for name in STOCK}
    return {name: np.ascontiguousarray(found[name][order], dtype=kinds[name]) for name in STOCK}


def _check_pay(ex: int, pay: int, received: tuple[object, ...]) -> None:
    if pay != UNKNOWN and pay < ex:
        raise InputError("pay date", "on or after the ex-date", received, "Dates are UTC nanoseconds.")
