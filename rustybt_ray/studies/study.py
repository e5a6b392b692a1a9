"""A study: a search on a bundle, its trials so far, its best."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._loading import undisturbed
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import FAILED, Block
from rustybt_ray.studies.selection import objective_values, ranking
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.trials import STATES, FrozenTrial, merge, table

if TYPE_CHECKING:
    import polars as pl

    from rustybt_ray._expressions import Expression

Columns = dict[str, list[Any]]


class Study:
    """The trials of one search; readable while it runs.

    Attributes
    ----------
    spec : StudySpec
        What was asked.
    causal : True, str or None
        True if no decision of the best trial moved when the future was changed; else the first session that moved; None
        if it was not checked (objective functions, no best trial).
    stopped : str or None
        Why the study ended before its last trial: "interrupted", "timeout" or "stopped".
    executor : str
        "inline" or "ray".
    elapsed : float
        Seconds.
    """

    def __init__(
        self,
        spec: StudySpec,
        require: "Sequence[Expression]" = (),
        replay: Callable[[dict[str, Any]], Backtest] | None = None,
    ) -> None:
        self.spec = spec
        self.causal: bool | str | None = None
        self.stopped: str | None = None
        self.executor = "inline"
        self.elapsed = 0.0
        self._require = tuple(require)
        self._replay = replay
        self._blocks: list[Block] = []
        self._asked: list[tuple[Any, Columns]] = []
        self._stop = False

    def add(self, block: Block, columns: Columns) -> None:
        """Take in finished trials and their parameters, one column a parameter."""
        self._blocks.append(block)
        self._asked.append((block.numbers, columns))
        for name in ("_merged", "trials", "_ranking", "_columns"):
            self.__dict__.pop(name, None)

    def stop(self) -> None:
        """End the study when the trials under way are done; for callbacks."""
        self._stop = True

    @property
    def stop_requested(self) -> bool:
        """Whether a callback asked to stop."""
        return self._stop

    @cached_property
    def trials(self) -> "pl.DataFrame":
        """One row a finished trial: number, parameters, metrics, state, error, duration (seconds), worker."""
        owners = [block.worker for block in self._blocks for _ in range(len(block))]
        numbers = np.concatenate([block.numbers for block in self._blocks] or [np.empty(0, np.int64)])
        workers = [owners[i] for i in np.argsort(numbers, kind="stable").tolist()]
        return table(self._merged, self._columns, workers)

    @property
    def returns(self) -> "pl.DataFrame | None":
        """Daily returns (float32 fractions) of each finished trial, in the order of `trials`; None if they are not kept.

        They are where the study has a run directory and all of them fit `OptimizationConfig.returns_budget`; `backtest` gives
        those of any trial exactly.
        """
        with undisturbed():
            import polars as pl

        if self._merged.returns is None:
            return None
        return pl.DataFrame({"trial": self._merged.numbers, "returns": self._merged.returns})

    @property
    def n_trials(self) -> int:
        """Number of finished trials."""
        return sum(map(len, self._blocks))

    @property
    def n_failed(self) -> int:
        """Number of failed trials."""
        return int((self._merged.state == FAILED).sum())

    @property
    def best_trial(self) -> FrozenTrial | None:
        """The best eligible trial; None if none qualifies."""
        return self._at(int(self._ranking[0])) if len(self._ranking) else None

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial.

        Raises
        ------
        InputError
            If no trial qualifies; the message says why.
        """
        return self._best().params

    @property
    def best_value(self) -> float:
        """Objective of the best trial; raises as `best_params` does."""
        return self._best().value

    def top(self, n: int = 10) -> "pl.DataFrame":
        """The `n` best eligible trials, best first."""
        return self.trials[self._ranking[:n].tolist(), :]

    def trial(self, number: int) -> FrozenTrial:
        """The trial of that number.

        Raises
        ------
        InputError
            If it has not finished or does not exist.
        """
        at = int(np.searchsorted(self._merged.numbers, number))
        if at >= len(self._merged) or self._merged.numbers[at] != number:
            raise InputError("trial", "the number of a finished trial", number, "study.trials lists them.")
        return self._at(at)

    def backtest(self, trial: "FrozenTrial | int | None" = None) -> Backtest:
        """Run a trial again (default: the best) and keep its curve, positions and fills; its metrics are bitwise the same.

        Raises
        ------
        InputError
            If there is no such trial, or the study's trials have no backtest of their own (objective functions).
        """
        if self._replay is None:
            raise InputError(
                "backtest", "asked of a study of a target function", self.spec.kind, "Call your function again."
            )
        chosen = self._best() if trial is None else self.trial(trial) if isinstance(trial, int) else trial
        return self._replay(chosen.params)

    def median_trial(self) -> FrozenTrial | None:
        """The eligible trial in the middle of the ranking: what choosing at random would have given."""
        return self._at(int(self._ranking[len(self._ranking) // 2])) if len(self._ranking) else None

    def __repr__(self) -> str:
        best = self.best_trial
        shown = f"{self.spec.objective}={best.value:.4g} {best.params}" if best else "none qualifies"
        return f"Study({self.spec.strategy['name']} on {self.spec.bundle}, {len(self._merged)} trials, best: {shown})"

    @cached_property
    def _merged(self) -> Block:
        return merge(self._blocks)

    @cached_property
    def _columns(self) -> Columns:
        order = np.argsort(np.concatenate([n for n, _ in self._asked] or [np.empty(0, np.int64)]), kind="stable")
        names = tuple(self._asked[0][1]) if self._asked else ()
        made: Columns = {}
        for name in names:
            values = [value for _, columns in self._asked for value in columns[name]]
            made[name] = [values[i] for i in order.tolist()]
        return made

    @cached_property
    def _ranking(self) -> Any:
        return ranking(self._merged, self.spec.objective, self.spec.direction, self._require)

    def _at(self, position: int) -> FrozenTrial:
        block = self._merged
        number = int(block.numbers[position])
        return FrozenTrial(
            number=number,
            params={name: values[position] for name, values in self._columns.items()},
            metrics=dict(zip(block.names, block.metrics[position].tolist(), strict=True)),
            value=float(objective_values(block, self.spec.objective)[position]),
            state=STATES[int(block.state[position])],
            error=block.errors.get(number),
            duration=float(block.duration[position]),
        )

    def _best(self) -> FrozenTrial:
        best = self.best_trial
        if best is None:
            block = self._merged
            why = f"{len(block)} trials, {self.n_failed} failed"
            if block.errors:
                error = block.errors[min(block.errors)]
                why += f", first error: {error.type}: {error.message}"
            remedy = "study.trials shows each trial's objective and error; loosen `require` if it excludes them all."
            raise InputError("the best trial", "one that is complete and meets `require`", why, remedy)
        return best
