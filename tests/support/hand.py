"""Small panels and cases for tests whose numbers are worked out by hand."""

import numpy as np
from cases import Case
from reference_market import Plan

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings

NAN = float("nan")


def panel_of(close, *, opened=None, volume=None, splits=(), dividends=(), dates=None, session=None, periods=252):
    """Daily bars from 2021-03-01 (a Monday) on, a calendar day a row; columns of prices, None where there is no bar."""
    close = _table(close)
    rows, n = close.shape
    time = np.datetime64("2021-03-01") + np.arange(rows) if dates is None else np.array(dates, "datetime64[ns]")
    opened = close if opened is None else _table(opened)
    volume = np.full((rows, n), 1e6) if volume is None else _table(volume)
    volume = np.where(np.isnan(close), np.nan, volume)
    high, low = np.fmax(opened, close), np.fmin(opened, close)
    return panel_from_arrays(
        time,
        "ABCDEFG"[:n],
        opened,
        high,
        low,
        close,
        volume,
        splits,
        dividends,
        session=session,
        periods_per_year=periods,
        fractional=False,
    )


def case_of(panel, plan, *, first=0, last=None, capital=1000.0, costs=None, fill="next_close", **settings):
    """A case on the whole panel, whole shares; `plan` may be columns of plain weights, None where nothing is ordered."""
    if not isinstance(plan, Plan):
        plan = Plan("plain", _table(plan, panel.shape).tolist())
    last = len(panel.time) - 1 if last is None else last
    return Case(panel, plan, first, last, capital, costs or Costs(), fill, Settings(**settings))


def column(*values):
    """One asset's column."""
    return [list(values)]


def _table(columns, shape=None):
    """Columns as a float array [rows, columns]; what is missing is NaN."""
    table = np.full(shape or (max(map(len, columns)), len(columns)), np.nan)
    for i, values in enumerate(columns):
        table[: len(values), i] = [NAN if v is None else v for v in values]
    return table
