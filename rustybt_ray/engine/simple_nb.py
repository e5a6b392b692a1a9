"""The short way of a row's orders where nothing is left open: the same bits as the long way, in a third of the time.

It serves rules under which an order that meets a bar is filled whole: no volume limit, a price and a commission that do
not depend on the order, buying power at leverage 1, reductions first; and rows whose orders are long only and meet a bar.
"""

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.fills_nb import EDGE, close_trip, hold, without_residue
from rustybt_ray.engine.orders_nb import target_weight
from rustybt_ray.engine.structures import PRICE, REST, SHARES, TRIP, ByteArray, Market, Record


@kernel
def count_of(rules: Record, weight: float, value: float, p: float, shares: float) -> float:
    """Shares to buy, or less than 0 to sell, of a target of `weight` at price `p`; NaN where the long way is needed."""
    if not (weight >= 0.0 and p > 0.0):
        return np.nan
    wanted = weight * value / p
    return (np.floor(wanted + EDGE) if rules.whole else wanted) - shares


@kernel
def find_counts(
    market: Market, rules: Record, cells: FloatArray, columns: IntArray, kind: int, weights: FloatArray, mask: ByteArray,
    share: float, row: int, d: int, value: float,
) -> bool:  # fmt: skip
    """Prices and counts of the orders of decision row d; false, and nothing decided, where the long way is needed."""
    for i in range(len(columns)):
        a = columns[i]
        weight, shares, p = target_weight(kind, weights, mask, share, d, a), cells[SHARES, a], market.price[row, a]
        if weight == 0.0 and shares == 0.0:
            cells[REST, a] = 0.0
            continue
        rest = count_of(rules, weight, value, p, shares)
        if np.isnan(rest) or (market.traded == 0 and not market.volume[row, a] > 0.0):
            return False
        cells[REST, a], cells[PRICE, a] = rest, p
    return True


@kernel
def split_columns(cells: FloatArray, columns: IntArray, sales: IntArray, purchases: IntArray) -> tuple[int, int]:
    """Columns that sell and columns that buy; their numbers. Without a branch: the processor cannot guess them."""
    selling = buying = 0
    for i in range(len(columns)):
        a = columns[i]
        sales[selling] = purchases[buying] = a
        selling += 1 if cells[REST, a] < 0.0 else 0
        buying += 1 if cells[REST, a] > 0.0 else 0
    return selling, buying


@kernel
def change_position(
    rules: Record, account: Record, cells: FloatArray, held: IntArray, a: int, quantity: float, paid: float
) -> None:
    """Add to a long position, or take from it; `paid` is what the round trip costs by it."""
    before = cells[SHARES, a]
    after = before + quantity
    if not rules.whole and abs(after) <= 1e-12 * abs(quantity):
        after = 0.0
    cells[TRIP, a] -= paid
    if before == 0.0 or after == 0.0:
        hold(account, cells, held, a, after)
        if after == 0.0:
            close_trip(account, cells, a)
    else:
        cells[SHARES, a] = after


@kernel
def sell(rules: Record, account: Record, cells: FloatArray, held: IntArray, a: int, size: float, p: float) -> None:
    """Take `size` shares from a long position."""
    fill = p - p * rules.slippage
    money = size * fill
    commission = size * rules.per_share + money * rules.per_dollar
    account.cash = account.cash + money - commission
    account.commission += commission
    account.slippage += abs(fill - p) * size
    account.notional += money
    account.row_notional += money
    change_position(rules, account, cells, held, a, -size, commission - money)


@kernel
def buy(rules: Record, account: Record, cells: FloatArray, held: IntArray, a: int, asked: float, p: float) -> None:
    """Add `asked` shares to a long position, or as many as the cash allows."""
    fill = p + p * rules.slippage
    need = p + (abs(fill - p) + (rules.per_share + fill * rules.per_dollar))
    room, size = account.cash + account.claims, asked
    # a division is spared where the cash is clearly enough
    if asked * need > room * (1.0 - 1e-12):
        limit = np.floor(room / need + EDGE) if rules.whole else room / need
        size = min(asked, max(limit, 0.0))
        account.cuts += 1.0 if size < asked else 0.0
        if size == 0.0:
            return
    money = size * fill
    commission = size * rules.per_share + money * rules.per_dollar
    account.cash = without_residue(account.cash - money - commission, money, fill)
    account.commission += commission
    account.slippage += abs(fill - p) * size
    account.notional += money
    account.row_notional += money
    change_position(rules, account, cells, held, a, size, money + commission)


@kernel
def fill_single(
    rules: Record, account: Record, cells: FloatArray, held: IntArray, a: int, weight: float, p: float, value: float
) -> bool:
    """Count and fill a row's only order; false, and nothing done, where the long way is needed."""
    shares = cells[SHARES, a]
    if weight == 0.0 and shares == 0.0:
        return True
    rest = count_of(rules, weight, value, p, shares)
    if rest < 0.0:
        sell(rules, account, cells, held, a, -rest, p)
    elif rest > 0.0:
        buy(rules, account, cells, held, a, rest, p)
    return not np.isnan(rest)


@kernel
def fill_all(
    rules: Record, account: Record, cells: FloatArray, held: IntArray, sales: IntArray, purchases: IntArray
) -> None:
    """Fill the counts: reductions first, then openings as far as the cash goes, each in column order."""
    for i in range(len(sales)):
        a = sales[i]
        sell(rules, account, cells, held, a, -cells[REST, a], cells[PRICE, a])
    for i in range(len(purchases)):
        a = purchases[i]
        buy(rules, account, cells, held, a, cells[REST, a], cells[PRICE, a])
