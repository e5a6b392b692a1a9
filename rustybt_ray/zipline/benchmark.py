"""Daily returns of a benchmark, as zipline takes them from an asset or a series."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rustybt_ray._typing import DateLike, FloatArray
from rustybt_ray.data.panel import Panel, as_date
from rustybt_ray.exceptions import InputError
from rustybt_ray.zipline.assets import Equity
from rustybt_ray.zipline.dates import naive
from rustybt_ray.zipline.errors import (
    BenchmarkAssetNotAvailableTooEarly,
    BenchmarkAssetNotAvailableTooLate,
    InvalidBenchmarkAsset,
)
from rustybt_ray.zipline.history import History


def benchmark_of_asset(view: Panel, asset: Equity, first: int, last: int) -> FloatArray:
    """Percent changes of an asset's history "price" as of the last session.

    Parameters
    ----------
    view : Panel
        As `rustybt_ray.data.grid.on_grid` makes it.
    asset : Equity
    first, last : int
        Rows of the simulation.

    Returns
    -------
    ndarray of float64, shape (last - first + 1,)
        The first against the close before it; if the asset starts on that session, its close against its opening, both as
        stored.

    Raises
    ------
    InvalidBenchmarkAsset
        If a dividend in shares lies within the simulation, from ex-date to pay date.
    BenchmarkAssetNotAvailableTooEarly, BenchmarkAssetNotAvailableTooLate
        If the asset starts after the first session or ends before the last one.
    """
    _check_asset(view, asset, first, last)
    starts = asset.first_row == first
    count = last - first + (1 if starts else 2)
    price = History(view).window("price", (asset.column,), last, count)[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):  # adjusted prices round to 0 after many splits
        changes = price[1:] / price[:-1] - 1.0
    if not starts:
        return changes
    opening, close = view.open[first, asset.column], view.close[first, asset.column]
    return np.concatenate([[(close - opening) / opening], changes])


def benchmark_of_series(view: Panel, returns: Any, first: int, last: int) -> FloatArray:
    """A series of daily returns on the sessions of a simulation; 0 where it has none, or NaN.

    Parameters
    ----------
    view : Panel
    returns : pandas Series by date, or mapping of date to number
        Dates without a zone, each once; what has a zone counts by its local date.
    first, last : int
        Rows of the simulation.

    Raises
    ------
    InputError
        If it is neither, or a date comes twice.
    """
    days, values = _dates_and_values(returns)
    sessions = view.sessions[first : last + 1].astype("datetime64[ns]").astype("datetime64[D]")
    order = np.argsort(days, kind="stable")
    days, values = days[order], values[order]
    twice = np.flatnonzero(days[1:] == days[:-1])
    if len(twice):
        remedy = "Leave one of the two out."
        raise InputError("benchmark_returns", "a series with each date once", str(days[twice[0]]), remedy)
    made = np.zeros(len(sessions))
    at = np.searchsorted(days, sessions)
    found = at < len(days)
    found[found] = days[at[found]] == sessions[found]
    made[found] = np.nan_to_num(values[at[found]], nan=0.0, posinf=np.inf, neginf=-np.inf)
    return made


def _check_asset(view: Panel, asset: Equity, first: int, last: int) -> None:
    start, end = int(view.sessions[first]), int(view.sessions[last])
    own = view.stock_column == asset.column
    inside = own & (view.stock_ex_date > start) & (view.stock_pay_date < end)
    if inside.any():
        raise InvalidBenchmarkAsset(sid=str(asset), dt=naive(int(view.stock_ex_date[inside][0])))
    if asset.first_row > first:
        started = asset.start_date
        raise BenchmarkAssetNotAvailableTooEarly(sid=str(asset), dt=naive(start), start_dt=started)
    if asset.last_row < last:
        raise BenchmarkAssetNotAvailableTooLate(sid=str(asset), dt=naive(end), end_dt=asset.end_date)


def _dates_and_values(returns: Any) -> tuple[np.ndarray, FloatArray]:
    if isinstance(returns, Mapping):
        given: Mapping[DateLike, float] = returns
        days = [as_date(day, "benchmark_returns") for day in given]
        return np.array(days, dtype="datetime64[D]"), np.array(list(given.values()), dtype=np.float64)
    index: Any = getattr(returns, "index", None)
    if not hasattr(index, "tz_localize") or not hasattr(returns, "to_numpy"):
        remedy = "Give a Series with a DatetimeIndex, or a dict of date to return."
        raise InputError("benchmark_returns", "a pandas Series by date or a mapping", type(returns).__name__, remedy)
    days = index.tz_localize(None).to_numpy().astype("datetime64[D]")
    return days, np.asarray(returns.to_numpy(), dtype=np.float64)
