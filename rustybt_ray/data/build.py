"""A panel from plain arrays: derived arrays and the version are made here, for ingest and for tests alike."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._typing import IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.data.adjust import forward_factors
from rustybt_ray.data.digest import canonical, digests, version_of
from rustybt_ray.data.panel import Panel
from rustybt_ray.exceptions import InputError

DAY = 86_400_000_000_000


def panel_from_arrays(
    time: ArrayLike,
    symbols: Sequence[str],
    open: ArrayLike,  # noqa: A002 - the field's own name
    high: ArrayLike,
    low: ArrayLike,
    close: ArrayLike,
    volume: ArrayLike,
    splits: Iterable[Sequence[float]] = (),
    dividends: Iterable[Sequence[float]] = (),
    *,
    session: ArrayLike | None = None,
    sessions: ArrayLike | None = None,
    open_time: ArrayLike | None = None,
    close_time: ArrayLike | None = None,
    periods_per_year: int = 252,
    fractional: bool | None = None,
) -> Panel:
    """A panel on copies of these arrays.

    Parameters
    ----------
    time : array_like, shape (T,)
        Rising UTC nanoseconds or datetime64: the session's midnight for daily bars, the bar's opening for intraday.
    symbols : sequence of str
        The N columns, in code point order.
    open, high, low, close, volume : array_like, shape (T, N)
        As traded; NaN where there is no bar.
    splits : iterable of (row, column, ratio)
        New shares per old share.
    dividends : iterable of (row, column, amount) or (row, column, amount, pay row)
        Cash per share held over the previous row; pay row -1 (default) where it is unknown, T after the last row.
    session : array_like of int, shape (T,), optional
        Position of each row's session. Default: the UTC day of `time`.
    sessions, open_time, close_time : array_like, shape (S,), optional
        Date, opening and close of each session. Default: UTC days from midnight to midnight.
    periods_per_year : int, default 252
    fractional : bool, optional
        Default: whether a volume has a fraction.

    Raises
    ------
    InputError
        If shapes, order or events do not fit together.

    Examples
    --------
    >>> price = [[10.0], [11.0], [6.0]]
    >>> days = ["2020-01-02", "2020-01-03", "2020-01-06"]
    >>> panel = panel_from_arrays(days, ["A"], price, price, price, price, [[1e6]] * 3, splits=[(2, 0, 2.0)])
    >>> panel.factor.ravel(), panel.shape
    (array([1., 1., 2.]), (3, 1))
    """
    times, names = _times("time", time), _symbols(symbols)
    shape = (len(times), len(names))
    axes = _axes(times, session, sessions, open_time, close_time)
    bars = {"open": open, "high": high, "low": low, "close": close, "volume": volume}
    fields = {name: canonical(values) for name, values in bars.items()}
    for name, array in fields.items():
        if array.shape != shape:
            raise InputError(
                name, f"of shape {shape} (rows, assets)", array.shape, "Pass one row a bar, one column a symbol."
            )
    split_row, split_column, split_ratio = _events("splits", splits, shape, 3)
    dividend_row, dividend_column, dividend_amount, dividend_pay = _events("dividends", dividends, shape, 4)
    arrays = {
        **axes,
        **fields,
        "split_row": split_row.astype(np.int64),
        "split_column": split_column.astype(np.int64),
        "split_ratio": split_ratio,
        "dividend_row": dividend_row.astype(np.int64),
        "dividend_column": dividend_column.astype(np.int64),
        "dividend_amount": dividend_amount,
        "dividend_pay": dividend_pay.astype(np.int64),
    }
    if fractional is None:
        fractional = has_fraction(arrays["volume"])
    return finish_panel(names, check_count("periods_per_year", periods_per_year, low=1), bool(fractional), arrays)


def finish_panel(
    symbols: tuple[str, ...], periods_per_year: int, fractional: bool, arrays: dict[str, np.ndarray]
) -> Panel:
    """The panel of canonical, checked arrays: adds the derived ones and the version."""
    names = ("split_row", "split_column", "split_ratio", "dividend_row", "dividend_column", "dividend_amount")
    derived = forward_factors(arrays["close"], *(arrays[name] for name in names))
    version = version_of(digests(symbols, periods_per_year, fractional, arrays))
    scalars = {"version": version, "symbols": symbols, "periods_per_year": periods_per_year, "fractional": fractional}
    return Panel.from_arrays(scalars, {**arrays, **derived._asdict()})


def has_fraction(volume: np.ndarray) -> bool:
    """Whether any volume is no whole number."""
    return bool(np.any(volume != np.floor(volume), where=~np.isnan(volume)))


def _symbols(symbols: Sequence[str]) -> tuple[str, ...]:
    names = tuple(symbols)
    if not names or "" in names or sorted(set(names)) != list(names):
        rule = "different names in code point order, at least one"
        raise InputError("symbols", rule, names, "Sort the symbols, and the columns of every field with them.")
    return names


def _times(name: str, values: ArrayLike, *, strict: bool = True) -> IntArray:
    """UTC nanoseconds, one-dimensional, not empty and rising."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        array = array.astype("datetime64[ns]")
    times = np.array(array, dtype=np.int64)
    low = 1 if strict else 0
    if times.ndim != 1 or not len(times) or np.any(np.diff(times) < low):
        rule = "one-dimensional, not empty and rising"
        at = int(np.argmax(np.diff(times) < low)) + 1 if times.ndim == 1 and len(times) else times.shape
        raise InputError(name, rule, at, "The number is the first position that does not rise.")
    return times


def _axes(
    time: IntArray,
    session: ArrayLike | None,
    sessions: ArrayLike | None,
    open_time: ArrayLike | None,
    close_time: ArrayLike | None,
) -> dict[str, np.ndarray]:
    """The five axes of a panel; what is not given is a UTC day."""
    day = time - time % DAY
    if session is None:
        given = np.unique(day) if sessions is None else _times("sessions", sessions)
        position = np.searchsorted(given, day, side="right") - 1
    else:
        position = np.array(session, dtype=np.int64)
        first = np.unique(position, return_index=True)[1]
        given = day[first] if sessions is None else _times("sessions", sessions)
    if (
        position.shape != time.shape
        or np.any(np.unique(position) != np.arange(len(given)))
        or np.any(np.diff(position) < 0)
    ):
        remedy = "Every session needs a row, and every row a session."
        raise InputError("session", f"positions 0..{len(given) - 1} that never fall", position.tolist()[:10], remedy)
    opens = given if open_time is None else _times("open_time", open_time)
    closes = given + DAY if close_time is None else _times("close_time", close_time)
    for name, array in (("open_time", opens), ("close_time", closes)):
        if array.shape != given.shape:
            raise InputError(name, f"of shape {given.shape}", array.shape, "Pass one time a session.")
    if np.any(opens >= closes):
        at = int(np.argmax(opens >= closes))
        raise InputError("open_time", "before close_time", at, "The number is the first session's position.")
    return {
        "time": time,
        "session": position,
        "sessions": given.copy(),
        "open_time": opens.copy(),
        "close_time": closes.copy(),
    }


def _events(name: str, events: Iterable[Sequence[float]], shape: tuple[int, int], width: int) -> tuple[np.ndarray, ...]:
    """Columns of events in row and column order; the pay row is -1 where it is not given."""
    rows = [[*event, -1.0][:width] if len(event) < width else list(event) for event in events]
    table = np.array(rows, dtype=np.float64).reshape(-1, width)
    value = table[:, 2]
    good = (value > 0.0) & np.isfinite(value) & (table[:, 0] >= 0) & (table[:, 0] < shape[0])
    good &= (table[:, 1] >= 0) & (table[:, 1] < shape[1]) & (table == np.rint(table))[:, :2].all(axis=1)
    if width == 4:
        good &= (table[:, 3] >= -1) & (table[:, 3] <= shape[0]) & ((table[:, 3] < 0) | (table[:, 3] >= table[:, 0]))
    if not good.all():
        bad = table[int(np.argmin(good))].tolist()
        rule = f"(row, column, positive number{', pay row' if width == 4 else ''}) inside {shape}"
        raise InputError(name, rule, tuple(bad), "Rows and columns count from 0.")
    order = np.lexsort((table[:, 1], table[:, 0]))
    return tuple(np.ascontiguousarray(column) for column in table[order].T)
