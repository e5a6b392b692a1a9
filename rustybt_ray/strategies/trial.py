"""What an objective function sees of its trial."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray._record import record_class

if TYPE_CHECKING:
    from rustybt_ray.workspace.market_data import MarketData


@record_class(frozen=True)
class Trial:
    """One trial of an objective function.

    Attributes
    ----------
    number : int
    params : dict
        Parameter values.
    data : MarketData
        The study's bundle.
    seed : int
        Derived from the study's seed and the trial's number, the same on every run and worker.
    """

    number: int
    params: dict[str, Any]
    data: "MarketData"
    study_seed: int = 0

    @cached_property
    def seed(self) -> int:
        """A number in [0, 2**32) of this trial's own."""
        return int(np.random.SeedSequence([self.study_seed % 2**64, self.number]).generate_state(1)[0])
