"""Rounding as Python and zipline do it: money to cents, orders to whole shares."""

import numpy as np

from rustybt_ray.engine._jit import kernel

SPLITTER = 134217729.0  # 2**27 + 1
NEAR = 1e-4  # shares; zipline's tolerance of a whole number
COARSE = 2.0**46  # from here on the next number is more than a cent away


@kernel
def product_error(x: float, y: float) -> float:
    """What rounding took from ``x * y``, exactly (Dekker's product)."""
    product, high_x, high_y = x * y, SPLITTER * x, SPLITTER * y
    high_x = high_x - (high_x - x)
    high_y = high_y - (high_y - y)
    low_x, low_y = x - high_x, y - high_y
    return ((high_x * high_y - product) + high_x * low_y + low_x * high_y) + low_x * low_y


@kernel
def round_cents(x: float) -> float:
    """``round(x, 2)`` as Python rounds: the exact value of `x` to the nearest cent, a tie to the even one.

    numba's own `round` multiplies first, and is wrong for a tenth of all half cents.
    """
    if not abs(x) < COARSE:
        return x
    product = x * 100.0
    below = np.floor(product)
    above_half = (product - below - 0.5) + product_error(x, 100.0)
    if above_half == 0.0:
        return np.rint(product) / 100.0
    return (below + 1.0 if above_half > 0.0 else below) / 100.0


@kernel
def round_shares(x: float) -> float:
    """Shares of an order of `x`: the whole number that is within 1e-4 (zipline), else towards zero."""
    near = np.rint(x)
    return near if abs(x - near) <= NEAR else np.trunc(x)
