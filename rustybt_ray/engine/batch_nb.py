"""All segments of one trial in one kernel call."""

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import as_vector, kernel
from rustybt_ray.engine.ledger_nb import run_segment
from rustybt_ray.engine.metrics_nb import gather, summarise
from rustybt_ray.engine.structures import EQUITY, FINE, GROSS, Book, Log, Market, Record, Target


@kernel
def run_segments(
    market: Market, rules: Record, book: Book, segments: IntArray, target: Target, log: Log, out: FloatArray,
    moments: FloatArray,
) -> int:  # fmt: skip
    """Run each segment (first row, last row, first session, sessions) on its own capital; 0, or 1 + the segment refused."""
    account, curves = book.account[0], book.curves
    for s in range(len(segments)):
        first, last, day, days = segments[s, 0], segments[s, 1], segments[s, 2], segments[s, 3]
        as_vector(book.account, np.int64)[:] = 0
        book.cells[:] = 0.0
        book.claims[:] = 0.0
        book.decided[:] = np.nan
        account.cash = rules[0].capital
        run_segment(market, target, rules[0], book, log, first, last)
        if account.status != FINE:
            return 1 + s
        values, equity = curves[EQUITY, first : last + 1], curves[EQUITY, first : last + 1]
        gross = curves[GROSS, first : last + 1]
        if days < len(values):
            gather(curves, market.closes[day : day + days], book.daily)
            equity, gross = book.daily[EQUITY, :days], book.daily[GROSS, :days]
        returns = book.returns[:days]
        summarise(rules[0], account, values, equity, gross, returns, book.lanes, out[s], moments[s])
    return 0
