"""An algorithm made ready for many trials of one panel, as the simulator is for target functions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._typing import FloatArray
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.market import make_segments
from rustybt_ray.engine.metrics import MOMENTS, NAMES, ORDERED, ordered_metrics
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.stepwise import SteppedLedger
from rustybt_ray.engine.structures import Book
from rustybt_ray.exceptions import InputError
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.api import activate
from rustybt_ray.zipline.benchmark import benchmark_of_series
from rustybt_ray.zipline.defaults import ZIPLINE_COSTS
from rustybt_ray.zipline.errors import NotSupported, ZeroCapitalError
from rustybt_ray.zipline.history import History
from rustybt_ray.zipline.orders import order_id
from rustybt_ray.zipline.record import Record
from rustybt_ray.zipline.run import AlgorithmRun

if TYPE_CHECKING:
    from rustybt_ray.zipline.result import AlgorithmBacktest


class AlgorithmRunner:
    """Runs algorithms on a view.

    Parameters
    ----------
    view : Panel
        As `rustybt_ray.data.grid.on_grid` makes it; daily bars.
    segments : tuple of (int, int)
        First and last row of each segment; each starts with `capital` in cash.
    capital : float, default 1_000_000.0
    costs : Costs, optional
        Where the algorithm sets no model of its own; by default zipline's.
    fill : "next_close"
        zipline's daily orders fill at the close.
    settings : Settings, optional
        By default zipline's.
    closing : tuple of bool, optional
        Segments at whose end every position is closed, by the costs that the ledger knows: an algorithm's own models in
        Python are not asked.

    Raises
    ------
    NotSupported
        If the bars are not daily.
    ZeroCapitalError
        If there is no capital.
    InputError
        If `fill` is another, or `settings` are not of kept orders.
    """

    def __init__(
        self,
        view: Panel,
        segments: tuple[tuple[int, int], ...],
        *,
        capital: float = 1_000_000.0,
        costs: Costs | None = None,
        fill: str = "next_close",
        settings: Settings | None = None,
        closing: tuple[bool, ...] | None = None,
    ) -> None:
        costs, settings = costs or ZIPLINE_COSTS, settings or Settings.zipline()
        check_rules(view, fill, settings)
        if capital <= 0:
            raise ZeroCapitalError
        history = History(view)
        self.panel, self.segments = view, make_segments(view, segments, closing)
        terms: dict[str, Any] = {"capital": capital, "costs": costs, "settings": settings}
        ends = closing or (False,) * len(segments)
        ledgers = (SteppedLedger(view, s, closing=end, **terms) for s, end in zip(segments, ends, strict=True))
        self._runs = [AlgorithmRun(ledger, history, costs, settings) for ledger in ledgers]

    def run(self, algorithm: Algorithm, params: Mapping[str, Any], out: FloatArray, moments: FloatArray) -> None:
        """Run it in every segment, each time loaded anew.

        Parameters
        ----------
        algorithm : Algorithm
        params : mapping
        out, moments : ndarray of float64, C-contiguous
            As of `Simulator.run`.
        """
        for i in range(len(self._runs)):
            self.run_one(algorithm, params, i, out, moments)

    def run_one(
        self, algorithm: Algorithm, params: Mapping[str, Any], segment: int, out: FloatArray, moments: FloatArray
    ) -> None:
        """Run it in one segment, loaded anew, and fill that row of `out` and `moments`."""
        run = self._runs[segment]
        with activate(run):
            run.run(algorithm.load(params), params, record=False)
        run.ledger.conclude(out[segment], moments[segment])

    def returns(self, days: int) -> FloatArray:
        """Daily returns of the segment that ran last, a view that the next run overwrites."""
        return self._runs[-1].ledger.returns()[:days]

    def segment_returns(self, segment: int) -> FloatArray:
        """Daily returns of a segment, a view that its next run overwrites."""
        return self._runs[segment].ledger.returns()

    def book_of(self, segment: int) -> Book:
        """The ledger of a segment as its last run left it."""
        return self._runs[segment].ledger.book

    def release(self) -> None:
        """Nothing is held of the run that was last."""

    def record(
        self, algorithm: Algorithm, params: Mapping[str, Any], benchmark_returns: Any = None
    ) -> "AlgorithmBacktest":
        """Run the first segment and keep everything that happened; the algorithm's `analyze` is called with it.

        `benchmark_returns`, a pandas Series or a mapping by date, count where the algorithm sets no benchmark.
        """
        from rustybt_ray.zipline.result import AlgorithmBacktest

        run = self._runs[0]
        first, last = run.ledger.first, run.ledger.last
        given = None if benchmark_returns is None else benchmark_of_series(self.panel, benchmark_returns, first, last)
        run.given_benchmark = given
        with activate(run):
            functions = algorithm.load(params)
            context = run.run(functions, params, record=True)
            result = AlgorithmBacktest.of(_record(run))
            if functions.analyze is not None:
                functions.analyze(context, result.perf.to_pandas())
        return result


def check_rules(panel: Panel, fill: str, settings: Settings) -> None:
    """What algorithms need of a bundle and of the ledger.

    Raises
    ------
    NotSupported
        If a session has several bars.
    InputError
        If orders would fill at the opening, or newer weights would replace open orders.
    """
    if len(panel.time) != len(panel.sessions):
        what = f"a zipline algorithm on a bundle with {len(panel.time)} bars in {len(panel.sessions)} sessions"
        remedy = "Ingest daily bars, or write a target function: f(data, **params)."
        raise NotSupported(what=what, remedy=remedy)
    if fill != "next_close":
        raise InputError("fill", "'next_close' of a zipline algorithm", fill, "Leave it out.")
    if not settings.kept or settings.price_grid is None or settings.delay:
        received = {name: getattr(settings, name) for name in ("open_orders", "price_grid", "delay")}
        remedy = "Use Settings.zipline(...), which takes the other choices as keywords."
        rule = "of kept orders on the price grid without delay"
        raise InputError("settings of a zipline algorithm", rule, received, remedy)


def _record(run: AlgorithmRun) -> Record:
    ledger = run.ledger
    out, moments = np.full(len(NAMES), np.nan), np.full(MOMENTS, np.nan)
    ledger.conclude(out, moments)
    returns = ledger.returns().copy()
    metrics = dict(zip(NAMES, out.tolist(), strict=True)) | dict(zip(ORDERED, ordered_metrics(returns), strict=True))
    tape = ledger.written()
    return Record(
        view=ledger.panel,
        first=ledger.first,
        last=ledger.last,
        capital=ledger.capital,
        benchmark=run.benchmark_returns,
        daily=tape.daily,
        transactions=tape.transactions.copy(),
        orders=tape.reports.copy(),
        positions=tape.holdings.copy(),
        recorded=run.written_records(),
        order_ids=order_id,
        metrics=metrics,
        returns=returns,
        equity=ledger.equity().copy(),
    )
