"""What happens to positions before a session's orders: financing, dividends, splits, delistings."""

import math

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.fills_nb import close_trip, end_order, hold, log_fill, whole_part
from rustybt_ray.engine.rounding_nb import round_cents
from rustybt_ray.engine.structures import (
    BASIS,
    EVENT_COLUMN,
    EVENT_PAY,
    EVENT_VALUE,
    FILL_DELISTING,
    FILL_SPLIT,
    REST,
    SHARES,
    SIZED,
    STAGE,
    TRIP,
    Record,
)

EX_DATE, PAY_DATE, NO_DATE = 0, 1, 2


@kernel
def event_at(event_rows: IntArray, row: int) -> int:
    """Number of the row among those with an event; -1 if it has none."""
    e = int(np.searchsorted(event_rows, row))
    return e if e < len(event_rows) and event_rows[e] == row else -1


@kernel
def span(starts: IntArray, e: int, kind: int) -> tuple[int, int]:
    """Where the events of a kind on event row number `e` begin and end in their array; nothing for -1."""
    return (starts[e, kind], starts[e + 1, kind]) if e >= 0 else (0, 0)


@kernel
def finance(rules: Record, account: Record, cells: FloatArray, mark: FloatArray, row: int, days: float) -> None:
    """Interest on cash and the cost of borrowed shares for the calendar days since the session before."""
    years = days / 365.0
    earned = account.cash * (rules.interest if account.cash > 0.0 else rules.margin) * years
    if rules.borrow > 0.0 and account.short_positions > 0:
        for a in range(cells.shape[1]):
            if cells[SHARES, a] < 0.0:
                earned += cells[SHARES, a] * mark[a, row - 1] * rules.borrow * years
    account.cash += earned
    account.financing -= earned


@kernel
def pay_claims(rules: Record, account: Record, claims: FloatArray, payments: IntArray, low: int, high: int) -> None:
    """Move the cash of dividends that are paid."""
    for at in range(low, high):
        e = payments[at, 1]
        if rules.dividend_mode == EX_DATE:
            account.claims -= claims[e]
        account.cash += claims[e]
        claims[e] = 0.0


@kernel
def credit_dividends(
    rules: Record, account: Record, cells: FloatArray, claims: FloatArray, dividends: FloatArray, low: int, high: int, row: int
) -> None:  # fmt: skip
    """A row's dividends on the shares held over the row before: cash, or a claim until a known pay row."""
    for e in range(low, high):
        a, pay = int(dividends[e, EVENT_COLUMN]), dividends[e, EVENT_PAY]
        amount = cells[SHARES, a] * dividends[e, EVENT_VALUE]
        if amount == 0.0 or rules.dividend_mode == NO_DATE:
            continue
        now = pay == row or (pay < 0.0 and rules.dividend_mode == EX_DATE)
        if now:
            account.cash += amount
        elif pay > row:
            claims[e] = amount
            if rules.dividend_mode == EX_DATE:
                account.claims += amount
        if now or pay > row:
            cells[TRIP, a] += amount


@kernel
def split_position(
    rules: Record,
    account: Record,
    cells: FloatArray,
    held: IntArray,
    fills: FloatArray,
    row: int,
    a: int,
    ratio: float,
    before: float,
) -> None:
    """Shares times ratio; the fraction of a whole share is paid in cash at the close `before` over the ratio."""
    exact = cells[SHARES, a] / (1.0 / ratio) if rules.near_rounding else cells[SHARES, a] * ratio
    shares = exact
    if rules.near_rounding:
        shares = np.trunc(exact)
    elif rules.whole:
        shares = whole_part(exact)
    price = before / ratio
    if rules.track_basis:
        cells[BASIS, a] = round_cents(cells[BASIS, a] * (1.0 / ratio))
    if rules.split_at_cost:
        price = cells[BASIS, a]
    fraction = exact - shares
    hold(account, cells, held, a, shares)
    if abs(fraction) > 1e-9:
        cash = round_cents(fraction * price) if rules.split_at_cost else fraction * price
        account.cash += cash
        cells[TRIP, a] += cash
        log_fill(account, fills, row, a, -fraction, price, (0.0, 0.0), FILL_SPLIT)
    if shares == 0.0:
        close_trip(account, cells, a)


@kernel
def split_decided(rules: Record, decided: FloatArray, splits: FloatArray, low: int, high: int) -> None:
    """Splits of a row on counts already decided."""
    for e in range(low, high):
        a = int(splits[e, EVENT_COLUMN])
        for slot in range(len(decided)):
            count = decided[slot, a] * splits[e, EVENT_VALUE]
            decided[slot, a] = whole_part(count) if rules.whole and not math.isnan(count) else count


@kernel
def apply_splits(
    rules: Record, account: Record, cells: FloatArray, held: IntArray, decided: FloatArray, fills: FloatArray, mark: FloatArray,
    splits: FloatArray, low: int, high: int, row: int,
) -> None:  # fmt: skip
    """Splits of a row: positions, open orders and counts already decided."""
    for e in range(low, high):
        a, ratio = int(splits[e, EVENT_COLUMN]), splits[e, EVENT_VALUE]
        if cells[SHARES, a] != 0.0:
            split_position(rules, account, cells, held, fills, row, a, ratio, mark[a, row - 1])
        if cells[STAGE, a] == SIZED:
            rest = cells[REST, a] * ratio
            cells[REST, a] = whole_part(rest) if rules.whole else rest
            if cells[REST, a] == 0.0:
                end_order(account, cells, a)
    if rules.decision_sizing:
        split_decided(rules, decided, splits, low, high)


@kernel
def close_delisted(
    rules: Record,
    account: Record,
    cells: FloatArray,
    held: IntArray,
    fills: FloatArray,
    mark: FloatArray,
    delistings: IntArray,
    low: int,
    high: int,
    row: int,
) -> None:
    """Close what was delisted after the row before, at its last price and without commission."""
    for e in range(low, high):
        a = delistings[e, 1]
        end_order(account, cells, a)
        shares = cells[SHARES, a]
        if shares != 0.0:
            price = mark[a, row] * (1.0 + rules.delisting_return)
            account.cash += shares * price
            account.notional += abs(shares) * price
            account.row_notional += abs(shares) * price
            cells[TRIP, a] += shares * price
            hold(account, cells, held, a, 0.0)
            log_fill(account, fills, row, a, -shares, price, (0.0, 0.0), FILL_DELISTING)
            close_trip(account, cells, a)
