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
    EVENT_ROW,
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

EX_DATE, PAY_DATE, NEVER = 0, 1, 2


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
def pay_claims(rules: Record, account: Record, claims: FloatArray, payments: IntArray, row: int) -> None:
    """Move the cash of dividends whose pay row this is."""
    for at in range(np.searchsorted(payments[:, 0], row), len(payments)):
        if payments[at, 0] != row:
            break
        e = payments[at, 1]
        if rules.dividend_mode == EX_DATE:
            account.claims -= claims[e]
        account.cash += claims[e]
        claims[e] = 0.0


@kernel
def credit_dividends(
    rules: Record, account: Record, cells: FloatArray, claims: FloatArray, dividends: FloatArray, row: int
) -> None:
    """Dividends on the shares held over the row before: cash, or a claim until a known pay row."""
    for e in range(np.searchsorted(dividends[:, EVENT_ROW], row), len(dividends)):
        if dividends[e, EVENT_ROW] != row:
            break
        a, pay = int(dividends[e, EVENT_COLUMN]), dividends[e, EVENT_PAY]
        amount = cells[SHARES, a] * dividends[e, EVENT_VALUE]
        if amount == 0.0 or rules.dividend_mode == NEVER:
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
def split_decided(rules: Record, decided: FloatArray, splits: FloatArray, row: int) -> None:
    """Splits of a row on counts already decided."""
    for e in range(np.searchsorted(splits[:, EVENT_ROW], row), len(splits)):
        if splits[e, EVENT_ROW] != row:
            break
        a = int(splits[e, EVENT_COLUMN])
        for slot in range(len(decided)):
            count = decided[slot, a] * splits[e, EVENT_VALUE]
            decided[slot, a] = whole_part(count) if rules.whole and not math.isnan(count) else count


@kernel
def apply_splits(
    rules: Record, account: Record, cells: FloatArray, held: IntArray, decided: FloatArray, fills: FloatArray, mark: FloatArray,
    splits: FloatArray, row: int,
) -> None:  # fmt: skip
    """Splits of a row: positions, open orders and counts already decided."""
    for e in range(np.searchsorted(splits[:, EVENT_ROW], row), len(splits)):
        if splits[e, EVENT_ROW] != row:
            break
        a, ratio = int(splits[e, EVENT_COLUMN]), splits[e, EVENT_VALUE]
        if cells[SHARES, a] != 0.0:
            split_position(rules, account, cells, held, fills, row, a, ratio, mark[a, row - 1])
        if cells[STAGE, a] == SIZED:
            rest = cells[REST, a] * ratio
            cells[REST, a] = whole_part(rest) if rules.whole else rest
            if cells[REST, a] == 0.0:
                end_order(account, cells, a)
    if rules.decision_sizing:
        split_decided(rules, decided, splits, row)


@kernel
def close_delisted(
    rules: Record,
    account: Record,
    cells: FloatArray,
    held: IntArray,
    fills: FloatArray,
    mark: FloatArray,
    delistings: IntArray,
    row: int,
) -> None:
    """Close what was delisted after the row before, at its last price and without commission."""
    for e in range(np.searchsorted(delistings[:, 0], row), len(delistings)):
        if delistings[e, 0] != row:
            break
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
