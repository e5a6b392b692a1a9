"""The best trials so far, of a study too large to keep all of; of several objectives all are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import IntArray
from rustybt_ray.execution.messages import Block
from rustybt_ray.search.protocol import present
from rustybt_ray.studies.pareto import ranking_of_several
from rustybt_ray.studies.selection import objective_values, ranking
from rustybt_ray.studies.trials import merge

if TYPE_CHECKING:
    from rustybt_ray._expressions import Expression


@record_class
class Leaders:
    """Keeps the best `size` of the trials it is shown, best first, by the rules of `Study.top`.

    Parameters
    ----------
    objective, direction : str
    require : sequence of Expression
    size : int
    aims : sequence of (str, str)
        Further objectives, each with its direction.
    """

    objective: str
    direction: str
    require: "Sequence[Expression]" = ()
    size: int = 10
    aims: Sequence[tuple[str, str]] = ()
    _kept: Block = field(default_factory=lambda: merge([]))
    _params: dict[int, dict[str, Any]] = field(default_factory=dict)

    def add(self, block: Block, columns: Mapping[str, Sequence[Any]]) -> None:
        """Show it trials and their parameters."""
        block = self._completed(block)
        places = self._ranking(block)
        if not len(places):
            return
        for place in places.tolist():
            params = {name: values[place] for name, values in columns.items()}
            self._params[int(block.numbers[place])] = present(params)
        merged = merge([self._kept, block.take(places)] if len(self._kept) else [block.take(places)])
        self._kept = merged.take(self._ranking(merged))
        self._params = {number: self._params[number] for number in self._kept.numbers.tolist()}

    def __len__(self) -> int:
        return min(len(self._kept), self.size)

    def rows(self) -> list[dict[str, Any]]:
        """Number, parameters, metrics and duration of each, best first."""
        block = self._kept.take(np.arange(len(self)))
        return [
            {
                "trial": number,
                **self._params[number],
                **dict(zip(block.names, block.metrics[i].tolist(), strict=True)),
                "duration": float(block.duration[i]),
            }
            for i, number in enumerate(block.numbers.tolist())
        ]

    @property
    def params(self) -> list[dict[str, Any]]:
        """Parameters of each, best first."""
        return [self._params[number] for number in self._kept.numbers[: self.size].tolist()]

    @property
    def values(self) -> list[float]:
        """Objective of each, best first."""
        values: list[float] = objective_values(self._kept, self.objective)[: self.size].tolist()
        return values

    def _ranking(self, block: Block) -> IntArray:
        """Places of the best, best first; of several objectives of all, for what a later trial moves back may let others in."""
        if not self.aims:
            return ranking(block, self.objective, self.direction, self.require)[: self.size]
        names, directions = zip((self.objective, self.direction), *self.aims, strict=True)
        return ranking_of_several(block, names, directions, self.require)[0]

    def _completed(self, block: Block) -> Block:
        """The block with a column for each metric that decides; NaN if no trial of it has that one."""
        aims = (name for name, _ in self.aims)
        needed = dict.fromkeys(
            [self.objective, *aims, *(name for condition in self.require for name in condition.names)]
        )
        missing = tuple(name for name in needed if name not in block.names)
        if not missing:
            return block
        empty = np.full((len(block), len(missing)), np.nan)
        return replace(block, names=block.names + missing, metrics=np.column_stack([block.metrics, empty]))
