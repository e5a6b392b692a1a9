"""One trial: a panel, weights and rules in; metrics, and on request everything that happened, out."""

import ctypes
from copy import copy
from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from rustybt_ray._loading import undisturbed
from rustybt_ray._record import record_class
from rustybt_ray._typing import BoolArray, FloatArray, IntArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.market import make_rules, make_segments, market_of, scheduled_rows, stock_dividends
from rustybt_ray.engine.metrics import MOMENTS, NAMES, ORDERED, ordered_metrics
from rustybt_ray.engine.native import Kernel, address_of, leaves
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.structures import (
    DAYS,
    DENSE,
    EQUITY,
    INFINITE,
    LOG_COLUMNS,
    MASK_CHANGE,
    MASK_SCHEDULE,
    RETURNS,
    Book,
    Log,
    Targets,
    make_book,
)
from rustybt_ray.engine.weights import Weights
from rustybt_ray.exceptions import InputError, WeightsError

if TYPE_CHECKING:
    import polars as pl

    from rustybt_ray.engine.blotter import Blotter

run_segments = Kernel("rustybt_ray.engine.batch_nb", "run_segments")
run_kept_segments = Kernel("rustybt_ray.engine.batch_nb", "run_kept_segments")
KINDS = ("order", "delisting", "split fraction", "closing")
NO_WEIGHTS = np.zeros((0, 0, 0))
NO_MASKS = np.zeros(0, np.int64)
NO_ROWS = np.zeros(0, np.bool_)
NO_RESULT = np.zeros((0, 0))
for _array in (NO_WEIGHTS, NO_MASKS, NO_ROWS, NO_RESULT):
    _array.flags.writeable = False
NO_TARGETS = Targets(DENSE, NO_WEIGHTS, NO_MASKS, 0, NO_ROWS)
NO_LOG = Log(np.zeros((0, LOG_COLUMNS)), np.zeros((0, 0)), np.zeros(0))


class Simulator:
    """The ledger made ready for many trials of one panel with the same rules.

    Parameters
    ----------
    panel : Panel
    segments : tuple of (int, int)
        First and last row of each segment; each starts with `capital` in cash.
    capital, costs, fill, settings
        As in `simulate`.
    closing : tuple of bool, optional
        Segments at whose end everything is closed at the last session's close, with costs; by default none.
    """

    def __init__(
        self,
        panel: Panel,
        segments: tuple[tuple[int, int], ...],
        *,
        capital: float = 1_000_000.0,
        costs: Costs | None = None,
        fill: str = "next_close",
        settings: Settings | None = None,
        closing: tuple[bool, ...] | None = None,
    ) -> None:
        settings = settings or Settings()
        self.panel = panel
        self.segments = make_segments(panel, segments, closing)
        self.market = market_of(panel, fill, exact=settings.kept)
        self.rules = make_rules(panel, capital, costs or Costs(), settings)
        self.settings = settings
        self._schedules: dict[str, BoolArray] = {}
        self._mask: BoolArray | None = None  # the one that is traded
        self._prepare()

    def twin(self) -> "Simulator":
        """Another one of the same panel and rules, for another thread."""
        other = copy(self)
        other._schedules, other._mask = {}, None
        other._prepare()
        return other

    def _prepare(self) -> None:
        """What a trial writes to."""
        panel, days = self.panel, int(self.segments[:, DAYS].sum())
        self.book = make_book(*panel.shape, len(panel.dividend_row), self.settings.delay, days)
        self.blotter = _blotter(panel) if self.settings.kept else None
        self._address = np.zeros(1, np.int64)
        self._bind()

    def _bind(self) -> None:
        same: tuple[Any, ...] = (self.market, self.rules, self.book, self.segments)
        kernel = run_segments
        if self.blotter is not None:
            from rustybt_ray.engine.blotter import NO_TAPE, Stocks

            stocks = Stocks(*stock_dividends(self.panel, exact=True))
            same = (self.market, stocks, self.rules, self.book, self.blotter, NO_TAPE, self.segments)
            kernel = run_kept_segments
        self._run = kernel.bind(*same, NO_TARGETS, NO_LOG, 0, 0, NO_RESULT, NO_RESULT)
        self._first = len(leaves(same))

    def run(self, weights: Weights | ArrayLike, out: FloatArray, moments: FloatArray, log: Log = NO_LOG) -> None:
        """Trade `weights` in every segment.

        Parameters
        ----------
        weights : Weights or array_like, shape (T, N)
        out : ndarray of float64, C-contiguous, shape (segments, len(NAMES) or more)
            Filled with the metrics of `metrics.NAMES`.
        moments : ndarray of float64, C-contiguous, shape (segments, 37)
            Filled with n, mean, standard deviation, skewness and kurtosis of the daily returns, 16 block sums and sums of squares.
        log : Log
            Where fills, positions and cash are written; by default nowhere.

        Raises
        ------
        WeightsError
            If the weights do not fit the panel, are infinite, or order more than `max_leverage`.
        """
        target = self.target(weights)
        _check_outputs(out, moments)
        if self._go(target, 0, len(self.segments), log, out, moments):
            raise self._refusal(target)

    def run_each(
        self, weights: Weights | ArrayLike, out: FloatArray, moments: FloatArray, only: int | None = None
    ) -> dict[int, WeightsError]:
        """As `run`, but a segment in which the weights are refused costs only itself: NaN, and its error by its number.

        `only` runs one segment and fills its row alone.

        Raises
        ------
        WeightsError
            If the weights do not fit the panel.
        """
        target = self.target(weights)
        _check_outputs(out, moments)
        return self.run_stack(target, *((0, len(self.segments)) if only is None else (only, only + 1)), out, moments)

    def run_stack(
        self, targets: Targets, low: int, high: int, out: FloatArray, moments: FloatArray
    ) -> dict[int, WeightsError]:
        """Make the runs [low, high) of a stack of trials, one for each segment of each; `out` and `moments` have a row a run.

        Returns
        -------
        dict of int to WeightsError
            Runs whose weights are refused; their rows are NaN.
        """
        errors: dict[int, WeightsError] = {}
        while refused := self._go(targets, low, high, NO_LOG, out, moments):
            low, run = refused, refused - 1
            errors[run] = self._refusal(targets, run // len(self.segments))
            out[run], moments[run] = np.nan, np.nan
        return errors

    def _go(self, targets: Targets, low: int, high: int, log: Log, out: FloatArray, moments: FloatArray) -> int:
        """Make the runs [low, high), one for each segment of each trial; 0, or 1 + the one refused."""
        self._run.replace(self._first, *targets, *log, low, high, out, moments)
        refused = self._run()
        while refused < 0 and self.blotter is not None:
            from rustybt_ray.engine.blotter import grown

            self.blotter = grown(self.blotter)
            self._bind()
            self._run.replace(self._first, *targets, *log, -1 - refused, high, out, moments)
            refused = self._run()
        return refused

    def target(self, weights: Weights | ArrayLike) -> Targets:
        """The weights of one trial as the ledger reads them, until the next call."""
        if not isinstance(weights, Weights):
            weights = Weights(values=_plain(weights))
        if weights.shape != self.panel.shape:
            what = f"weights must have the shape of the panel, {self.panel.shape}; received {weights.shape}"
            raise WeightsError(what, "rows x assets", "Return one row a bar and one column an asset of data.close.")
        if weights.mask is not None:
            self._mask = np.ascontiguousarray(weights.mask, dtype=np.bool_)
            self._address[0] = address_of(self._mask)
            return self.mask_targets(self._address, weights)
        values = np.ascontiguousarray(weights.values, dtype=np.float64)[None]
        if weights.rebalance is not None:
            values = np.where(self._schedule(weights.rebalance)[:, None], values, np.nan)
        values.flags.writeable = False
        return Targets(DENSE, values, self._address, 0, NO_ROWS)

    def mask_targets(self, masks: IntArray, like: Weights) -> Targets:
        """Masks of the panel's shape at these addresses, with the slots and the schedule of these weights."""
        slots = 0 if like.slots == "listed" else like.slots or self.panel.shape[1]
        if like.rebalance == "change":
            return Targets(MASK_CHANGE, NO_WEIGHTS, masks, slots, NO_ROWS)
        return Targets(MASK_SCHEDULE, NO_WEIGHTS, masks, slots, self._schedule(like.rebalance or "daily"))

    def release(self) -> None:
        """Let go of the weights that were traded last."""
        self._run.replace(self._first, *NO_TARGETS, *NO_LOG, 0, 0, NO_RESULT, NO_RESULT)
        self._mask = None

    def returns(self, days: int) -> FloatArray:
        """Daily returns of the first segment, a view that the next trial overwrites."""
        return self.book.returns[:days]

    def segment_returns(self, segment: int) -> FloatArray:
        """Daily returns of a segment, a view that its next run overwrites."""
        at, days = (int(self.segments[segment, column]) for column in (RETURNS, DAYS))
        return self.book.returns[at : at + days]

    def book_of(self, segment: int) -> Book:
        """The ledger as the segment that ran last left it; nothing of others is kept but their returns."""
        return self.book

    def _schedule(self, name: str) -> BoolArray:
        if name not in self._schedules:
            self._schedules[name] = scheduled_rows(self.panel, name)
        return self._schedules[name]

    def _refusal(self, targets: Targets, trial: int = 0) -> WeightsError:
        row = int(self.book.account["status_row"][0])
        day = str(np.datetime64(int(self.panel.time[row]), "ns").astype("datetime64[D]"))
        where = f"row {row}, {day}"
        if self.book.account["status"][0] == INFINITE:
            return WeightsError("weights must be finite or NaN; received an infinite one", where, "NaN orders nothing.")
        if targets.kind == DENSE:
            gross = float(np.abs(targets.weights[trial, row]).sum())
        else:
            first, last = self.market.listing
            assets = self.panel.shape[1]
            at = int(targets.masks[trial]) + row * assets
            chosen = assets - (ctypes.c_uint8 * assets).from_address(at)[:].count(0)
            listed = int(((first <= row) & (row <= last)).sum())
            gross = chosen / max(targets.slots or listed, chosen)
        limit = self.rules["max_leverage"][0]
        what = f"the sum of absolute weights must be at most max_leverage = {limit:g}; received {gross:.12g}"
        return WeightsError(what, where, "Scale the weights, or raise Settings(max_leverage=...).")


@record_class(frozen=True, eq=False)
class Backtest:
    """Everything that happened in one trial.

    Attributes
    ----------
    metrics : dict of str to float
        Every metric of `metrics.METRICS` and `metrics.ORDERED`.
    equity, cash : ndarray of float64, shape (rows,)
        Value and cash at each row's close, in money.
    returns : ndarray of float64, shape (days,)
        Daily returns, as fractions.
    positions : ndarray of float64, shape (rows, N)
        Shares at each row's close.
    """

    panel: Panel = field(repr=False)
    first: int
    last: int
    metrics: dict[str, float]
    equity: FloatArray = field(repr=False)
    cash: FloatArray = field(repr=False)
    returns: FloatArray = field(repr=False)
    positions: FloatArray = field(repr=False)
    log: FloatArray = field(repr=False)

    @cached_property
    def fills(self) -> "pl.DataFrame":
        """Every change of a position: row, column, time, symbol, shares (signed), price, commission, slippage, kind."""
        with undisturbed():
            import polars as pl

        rows, columns = self.log[:, 0].astype(np.int64), self.log[:, 1].astype(np.int64)
        return pl.DataFrame(
            {
                "row": rows,
                "column": columns,
                "time": self.panel.time[rows].astype("datetime64[ns]"),
                "symbol": pl.Series([self.panel.symbols[c] for c in columns], dtype=pl.String),
                "shares": self.log[:, 2],
                "price": self.log[:, 3],
                "commission": self.log[:, 4],
                "slippage": self.log[:, 5],
                "kind": pl.Series([KINDS[int(k)] for k in self.log[:, 6]], dtype=pl.String),
            }
        )

    @cached_property
    def curve(self) -> "pl.DataFrame":
        """Value and cash by time, one row a bar."""
        with undisturbed():
            import polars as pl

        time = self.panel.time[self.first : self.last + 1].astype("datetime64[ns]")
        return pl.DataFrame({"time": time, "equity": self.equity, "cash": self.cash})

    @cached_property
    def holdings(self) -> "pl.DataFrame":
        """Shares by time, one column an asset."""
        with undisturbed():
            import polars as pl

        columns = {name: self.positions[:, i] for i, name in enumerate(self.panel.symbols)}
        return pl.DataFrame({"time": self.curve["time"], **columns})


def simulate(
    panel: Panel,
    weights: Weights | ArrayLike,
    first: int,
    last: int,
    *,
    capital: float = 1_000_000.0,
    costs: Costs | None = None,
    fill: str = "next_close",
    settings: Settings | None = None,
) -> Backtest:
    """Trade `weights` over rows first..last of a panel and keep everything.

    Parameters
    ----------
    panel : Panel
    weights : Weights or array_like, shape (T, N)
        Decided at each row's close; NaN orders nothing, 0 closes.
    first, last : int
        Rows of the segment, both included.
    capital : float, default 1_000_000.0
        Money at the start.
    costs : Costs, default Costs()
        Commission, slippage and financing; free of charge by default.
    fill : {"next_close", "next_open"}
        The price an order fills at, on the row after its decision (and `settings.delay` more).
    settings : Settings, default Settings()

    Returns
    -------
    Backtest
        Its metrics are bitwise those of the same trial in a study.

    Raises
    ------
    WeightsError
        If the weights do not fit the panel, are infinite, or order more than `max_leverage`.
    InputError
        If an argument is out of range.
    """
    simulator = Simulator(panel, ((first, last),), capital=capital, costs=costs, fill=fill, settings=settings)
    return record(simulator, weights)


def record(simulator: Simulator, weights: Weights | ArrayLike) -> Backtest:
    """Run the simulator's first segment and keep everything that happened."""
    panel = simulator.panel
    first, last, _, days = (int(value) for value in simulator.segments[0, :4])
    out = np.full((len(simulator.segments), len(NAMES)), np.nan)
    moments = np.full((len(simulator.segments), MOMENTS), np.nan)
    log = Log(np.zeros((1024, LOG_COLUMNS)), np.zeros(panel.shape), np.zeros(len(panel.time)))
    simulator.run(weights, out, moments, log)
    if (count := int(simulator.book.account["logged"][0])) > len(log.fills):
        log = log._replace(fills=np.zeros((count, LOG_COLUMNS)))
        simulator.run(weights, out, moments, log)
    returns = simulator.returns(days).copy()
    metrics = dict(zip(NAMES, out[0].tolist(), strict=True))
    metrics |= dict(zip(ORDERED, ordered_metrics(returns), strict=True))
    rows = slice(first, last + 1)
    return Backtest(
        panel=panel,
        first=first,
        last=last,
        metrics=metrics,
        equity=simulator.book.curves[EQUITY, rows].copy(),
        cash=log.cash[rows],
        returns=returns,
        positions=log.positions[rows],
        log=log.fills[:count],
    )


def _check_outputs(*arrays: FloatArray) -> None:
    for array in arrays:
        if not array.flags.c_contiguous or array.dtype != np.float64:
            raise InputError("out and moments", "C-contiguous float64", array.dtype, "Use numpy.empty.")


def _blotter(panel: Panel) -> "Blotter":
    # loaded here because rules under which orders are replaced have no book
    from rustybt_ray.engine.blotter import make_blotter

    return make_blotter(panel.shape[1], len(panel.stock_row))


def _plain(weights: ArrayLike) -> FloatArray:
    array = np.asarray(weights)
    if array.dtype == np.bool_:
        what = "a mask has no weights: received an array of bool"
        raise WeightsError(what, f"shape {array.shape}", "Return rb.equal_weight(mask), or numbers.")
    try:
        return np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError):
        what = f"weights must be numbers; received {type(weights).__name__} of {array.dtype}"
        raise WeightsError(
            what, f"shape {array.shape}", "Return rb.equal_weight(mask), or an array of float."
        ) from None
