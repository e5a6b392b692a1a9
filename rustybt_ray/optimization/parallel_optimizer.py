"""rustybt's parallel optimizer: a study of ours whose trials run on Ray workers if that pays."""

from collections.abc import Callable
from dataclasses import field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rustybt_ray._record import record_class
from rustybt_ray._validation import check_choice, check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.optimization.asked import SCORE, AskedSearch, Scored, as_score, no_market
from rustybt_ray.optimization.base import SearchAlgorithm, as_decimals, only_default
from rustybt_ray.search.lagged import LAG

if TYPE_CHECKING:
    from rustybt_ray.studies.study import Study

BACKENDS = ("multiprocessing", "ray")


@record_class
class WorkerStats:
    """What one worker did.

    Attributes
    ----------
    worker_id : int
    name : str
        Our name of it, as in ``study.trials["worker"]``.
    evaluations_completed, evaluations_failed : int
    total_duration_seconds : Decimal
    """

    worker_id: int
    evaluations_completed: int = 0
    evaluations_failed: int = 0
    total_duration_seconds: Decimal = field(default_factory=Decimal)
    name: str = ""

    @property
    def throughput(self) -> Decimal:
        """Evaluations a second of its own time."""
        if not self.total_duration_seconds:
            return Decimal(0)
        return Decimal(self.evaluations_completed) / self.total_duration_seconds

    @property
    def success_rate(self) -> float:
        """Share that did not fail."""
        total = self.evaluations_completed + self.evaluations_failed
        return self.evaluations_completed / total if total else 0.0


class ParallelOptimizer:
    """Many points of a function, on all cores: `rustybt_ray.optimize` with ``executor="auto"``.

    The points are the same with any number of workers: one that learns is asked for point i once the scores of points 0 to i - lag
    are known.

    Parameters
    ----------
    algorithm : SearchAlgorithm
    n_jobs : int, default -1
        Workers; -1 is one a core.
    backend : {"multiprocessing", "ray"}
        Either is Ray.
    max_eval_time : float, optional
        ``trial_timeout``: seconds after which a point is ended with its worker and has failed.
    batch_size : int, optional
        ``lag``: points that may be without a score; by default 32, whatever `n_jobs`.
    verbose : bool, default True
        Progress, on a terminal.
    maxtasksperchild : int, default 100
        Has no counterpart: workers that grow are replaced with ``memory_limit=``.
    **options
        Further arguments of `rustybt_ray.optimize`: `executor`, `pool`, `address`, `run_dir`, ...

    Attributes
    ----------
    study : Study or None

    Raises
    ------
    InputError
        If an argument is out of range or has no counterpart.
    """

    def __init__(
        self,
        algorithm: SearchAlgorithm,
        n_jobs: int = -1,
        backend: str = "multiprocessing",
        max_eval_time: float | None = None,
        batch_size: int | None = None,
        verbose: bool = True,
        maxtasksperchild: int = 100,
        **options: Any,
    ) -> None:
        check_choice("backend", backend, BACKENDS)
        given = {"maxtasksperchild": (maxtasksperchild, 100)}
        only_default("ParallelOptimizer", given, "Workers that grow are replaced: memory_limit='1GB'.")
        self.algorithm, self.backend, self.verbose = algorithm, backend, verbose
        self.n_jobs = None if n_jobs == -1 else check_count("n_jobs", n_jobs, low=1)
        self.max_eval_time = max_eval_time
        self.batch_size = LAG if batch_size is None else check_count("batch_size", batch_size, low=1)
        self.options = options
        self.study: Study | None = None

    def run(self, objective_function: Callable[[dict[str, Any]], Any]) -> None:
        """Evaluate the algorithm's points; scores of which more is better.

        Raises
        ------
        InputError
            If no point has a score.
        """
        from rustybt_ray.api.optimize import optimize

        space = self.algorithm.parameter_space
        search = AskedSearch(self.algorithm, space.ours.names, space.validate_params, lag=self.batch_size)
        arguments: dict[str, Any] = {"objective": SCORE, "search": search, "bundle": no_market()}
        arguments |= {"n_jobs": self.n_jobs, "trial_timeout": self.max_eval_time}
        arguments |= {"progress": None if self.verbose else False}
        scored = Scored(objective_function, as_number, self._decimals)
        self.study = optimize(scored, **{**arguments, **self.options})
        search.finish()
        self.study.best_params  # noqa: B018 - which says why, if there is none

    def get_best_params(self) -> dict[str, Any]:
        """The best point; raises as `run` does."""
        return self.get_best_result()[0]

    def get_best_result(self) -> tuple[dict[str, Any], Decimal]:
        """The best point and its score; raises as `run` does."""
        study = self._ended
        return as_decimals(study.best_params, self._decimals), as_score(study.best_value)

    def get_worker_statistics(self) -> dict[int, WorkerStats]:
        """What each worker did, numbered in the order of their names."""
        trials = self._ended.trials
        made = {}
        for number, name in enumerate(sorted(trials["worker"].unique().to_list())):
            own = trials.filter(trials["worker"] == name)
            failed = int((own["state"] == "failed").sum())
            seconds = Decimal(repr(float(own["duration"].sum())))
            made[number] = WorkerStats(number, len(own) - failed, failed, seconds, name)
        return made

    def get_progress(self) -> float:
        """Share of the points that have ended."""
        total = getattr(self.algorithm, "total", None)
        done = 0 if self.study is None else self.study.n_trials
        return min(1.0, done / total) if total else float(self.study is not None)

    @property
    def _decimals(self) -> tuple[str, ...]:
        return getattr(self.algorithm, "decimals", ())

    @property
    def _ended(self) -> "Study":
        if self.study is None:
            raise InputError("results", "asked for after run()", None, "Call run(function) first.")
        return self.study


def as_number(result: Any) -> float:
    """A score as a number.

    Raises
    ------
    TypeError
        If it is none.
    """
    return float(result)
