"""All segments of one trial in one kernel call."""

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import as_vector, kernel
from rustybt_ray.engine.blotter import Blotter, Stocks, Tape
from rustybt_ray.engine.kept_nb import run_kept
from rustybt_ray.engine.ledger_nb import run_segment
from rustybt_ray.engine.metrics_nb import gather, summarise
from rustybt_ray.engine.structures import EQUITY, FINE, GROSS, Book, Log, Market, Record, Target


@kernel
def reset(rules: Record, book: Book) -> None:
    """Nothing but the capital, in cash."""
    as_vector(book.account, np.int64)[:] = 0
    book.cells[:] = 0.0
    book.claims[:] = 0.0
    book.decided[:] = np.nan
    book.account[0].cash = rules.capital


@kernel
def conclude(
    market: Market, rules: Record, book: Book, segment: IntArray, out: FloatArray, moments: FloatArray
) -> None:
    """Metrics of a segment that has run."""
    account, curves = book.account[0], book.curves
    first, last, day, days = segment[0], segment[1], segment[2], segment[3]
    values, equity = curves[EQUITY, first : last + 1], curves[EQUITY, first : last + 1]
    gross = curves[GROSS, first : last + 1]
    if days < len(values):
        gather(curves, market.closes[day : day + days], book.daily)
        equity, gross = book.daily[EQUITY, :days], book.daily[GROSS, :days]
    summarise(rules, account, values, equity, gross, book.returns[:days], book.lanes, out, moments)


@kernel
def run_segments(
    market: Market, rules: Record, book: Book, segments: IntArray, target: Target, log: Log, out: FloatArray,
    moments: FloatArray,
) -> int:  # fmt: skip
    """Run each segment (first row, last row, first session, sessions) on its own capital; 0, or 1 + the segment refused."""
    for s in range(len(segments)):
        reset(rules[0], book)
        run_segment(market, target, rules[0], book, log, segments[s, 0], segments[s, 1])
        if book.account[0].status != FINE:
            return 1 + s
        conclude(market, rules[0], book, segments[s], out[s], moments[s])
    return 0


@kernel
def run_kept_segments(
    market: Market, stocks: Stocks, rules: Record, book: Book, blotter: Blotter, tape: Tape, segments: IntArray,
    target: Target, log: Log, out: FloatArray, moments: FloatArray,
) -> int:  # fmt: skip
    """As `run_segments` where open orders are kept; -1 if the order book must grow first."""
    for s in range(len(segments)):
        reset(rules[0], book)
        first, last = segments[s, 0], segments[s, 1]
        if not run_kept(market, stocks, target, rules[0], book, blotter, tape, log, first, last):
            return -1
        if book.account[0].status != FINE:
            return 1 + s
        conclude(market, rules[0], book, segments[s], out[s], moments[s])
    return 0
