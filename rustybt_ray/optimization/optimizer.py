"""rustybt's optimizer: one study of ours."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.asked import SCORE, AskedSearch, Scored, as_score, no_market
from rustybt_ray.optimization.base import SearchAlgorithm, as_decimals
from rustybt_ray.optimization.objective import ObjectiveFunction
from rustybt_ray.optimization.parameter_space import ParameterSpace
from rustybt_ray.optimization.result import FAILED, OptimizationResult

if TYPE_CHECKING:
    from rustybt_ray.studies.study import Study
    from rustybt_ray.studies.trials import FrozenTrial


class Optimizer:
    """Many points of a function, ranked: `rustybt_ray.optimize`.

    Parameters
    ----------
    parameter_space : ParameterSpace
    search_algorithm : SearchAlgorithm
    objective_function : ObjectiveFunction
    backtest_function : callable, or a strategy with `bundle`
        ``f(params)`` that returns ``{"performance_metrics": {...}}``. With `bundle` a strategy of ours, ``f(data, **params)``,
        whose backtests the ledger runs; it is many times as fast.
    max_trials : int
    checkpoint_dir : path, optional
        ``run_dir`` of our studies: every finished trial is recorded there at once.
    checkpoint_frequency : int, default 10
        Has nothing to do.
    bundle : str, Bundle or Panel, optional
    **options
        Further arguments of `rustybt_ray.optimize`; without `bundle`, ``executor`` is "inline" unless they say otherwise.

    Attributes
    ----------
    results : list of OptimizationResult
    best_result : OptimizationResult or None
    study : Study or None
        The same with all that studies have.

    Raises
    ------
    InputError
        If `max_trials` or `checkpoint_frequency` is below 1.
    """

    def __init__(
        self,
        parameter_space: ParameterSpace,
        search_algorithm: SearchAlgorithm,
        objective_function: ObjectiveFunction,
        backtest_function: Callable[..., Any],
        max_trials: int,
        checkpoint_dir: str | Path | None = None,
        checkpoint_frequency: int = 10,
        *,
        bundle: Any = None,
        **options: Any,
    ) -> None:
        self.parameter_space, self.search_algorithm = parameter_space, search_algorithm
        self.objective_function, self.backtest_function = objective_function, backtest_function
        self.max_trials = check_count("max_trials", max_trials, low=1)
        self.checkpoint_dir = None if checkpoint_dir is None else Path(checkpoint_dir)
        self.checkpoint_frequency = check_count("checkpoint_frequency", checkpoint_frequency, low=1)
        self.bundle, self.options = bundle, options
        self.results: list[OptimizationResult] = []
        self.best_result: OptimizationResult | None = None
        self.study: Study | None = None
        self._resume = False
        self._ended: dict[int, datetime] = {}

    @property
    def current_trial(self) -> int:
        """Trials that have ended."""
        return len(self.results)

    def optimize(self) -> OptimizationResult:
        """Run the trials; the best.

        Raises
        ------
        InputError
            If no trial has a score.
        """
        from rustybt_ray.api.optimize import optimize

        found, options = self._arguments(), dict(self.options)
        if self.checkpoint_dir is not None:
            found |= {"run_dir": self.checkpoint_dir, "resume": self._resume}
        calls = (self._note, *options.pop("callbacks", ()))
        self.study = optimize(**{"progress": False, **found, **options}, callbacks=calls)
        found["search"].finish()
        self.results = [self._result(self.study.trial(number)) for number in self.study.trials["trial"].to_list()]
        best = self.study.best_trial
        if best is None:
            self.study.best_params  # noqa: B018 - which says why there is none
        self.best_result = next((result for result in self.results if best and result.trial_id == best.number), None)
        assert self.best_result is not None
        return self.best_result

    def load_checkpoint(self, checkpoint_file: str | Path) -> None:
        """Let `optimize` go on with what is recorded in `checkpoint_dir`.

        Parameters
        ----------
        checkpoint_file : path
            That directory: ours is a journal in it, not a file a checkpoint.

        Raises
        ------
        InputError
            If it is another.
        """
        if self.checkpoint_dir is None or Path(checkpoint_file).resolve() != self.checkpoint_dir.resolve():
            rule = "the optimizer's checkpoint_dir, which is a run directory of ours"
            remedy = "Pass Optimizer(..., checkpoint_dir=DIR) and load_checkpoint(DIR); or rb.load(DIR) to look at it."
            raise InputError("checkpoint_file", rule, str(checkpoint_file), remedy)
        self._resume = True

    def get_history(self) -> list[OptimizationResult]:
        """All results, in the order of their numbers."""
        return list(self.results)

    def get_best_params(self) -> dict[str, Any]:
        """The best point.

        Raises
        ------
        InputError
            Before `optimize`.
        """
        if self.best_result is None:
            raise InputError("the best point", "asked for after optimize()", None, "Call optimize() first.")
        return dict(self.best_result.params)

    @property
    def _decimals(self) -> tuple[str, ...]:
        return getattr(self.search_algorithm, "decimals", ())

    def _arguments(self) -> dict[str, Any]:
        """What `optimize` is asked."""
        names = self.parameter_space.ours.names
        check, own = self.parameter_space.validate_params, self.bundle is None
        sign = 1.0 if own or self.objective_function.higher_is_better else -1.0
        search = AskedSearch(self.search_algorithm, names, check, self.max_trials, sign=sign)
        if own:
            scored = Scored(self.backtest_function, self.objective_function.evaluate, self._decimals)
            return {
                "strategy": scored,
                "bundle": no_market(),
                "search": search,
                "objective": SCORE,
                "executor": "inline",
            }
        aim = {"objective": self.objective_function.ours, "direction": self.objective_function.direction}
        return {"strategy": self.backtest_function, "bundle": self.bundle, "search": search, **aim}

    def _note(self, study: "Study", trial: "FrozenTrial") -> None:
        self._ended[trial.number] = datetime.now()

    def _result(self, trial: "FrozenTrial") -> OptimizationResult:
        failed = trial.error is not None
        value = trial.value if self.bundle is None or self.objective_function.higher_is_better else -trial.value
        return OptimizationResult(
            trial_id=trial.number,
            params=as_decimals(trial.params, self._decimals if self.bundle is None else ()),
            score=FAILED if failed else as_score(value),
            timestamp=self._ended.get(trial.number) or datetime.now(),
            backtest_metrics={n: v for n, v in trial.metrics.items() if n != SCORE and not failed},
            error=None if trial.error is None else trial.error.message,
            duration_seconds=Decimal(repr(trial.duration)),
        )
