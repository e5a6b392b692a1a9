"""rustybt's walk-forward: our windows over the rows of a table, or `rustybt_ray.walk_forward` over a bundle."""

import logging
import secrets
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._validation import check_choice, check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.aggregates import aggregate, stability
from rustybt_ray.optimization.base import SearchAlgorithm
from rustybt_ray.optimization.objective import ObjectiveFunction
from rustybt_ray.optimization.optimizer import Optimizer
from rustybt_ray.optimization.parameter_space import ParameterSpace
from rustybt_ray.validation.forward import Expanding, Rolling
from rustybt_ray.validation.segments import Window
from rustybt_ray.validation.selection import PROPOSED, select

if TYPE_CHECKING:
    import polars as pl

TYPES = ("rolling", "expanding")
log = logging.getLogger("rustybt_ray.study")


@record_class(frozen=True)
class WindowConfig:
    """Lengths in sessions: `rustybt_ray.Rolling` or, with ``window_type="expanding"``, `rustybt_ray.Expanding`.

    Raises
    ------
    InputError
        If a length is below 1, `step_size` is above `test_period` (sessions would be in no test), or there is no such type.
    """

    train_period: int
    validation_period: int
    test_period: int
    step_size: int
    window_type: Literal["rolling", "expanding"] = "rolling"

    def __post_init__(self) -> None:
        for name in ("train_period", "validation_period", "test_period", "step_size"):
            check_count(name, getattr(self, name), low=1, remedy="It counts sessions.")
        check_choice("window_type", self.window_type, TYPES)
        self.ours  # noqa: B018 - which refuses what it cannot be

    @property
    def ours(self) -> Rolling | Expanding:
        """The same in our words."""
        kind = Rolling if self.window_type == "rolling" else Expanding
        lengths = {"train": self.train_period, "validate": self.validation_period, "test": self.test_period}
        return kind(**lengths, step=self.step_size)


@record_class(frozen=True)
class WindowData:
    """The rows of one window.

    Attributes
    ----------
    train_data, validation_data, test_data : polars.DataFrame
    train_start_idx, train_end_idx, ... : int
        First and last row of each, both included.
    """

    train_data: "pl.DataFrame"
    validation_data: "pl.DataFrame"
    test_data: "pl.DataFrame"
    train_start_idx: int
    train_end_idx: int
    validation_start_idx: int
    validation_end_idx: int
    test_start_idx: int
    test_end_idx: int


@record_class(frozen=True)
class WindowResult:
    """What one window chose, and what that is worth.

    Attributes
    ----------
    window_id : int
    best_params : dict
        Empty if no point could be chosen.
    train_metrics, validation_metrics, test_metrics : dict
        With a "score" each; empty likewise.
    train_start_idx, train_end_idx, test_start_idx, test_end_idx : int
    optimization_trials : int
    """

    window_id: int
    best_params: dict[str, Any]
    train_metrics: dict[str, Any]
    validation_metrics: dict[str, Any]
    test_metrics: dict[str, Any]
    train_start_idx: int
    train_end_idx: int
    test_start_idx: int
    test_end_idx: int
    optimization_trials: int


@record_class(frozen=True)
class WalkForwardResult:
    """All windows.

    Attributes
    ----------
    window_results : list of WindowResult
    aggregate_metrics : dict
        By "train", "validation" and "test": mean, median, std, min and max of the score and the usual metrics.
    parameter_stability : dict
        By parameter: mean, std, min, max, coefficient of variation, and whether that is below 0.2.
    num_windows : int
    config : WindowConfig
    """

    window_results: list[WindowResult]
    aggregate_metrics: dict[str, dict[str, Decimal]]
    parameter_stability: dict[str, dict[str, Any]]
    num_windows: int
    config: WindowConfig


class WalkForwardOptimizer:
    """A walk-forward: `rustybt_ray.walk_forward`.

    Validation chooses here: train proposes its ten best, the best of them on the validation rows goes to the test. (rustybt
    looks at validation and chooses by train alone.)

    Parameters
    ----------
    parameter_space : ParameterSpace
    search_algorithm_factory : callable
        Returns a new search, one a window; with `bundle` it is not called, say ``search="random", n_trials=...`` instead.
    objective_function : ObjectiveFunction
    backtest_function : callable, or a strategy with `bundle`
        ``f(params, data)`` that returns ``{"performance_metrics": {...}}``; with `bundle` a strategy of ours.
    config : WindowConfig
    max_trials_per_window : int, default 100
    bundle : str, Bundle or Panel, optional
        With it ``run()`` is `rustybt_ray.walk_forward`: all windows in one queue, with its result.
    **options
        Further arguments of `rustybt_ray.walk_forward`, or, without `bundle`, of `rustybt_ray.optimize`.

    Raises
    ------
    InputError
        If `max_trials_per_window` is below 1.
    """

    def __init__(
        self,
        parameter_space: ParameterSpace,
        search_algorithm_factory: Callable[[], SearchAlgorithm] | None,
        objective_function: ObjectiveFunction,
        backtest_function: Callable[..., Any],
        config: WindowConfig,
        max_trials_per_window: int = 100,
        *,
        bundle: Any = None,
        **options: Any,
    ) -> None:
        self.parameter_space, self.search_algorithm_factory = parameter_space, search_algorithm_factory
        self.objective_function, self.backtest_function = objective_function, backtest_function
        self.config, self.bundle, self.options = config, bundle, options
        self.max_trials_per_window = check_count("max_trials_per_window", max_trials_per_window, low=1)

    def run(self, data: "pl.DataFrame | None" = None) -> Any:
        """All windows.

        Parameters
        ----------
        data : polars.DataFrame, optional
            A row a session, in order of time; left out with `bundle`.

        Returns
        -------
        WalkForwardResult, or with `bundle` a rustybt_ray.WalkForward

        Raises
        ------
        InputError
            If both or neither of them are given, or no window fits.
        """
        if (data is None) == (self.bundle is None):
            given = "neither" if data is None else "both"
            remedy = "Call run(data) with rows, or WalkForwardOptimizer(..., bundle='mag-7').run()."
            raise InputError("data or bundle", "given, one of the two", given, remedy)
        if data is None:
            return self._on_bundle()
        if self.search_algorithm_factory is None:
            remedy = "Pass lambda: RandomSearchAlgorithm(space, n_iter=100)."
            raise InputError("search_algorithm_factory", "given without a bundle", None, remedy)
        found = [self._window(number, window) for number, window in enumerate(self.windows(data))]
        return WalkForwardResult(
            window_results=found,
            aggregate_metrics=aggregate(found),
            parameter_stability=stability(found),
            num_windows=len(found),
            config=self.config,
        )

    def windows(self, data: "pl.DataFrame") -> list[WindowData]:
        """The windows of these rows; a last test that they cut short is left out, as rustybt does.

        Raises
        ------
        InputError
            If none fits.
        """
        least = self.config.train_period + self.config.validation_period + self.config.test_period
        if len(data) < least:
            raise InputError("data", f"at least {least} rows", len(data), "Shorten the windows.")
        found = self.config.ours.windows(np.datetime64("1970-01-01") + np.arange(len(data)))
        return [_rows(data, window) for window in found if not window.partial]

    def _on_bundle(self) -> Any:
        import rustybt_ray as rb

        aim = {"objective": self.objective_function.ours, "direction": self.objective_function.direction}
        size = self.parameter_space.cardinality()
        if "search" not in self.options and not 0 < size <= self.max_trials_per_window:
            aim |= {"search": "random", "n_trials": self.max_trials_per_window}  # type: ignore[dict-item]
        found = {"bundle": self.bundle, "space": self.parameter_space.ours, "windows": self.config.ours, **aim}
        return rb.walk_forward(self.backtest_function, **{**found, **self.options})

    def _window(self, number: int, window: WindowData) -> WindowResult:
        assert self.search_algorithm_factory is not None
        optimizer = Optimizer(
            self.parameter_space,
            self.search_algorithm_factory(),
            self.objective_function,
            partial(_on_rows, self.backtest_function, window.train_data),
            self.max_trials_per_window,
            **{"version": f"window {number} of {secrets.token_hex(8)}", **self.options},
        )
        try:
            optimizer.optimize()
        except InputError:
            if optimizer.study is None:
                raise
            log.warning("window %d: no trial has a score; it is a gap", number)
        chosen, validation = self._choose(optimizer, window.validation_data)
        test = {} if chosen is None else self._metrics(chosen.params, window.test_data)
        return WindowResult(
            window_id=number,
            best_params={} if chosen is None else dict(chosen.params),
            train_metrics={} if chosen is None else {**chosen.backtest_metrics, "score": chosen.score},
            validation_metrics=validation,
            test_metrics=test,
            train_start_idx=window.train_start_idx,
            train_end_idx=window.train_end_idx,
            test_start_idx=window.test_start_idx,
            test_end_idx=window.test_end_idx,
            optimization_trials=len(optimizer.results),
        )

    def _choose(self, optimizer: Optimizer, rows: "pl.DataFrame") -> tuple[Any, dict[str, Any]]:
        """The best on the validation rows of train's best, and its metrics there; None if there is none."""
        results = optimizer.results
        train = np.array([[float(r.score) if r.score.is_finite() else np.nan for r in results]])
        proposed = [place for place in select(train).proposed[0].tolist() if place >= 0] if results else []
        validation = np.full(train.shape, np.nan)
        found: dict[int, dict[str, Any]] = {}
        for place in proposed:
            found[place] = self._metrics(results[place].params, rows)
            validation[0, place] = float(found[place]["score"])
        if not proposed:
            return None, {}
        chosen = int(select(train, validation=validation, k=PROPOSED).chosen[0])
        return (results[chosen], found[chosen]) if chosen >= 0 else (None, {})

    def _metrics(self, params: dict[str, Any], rows: "pl.DataFrame") -> dict[str, Any]:
        """What the function says of these rows, with its score; not a number if it fails."""
        try:
            result = self.backtest_function(dict(params), rows)
            score = self.objective_function.evaluate(result)
        except Exception as error:  # as in a trial: it is recorded, and never chosen
            log.warning("%s fails outside of train: %s: %s", params, type(error).__name__, error)
            return {"score": Decimal("NaN"), "error": f"{type(error).__name__}: {error}"}
        return {**result.get("performance_metrics", {}), "score": score}


def _on_rows(function: Callable[..., Any], rows: "pl.DataFrame", params: dict[str, Any]) -> Any:
    return function(params, rows)


def _rows(data: "pl.DataFrame", window: Window) -> WindowData:
    train, validate, test = window.train, window.validate, window.test
    assert validate is not None
    return WindowData(
        train_data=data.slice(train.first, train.n_sessions),
        validation_data=data.slice(validate.first, validate.n_sessions),
        test_data=data.slice(test.first, test.n_sessions),
        train_start_idx=train.first,
        train_end_idx=train.last,
        validation_start_idx=validate.first,
        validation_end_idx=validate.last,
        test_start_idx=test.first,
        test_end_idx=test.last,
    )
