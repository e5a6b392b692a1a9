"""Fills: volume, price, buying power, commission, and what a fill does to cash and positions."""

import math

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.structures import (
    BAR_SHARES,
    BASIS,
    CHARGED,
    CUT,
    DONE_NOTIONAL,
    DONE_SHARES,
    EQUITY,
    FILL_ORDER,
    NONE,
    PRICE,
    REST,
    SHARES,
    STAGE,
    TRIP,
    VOLUME,
    Market,
    Record,
)

EDGE = 1e-9  # shares; what rounding may have taken from a whole number


@kernel
def whole_part(x: float) -> float:
    """The shares of a position of `x`, towards zero."""
    return np.floor(x + EDGE) if x >= 0.0 else -np.floor(EDGE - x)


@kernel
def end_order(account: Record, cells: FloatArray, a: int) -> None:
    """Take the order of asset `a` off the book."""
    if cells[STAGE, a] != NONE:
        cells[STAGE, a] = NONE
        account.open_orders -= 1
    cells[REST, a] = 0.0


@kernel
def log_fill(
    account: Record,
    fills: FloatArray,
    row: int,
    a: int,
    shares: float,
    price: float,
    paid: tuple[float, float],
    kind: int,
) -> None:
    """Write a fill, with its commission and slippage `paid`, where a replay asked for it; count it always."""
    at = account.logged
    if at < fills.shape[0]:
        fills[at, 0], fills[at, 1], fills[at, 2], fills[at, 3] = row, a, shares, price
        fills[at, 4], fills[at, 5], fills[at, 6] = paid[0], paid[1], kind
    account.logged += 1


@kernel
def close_trip(account: Record, cells: FloatArray, a: int) -> None:
    """A round trip of asset `a` has ended; its cash is its profit or loss."""
    profit = cells[TRIP, a]
    account.trades += 1.0
    account.wins += 1.0 if profit > 0.0 else 0.0
    account.gains += profit if profit > 0.0 else 0.0
    account.losses -= 0.0 if profit > 0.0 else profit
    cells[TRIP, a] = 0.0


@kernel
def hold(account: Record, cells: FloatArray, held: IntArray, a: int, shares: float) -> None:
    """Set a position; `held` lists the columns with one, in order, and short ones are counted."""
    before = cells[SHARES, a]
    cells[SHARES, a] = shares
    if shares < 0.0:
        account.short_positions += 1
    if before < 0.0:
        account.short_positions -= 1
    if before == 0.0 and shares != 0.0:
        i = account.positions
        while i > 0 and held[i - 1] > a:
            held[i] = held[i - 1]
            i -= 1
        held[i] = a
        account.positions += 1
    elif before != 0.0 and shares == 0.0:
        account.positions -= 1
        at = 0
        while held[at] != a:
            at += 1
        for i in range(at, account.positions):
            held[i] = held[i + 1]


@kernel
def fill_price(rules: Record, price: float, side: float, shares: float, done: float, volume: float) -> float:
    """What a share costs when `shares` more fill on a bar that has already filled `done`."""
    if rules.price_impact > 0.0:
        share = min((done + shares) / volume, rules.volume_limit)
        return price + share * share * (rules.price_impact * side) * price
    return price + price * (rules.slippage * side) + rules.spread / 2.0 * side


@kernel
def affordable(rules: Record, account: Record, cells: FloatArray, a: int, fill: float) -> float:
    """Shares that buying power allows to open at `fill`, its commission included."""
    leverage, price = rules.max_leverage, cells[PRICE, a]
    room = leverage * (account.cash + account.claims)
    if leverage != 1.0 or account.short_positions > 0:
        room += (leverage - 1.0) * account.row_longs + (leverage + 1.0) * account.row_shorts
    a_share = rules.per_share + fill * rules.per_dollar
    spread = abs(fill - price)
    variable = cells[DONE_SHARES, a] * rules.per_share + cells[DONE_NOTIONAL, a] * rules.per_dollar
    owed = rules.fixed + variable - cells[CHARGED, a]
    limit = (room - leverage * owed) / (price + leverage * (spread + a_share))
    if rules.minimum > 0.0:
        owed = rules.minimum - cells[CHARGED, a]
        limit = min(limit, (room - leverage * owed) / (price + leverage * spread))
    if rules.whole:
        limit = np.floor(limit + EDGE)
    return max(limit, 0.0)


@kernel
def charge(rules: Record, cells: FloatArray, a: int, size: float, notional: float) -> float:
    """Commission of a fill: what the order owes by now, less what it was charged before."""
    cells[DONE_SHARES, a] += size
    cells[DONE_NOTIONAL, a] += notional
    due = rules.fixed + cells[DONE_SHARES, a] * rules.per_share + cells[DONE_NOTIONAL, a] * rules.per_dollar
    due = max(due, rules.minimum)
    commission = due - cells[CHARGED, a]
    cells[CHARGED, a] = due
    return commission


@kernel
def book_fill(
    rules: Record,
    account: Record,
    cells: FloatArray,
    held: IntArray,
    a: int,
    quantity: float,
    fill: float,
    commission: float,
) -> None:
    """Book `quantity` signed shares at `fill`: cash, position, round trip, sums. `PRICE` is the price before slippage."""
    size, price, before = abs(quantity), cells[PRICE, a], cells[SHARES, a]
    account.cash -= quantity * fill
    if rules.after_bar:
        account.after_bar += commission
    else:
        account.cash -= commission
    account.commission += commission
    account.slippage += abs(fill - price) * size
    account.notional += size * fill
    account.row_notional += size * fill
    after = before + quantity
    if not rules.whole and abs(after) <= 1e-12 * size:
        after = 0.0
    if rules.track_basis and quantity * before >= 0.0:
        cells[BASIS, a] = (cells[BASIS, a] * before + quantity * fill) / after
    hold(account, cells, held, a, after)
    cells[TRIP, a] -= quantity * fill + commission
    if after == 0.0:
        close_trip(account, cells, a)


@kernel
def execute(
    rules: Record, account: Record, cells: FloatArray, held: IntArray, fills: FloatArray, row: int, a: int, quantity: float,
    fill: float,
) -> None:  # fmt: skip
    """Charge and book a fill; keep the row's exposures and the shares filled on this bar up to date."""
    size, price, before = abs(quantity), cells[PRICE, a], cells[SHARES, a]
    commission = charge(rules, cells, a, size, size * fill)
    book_fill(rules, account, cells, held, a, quantity, fill, commission)
    after = cells[SHARES, a]
    account.row_longs += (max(after, 0.0) - max(before, 0.0)) * price
    account.row_shorts += (min(after, 0.0) - min(before, 0.0)) * price
    cells[BAR_SHARES, a] += size
    if fills.shape[0] > 0:
        log_fill(account, fills, row, a, quantity, fill, (commission, abs(fill - price) * size), FILL_ORDER)


@kernel
def count_turnover(market: Market, rules: Record, account: Record, curves: FloatArray, first: int, row: int) -> None:
    """Add what was traded on a row, of the value at the close before it, or of the capital in the segment's first session."""
    before = row - 1 if len(market.closes) == len(market.previous_close) else market.previous_close[row]
    account.turnover += account.row_notional / (curves[EQUITY, before] if before >= first else rules.capital)
    account.row_notional = 0.0


@kernel
def without_residue(cash: float, notional: float, fill: float) -> float:
    """Cash after a purchase of all of it: an overdraft by the tolerance of a share and by rounding is no debt."""
    return 0.0 if -(1e-8 * fill + 1e-12 * notional) <= cash < 0.0 else cash


@kernel
def fill_part(
    rules: Record,
    account: Record,
    cells: FloatArray,
    held: IntArray,
    fills: FloatArray,
    row: int,
    a: int,
    opening: bool,
) -> None:
    """Fill what this bar allows of the part of an order that opens (or of the part that reduces) a position."""
    shares, rest = cells[SHARES, a], cells[REST, a]
    side = 1.0 if rest > 0.0 else -1.0
    reducing = min(abs(rest), abs(shares)) if shares * rest < 0.0 else 0.0
    asked = abs(rest) if opening else reducing
    if asked <= 0.0 or (opening and reducing > 0.0):
        return
    volume = cells[VOLUME, a]
    if rules.volume_limit > 0.0:
        free = rules.volume_limit * volume - cells[BAR_SHARES, a]
        asked = min(asked, np.floor(free + EDGE) if rules.whole else free)
        if asked <= 0.0:
            return
    fill = fill_price(rules, cells[PRICE, a], side, asked, cells[BAR_SHARES, a], volume)
    if fill <= 0.0:
        return
    size = asked
    if opening and rules.max_leverage < math.inf:
        size = min(asked, affordable(rules, account, cells, a, fill))
        if size < asked:
            if cells[CUT, a] == 0.0:
                cells[CUT, a] = 1.0
                account.cuts += 1.0
            fill = fill_price(rules, cells[PRICE, a], side, size, cells[BAR_SHARES, a], volume)
    if size > 0.0:
        execute(rules, account, cells, held, fills, row, a, side * size, fill)
        if opening:
            account.cash = without_residue(account.cash, size * fill, fill)
    left = rest - side * asked
    cells[REST, a] = 0.0 if not rules.whole and abs(left) <= 1e-12 * asked else left
