"""Small numbers: zipline's ``utils.math_utils``."""

import math
from decimal import Decimal

from numpy import nanargmax, nanargmin, nanmax, nanmean, nanmedian, nanmin, nanstd, nansum

__all__ = [
    "consistent_round", "nanargmax", "nanargmin", "nanmax", "nanmean", "nanmedian", "nanmin", "nanstd", "nansum",
    "number_of_decimal_places", "round_if_near_integer", "tolerant_equals",
]  # fmt: skip


def tolerant_equals(a: float, b: float, atol: float = 10e-7, rtol: float = 10e-7, equal_nan: bool = False) -> bool:
    """Whether two numbers are equal but for 1e-6, absolute or relative; NaN equals NaN if `equal_nan`.

    Examples
    --------
    >>> tolerant_equals(1.0, 1.0000009), tolerant_equals(0.0, 0.000002)
    (True, False)
    """
    if equal_nan and math.isnan(a) and math.isnan(b):
        return True
    return math.isclose(a, b, rel_tol=rtol, abs_tol=atol)


def round_if_near_integer(a: float, epsilon: float = 1e-4) -> float:
    """`a`, or the nearest integer if it is within `epsilon`; half to even, as Python's `round`.

    Raises
    ------
    ValueError
        If `a` is NaN.
    OverflowError
        If `a` is infinite.

    Examples
    --------
    >>> round_if_near_integer(3.99995), round_if_near_integer(3.9998)
    (4, 3.9998)
    """
    near = round(a)
    return near if abs(a - near) <= epsilon else a


def consistent_round(value: float) -> int:
    """The nearest integer; halves go up.

    Examples
    --------
    >>> consistent_round(2.5), consistent_round(-2.5), consistent_round(2.4)
    (3, -2, 2)
    """
    return math.ceil(value) if value % 1 >= 0.5 else round(value)


def number_of_decimal_places(n: float | str) -> int:
    """Digits after the point of a number as it is written.

    Examples
    --------
    >>> number_of_decimal_places(3.14), number_of_decimal_places("3.140")
    (2, 3)
    """
    exponent = Decimal(str(n)).as_tuple().exponent
    return -int(exponent)
