"""A study: a search on a bundle, its trials so far, its best."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._loading import undisturbed
from rustybt_ray._typing import IntArray
from rustybt_ray.engine.backtest import Backtest
from rustybt_ray.exceptions import InputError
from rustybt_ray.execution.messages import FAILED, PRUNED, Block
from rustybt_ray.search.protocol import ABSENT, present
from rustybt_ray.studies.pareto import ranking_of_several
from rustybt_ray.studies.rungs import Rungs
from rustybt_ray.studies.selection import objective_values, ranking
from rustybt_ray.studies.spec import StudySpec
from rustybt_ray.studies.trials import STATES, FrozenTrial, column_order, merge, table

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
    waited : float
        Seconds of workers that had nothing to do because the search waited for results, summed over workers.
    choosing : float
        Seconds that a search which learns took to choose trials.
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
        self.elapsed = self.waited = self.choosing = 0.0
        self._require = tuple(require)
        self._replay = replay
        self._rungs = Rungs.of(spec.search)
        self._blocks: list[Block] = []
        self._asked: list[tuple[Any, Columns]] = []
        self._stop = False

    def add(self, block: Block, columns: Columns) -> None:
        """Take in finished trials and their parameters, one column a parameter."""
        self._blocks.append(block)
        self._asked.append((block.numbers, columns))
        for name in ("_runs", "_merged", "trials", "_ranked", "_columns"):
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
        """One row a finished trial: number, parameters, metrics, state, error, duration (seconds), worker.

        After successive halving: what the last run of each trial gave, with its rung and the sessions that it had. A trial is
        pruned if that was not the whole history.
        """
        workers = self._workers
        if self._rungs is None:
            return table(self._merged, self._columns, workers)
        last = self._rungs.last_runs(self._runs.numbers)
        frame = table(self._merged, self._columns, [workers[i] for i in last.tolist()])
        return self._rungs.add_columns(frame, self._runs.numbers[last])

    @property
    def runs(self) -> "pl.DataFrame":
        """As `trials`; after successive halving all runs of each trial, rung after rung."""
        if self._rungs is None:
            return self.trials
        frame = table(self._rungs.numbered(self._runs), self._run_columns, self._workers)
        return self._rungs.add_columns(frame, self._runs.numbers)

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
    def parameters(self) -> list[str]:
        """Names of the parameters that trials have so far."""
        return list(self._columns)

    @property
    def n_trials(self) -> int:
        """Number of finished trials."""
        return self.n_runs if self._rungs is None else len(self._merged)

    @property
    def n_runs(self) -> int:
        """Number of finished runs: trials, after successive halving each as often as it ran."""
        return sum(map(len, self._blocks))

    @property
    def n_pruned(self) -> int:
        """Number of trials that ran on a part of the history alone."""
        return int((self._merged.state == PRUNED).sum())

    @property
    def n_failed(self) -> int:
        """Number of failed trials."""
        return int((self._merged.state == FAILED).sum())

    @property
    def best_trial(self) -> FrozenTrial | None:
        """The best eligible trial; None if none qualifies.

        Raises
        ------
        InputError
            If the study has several objectives.
        """
        self._check_single("the best trial")
        return self.first_trial

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

    @property
    def first_trial(self) -> FrozenTrial | None:
        """The trial that stands first in `top`: of one objective the best, of several one of many; None if none qualifies."""
        return self._at(int(self._ranking[0])) if len(self._ranking) else None

    @property
    def first_params(self) -> dict[str, Any] | None:
        """Parameters of `first_trial`, without the rest of it."""
        return self._params(int(self._ranking[0])) if len(self._ranking) else None

    def top(self, n: int = 10) -> "pl.DataFrame":
        """The `n` best eligible trials, best first.

        Of several objectives: those that no other beats in all come first, then those that only these beat, and so on; among
        equals the first objective counts.
        """
        return self.trials[self._ranking[:n].tolist(), :]

    @property
    def pareto(self) -> "pl.DataFrame":
        """The eligible trials that no other beats: none is at least as good in all objectives and better in one."""
        return self.trials[self._ranking[self.fronts == 0].tolist(), :]

    @property
    def fronts(self) -> IntArray:
        """Of each eligible trial, in the order of `top`, how many fronts of better ones there are (its non-domination rank)."""
        fronts = self._ranked[1]
        if fronts is not None:
            return fronts
        values = objective_values(self._merged, self.spec.objective)[self._ranking]
        return np.cumsum(np.concatenate([[False], values[1:] != values[:-1]]))[: len(values)]

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

    def trial_of(self, run: int) -> FrozenTrial:
        """The trial that a run is of; only successive halving tells runs from trials."""
        return self.trial(run if self._rungs is None else run % self._rungs.stride)

    def backtest(self, trial: "FrozenTrial | int | None" = None) -> Backtest:
        """Run a trial again (default: the best) and keep its curve, positions and fills; its metrics are bitwise the same.

        A trial that was pruned now has the whole history.

        Raises
        ------
        InputError
            If there is no such trial, or the study's trials have no backtest of their own (objective functions).
        """
        if self._replay is None and self.spec.walk_forward is not None:
            remedy = (
                "Call rb.backtest with wf.choice(window).params and the dates of a part: start=, end= from wf.windows."
            )
            raise InputError("backtest", "asked of a study of one period", "the trials of a walk-forward", remedy)
        if self._replay is None:
            raise InputError(
                "backtest", "asked of a study of a target function", self.spec.kind, "Call your function again."
            )
        chosen = self._best() if trial is None else self.trial(trial) if isinstance(trial, int) else trial
        return self._replay(chosen.params)

    def median_trial(self) -> FrozenTrial | None:
        """The eligible trial in the middle of the ranking: what choosing at random would have given.

        Raises
        ------
        InputError
            If the study has several objectives.
        """
        self._check_single("the median trial")
        return self._at(int(self._ranking[len(self._ranking) // 2])) if len(self._ranking) else None

    def __repr__(self) -> str:
        shown, best = "best: none qualifies", self.first_trial
        if best is not None and self.spec.aims:
            shown = f"{int((self.fronts == 0).sum())} that no other beats in {', '.join(self.spec.objectives)}"
        elif best is not None:
            shown = f"best: {self.spec.objective}={best.value:.4g} {best.params}"
        return f"Study({self.spec.strategy['name']} on {self.spec.bundle}, {len(self._merged)} trials, {shown})"

    @cached_property
    def _runs(self) -> Block:
        return merge(self._blocks)

    @cached_property
    def _merged(self) -> Block:
        """The trials in order, what the last run of each gave."""
        runs = self._runs
        return runs if self._rungs is None else self._rungs.settled(runs.take(self._rungs.last_runs(runs.numbers)))

    @property
    def _workers(self) -> list[str]:
        owners = [worker for block in self._blocks for worker in repeat(block.worker, len(block))]
        if len({block.worker for block in self._blocks}) < 2:
            return owners
        numbers = np.concatenate([block.numbers for block in self._blocks] or [np.empty(0, np.int64)])
        return [owners[i] for i in np.argsort(numbers, kind="stable").tolist()]

    @cached_property
    def _columns(self) -> Columns:
        """Parameters of `_merged`."""
        if self._rungs is None:
            return self._run_columns
        last = self._rungs.last_runs(self._runs.numbers).tolist()
        return {name: [values[i] for i in last] for name, values in self._run_columns.items()}

    @property
    def _run_columns(self) -> Columns:
        """Parameters of `_runs`."""
        numbers = np.concatenate([n for n, _ in self._asked] or [np.empty(0, np.int64)])
        # those of one worker are in order already
        order = None if (numbers[1:] > numbers[:-1]).all() else np.argsort(numbers, kind="stable").tolist()
        made: Columns = {}
        for name in column_order(self._asked):
            parts = (columns[name] if name in columns else [ABSENT] * len(n) for n, columns in self._asked)
            values = list(chain.from_iterable(parts))
            made[name] = values if order is None else [values[i] for i in order]
        return made

    @property
    def _ranking(self) -> IntArray:
        """Positions of the eligible trials, best first."""
        return self._ranked[0]

    @cached_property
    def _ranked(self) -> tuple[IntArray, IntArray | None]:
        spec = self.spec
        if spec.aims:
            return ranking_of_several(self._merged, spec.objectives, spec.directions, self._require)
        return ranking(self._merged, spec.objective, spec.direction, self._require), None

    def _check_single(self, what: str) -> None:
        if self.spec.aims:
            remedy = "study.pareto has the trials that no other beats in all of them; study.top() ranks all."
            raise InputError(what, "asked of a study of one objective", list(self.spec.objectives), remedy)

    def _at(self, position: int) -> FrozenTrial:
        block = self._merged
        number = int(block.numbers[position])
        values = tuple(float(objective_values(block, name)[position]) for name in self.spec.objectives)
        return FrozenTrial(
            number=number,
            params=self._params(position),
            metrics=dict(zip(block.names, block.metrics[position].tolist(), strict=True)),
            value=values[0],
            values=values,
            state=STATES[int(block.state[position])],
            error=block.errors.get(number),
            duration=float(block.duration[position]),
        )

    def _params(self, position: int) -> dict[str, Any]:
        return present({name: values[position] for name, values in self._columns.items()})

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
