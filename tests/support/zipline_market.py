"""Small markets for tests of zipline's rooms, and what its history would say, word for word."""

import math
from types import SimpleNamespace

import numpy as np

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import adjustments, on_grid
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.zipline.assets import AssetFinder
from rustybt_ray.zipline.bardata import BarData
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.history import History


def market(close, start="2021-03-01", volume=1000.0, **events):
    """A view of sessions of New York with these closes, (T,) or (T, N); NaN is a blank bar."""
    price = np.asarray(close, dtype=float)
    price = price[:, None] if price.ndim == 1 else price
    names = [chr(65 + k) * 3 for k in range(price.shape[1])]
    day = np.datetime64(start, "D").item()
    sessions = sessions_between(day, day.replace(year=day.year + 5))[0][: len(price)]
    volumes = np.where(np.isnan(price), np.nan, volume)
    return on_grid(panel_from_arrays(sessions, names, price, price, price, price, volumes, **events))


def seen(view, row=None, **options):
    """`data` on a row of a view, with everything around it."""
    clock = Clock(0, len(view.sessions) - 1)
    clock.row = clock.last if row is None else row
    clock.dt = int(view.close_time[clock.row])
    finder, history = AssetFinder(view, clock), History(view)
    data = BarData(view, clock, finder, history, **options)
    return SimpleNamespace(data=data, clock=clock, finder=finder, history=history, assets=list(finder.equities))


def step(run, view, row):
    run.clock.row, run.clock.dt = row, int(view.close_time[row])


def adjusted(view, found, field, column, x, row):
    """Value of row x as of `row`: ratio by ratio in order of date, dividends before splits, then rounded."""
    value = float(getattr(view, field)[x, column])
    for at in range(found.start[column], found.start[column + 1]):
        if x < found.row[at] <= row:
            if field != "volume":
                value *= found.ratio[at]
            elif found.split[at]:
                value *= 1.0 / found.ratio[at]
    return float(np.round(value, 3))


def price_of(view, found, column, x, row):
    """Price on row x as of `row`: the last close times all splits since, then all dividends; not rounded."""
    while x >= 0 and math.isnan(view.close[x, column]):
        x -= 1
    if x < 0:
        return math.nan
    own = range(found.start[column], found.start[column + 1])
    ratio = 1.0
    for kind in (True, False):
        for at in own:
            if x < found.row[at] <= row and found.split[at] == kind:
                ratio *= found.ratio[at]
    return float(view.close[x, column]) * ratio


def by_definition(view, field, column, row, count):
    """A window of one column, as the rules say it."""
    found, first = adjustments(view), row - count + 1
    stored = "close" if field == "price" else field
    values = [adjusted(view, found, stored, column, x, row) for x in range(first, row + 1)]
    if field != "price":
        return values
    if math.isnan(values[0]):
        traded = [x for x in range(first + 1) if view.volume[x, column] != 0.0]
        if traded:
            then = price_of(view, found, column, traded[-1], traded[-1])
            own = range(found.start[column], found.start[column + 1])
            ratio = 1.0
            for kind in (True, False):
                for at in own:
                    if traded[-1] < found.row[at] <= row and found.split[at] == kind:
                        ratio *= found.ratio[at]
            values[0] = then * ratio
    for x in range(1, count):
        if math.isnan(values[x]):
            values[x] = values[x - 1]
    end = view.life[1][column]
    return [value if first + x <= end else math.nan for x, value in enumerate(values)]
