"""The short way of a row's orders where nothing is left open: the same bits as the long way, in a third of the time.

It serves rules under which an order that meets a bar is filled whole: no volume limit, a price and a commission that do
not depend on the order, buying power at leverage 1, reductions first; and rows whose orders are long only and meet a bar.
"""

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import kernel
from rustybt_ray.engine.fills_nb import EDGE, close_trip, hold, without_residue
from rustybt_ray.engine.orders_nb import target_weight
from rustybt_ray.engine.structures import PRICE, REST, SHARES, TRIP, ByteArray, Record


@kernel
def find_counts(
    rules: Record, cells: FloatArray, columns: IntArray, price: FloatArray, volume: FloatArray, traded: int, kind: int,
    weights: FloatArray, mask: ByteArray, share: float, row: int, d: int, value: float,
) -> bool:  # fmt: skip
    """Prices and counts of the orders of decision row d; false, and nothing decided, where the long way is needed."""
    for i in range(len(columns)):
        a = columns[i]
        weight, shares, p = target_weight(kind, weights, mask, share, d, a), cells[SHARES, a], price[row, a]
        if weight == 0.0 and shares == 0.0:
            cells[REST, a] = 0.0
            continue
        if not (weight >= 0.0 and p > 0.0) or (traded == 0 and not volume[row, a] > 0.0):
            return False
        wanted = weight * value / p
        cells[REST, a] = (np.floor(wanted + EDGE) if rules.whole else wanted) - shares
        cells[PRICE, a] = p
    return True


@kernel
def fill_all(rules: Record, account: Record, cells: FloatArray, held: IntArray, columns: IntArray) -> None:
    """Fill the counts: reductions first, then openings as far as the cash goes, each in column order."""
    points, per_share, per_dollar, whole = rules.basis_points / 10000.0, rules.per_share, rules.per_dollar, rules.whole
    cash, commissions, slippage = account.cash, account.commission, account.slippage
    notional, row_notional, claims = account.notional, account.row_notional, account.claims
    for turn in range(2):
        for i in range(len(columns)):
            a = columns[i]
            quantity, p = cells[REST, a], cells[PRICE, a]
            if not (quantity < 0.0 if turn == 0 else quantity > 0.0):
                continue
            fill = p + p * (points * (-1.0 if turn == 0 else 1.0))
            asked = quantity
            if turn == 1:
                need = p + (abs(fill - p) + (per_share + fill * per_dollar))
                room = cash + claims
                # a division is spared where the cash is clearly enough
                if asked * need > room * (1.0 - 1e-12):
                    limit = np.floor(room / need + EDGE) if whole else room / need
                    quantity = min(asked, max(limit, 0.0))
                    account.cuts += 1.0 if quantity < asked else 0.0
                    if quantity == 0.0:
                        continue
            size, before = abs(quantity), cells[SHARES, a]
            amount, money = quantity * fill, size * fill
            commission = size * per_share + money * per_dollar
            cash = cash - amount - commission
            if turn == 1:
                cash = without_residue(cash, money, fill)
            commissions += commission
            slippage += abs(fill - p) * size
            notional += money
            row_notional += money
            after = before + quantity
            if not whole and abs(after) <= 1e-12 * size:
                after = 0.0
            cells[TRIP, a] -= amount + commission
            if before == 0.0 or after == 0.0:
                hold(account, cells, held, a, after)
                if after == 0.0:
                    close_trip(account, cells, a)
            else:
                cells[SHARES, a] = after
    account.cash, account.commission, account.slippage = cash, commissions, slippage
    account.notional, account.row_notional = notional, row_notional
