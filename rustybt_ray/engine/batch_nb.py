"""All segments of a stack of trials in one kernel call."""

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray.engine._jit import array_at, as_vector, kernel
from rustybt_ray.engine.blotter import Blotter, Stocks, Tape
from rustybt_ray.engine.closing_nb import close_all
from rustybt_ray.engine.kept_nb import run_kept
from rustybt_ray.engine.ledger_nb import run_segment
from rustybt_ray.engine.metrics_nb import gather, summarise
from rustybt_ray.engine.structures import (
    CLOSES,
    DAYS,
    DENSE,
    EQUITY,
    FINE,
    FIRST,
    GROSS,
    LAST,
    RETURNS,
    SESSION,
    Book,
    Log,
    Market,
    Record,
    Target,
    Targets,
)


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
    first, last, day, days, at = segment[FIRST], segment[LAST], segment[SESSION], segment[DAYS], segment[RETURNS]
    values, equity = curves[EQUITY, first : last + 1], curves[EQUITY, first : last + 1]
    gross = curves[GROSS, first : last + 1]
    if days < len(values):
        gather(curves, market.closes[day : day + days], book.daily)
        equity, gross = book.daily[EQUITY, :days], book.daily[GROSS, :days]
    returns = book.returns[at : at + days]
    summarise(rules, account, values, equity, gross, returns, out, moments)


@kernel
def target_at(market: Market, targets: Targets, place: int) -> Target:
    """One trial's target."""
    shape = market.price.shape if targets.kind != DENSE else (0, 0)
    mask = array_at(targets.masks[place], shape, np.uint8)
    return Target(targets.kind, targets.weights[place], mask, targets.slots, targets.scheduled)


@kernel
def run_segments(
    market: Market, rules: Record, book: Book, segments: IntArray, targets: Targets, log: Log, low: int, high: int,
    out: FloatArray, moments: FloatArray,
) -> int:  # fmt: skip
    """Run the runs [low, high) of a stack of trials, a run for each segment of each, on its own capital.

    0, or 1 + the run whose weights are refused.
    """
    for run in range(low, high):
        trial = run // len(segments)
        segment = segments[run - trial * len(segments)]
        reset(rules[0], book)
        first, last = segment[FIRST], segment[LAST]
        run_segment(market, target_at(market, targets, trial), rules[0], book, log, first, last)
        if book.account[0].status != FINE:
            return 1 + run
        if segment[CLOSES] != 0:
            close_all(market, rules[0], book.account[0], book, log, first, last)
        conclude(market, rules[0], book, segment, out[run], moments[run])
    return 0


@kernel
def run_kept_segments(
    market: Market, stocks: Stocks, rules: Record, book: Book, blotter: Blotter, tape: Tape, segments: IntArray,
    targets: Targets, log: Log, low: int, high: int, out: FloatArray, moments: FloatArray,
) -> int:  # fmt: skip
    """As `run_segments` where open orders are kept; -1 - the run for which the order book must grow first."""
    for run in range(low, high):
        trial = run // len(segments)
        segment = segments[run - trial * len(segments)]
        reset(rules[0], book)
        first, last = segment[FIRST], segment[LAST]
        target = target_at(market, targets, trial)
        if not run_kept(market, stocks, target, rules[0], book, blotter, tape, log, first, last):
            return -1 - run
        if book.account[0].status != FINE:
            return 1 + run
        if segment[CLOSES] != 0:
            close_all(market, rules[0], book.account[0], book, log, first, last)
        conclude(market, rules[0], book, segment, out[run], moments[run])
    return 0
