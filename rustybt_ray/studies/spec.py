"""What a study was asked to do, resolved: enough to know its results and to ask for them again."""

import dataclasses
import platform
import sys
from dataclasses import field
from functools import cache
from typing import Any

from rustybt_ray._record import record_class
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings

FORMAT = 1
ENGINE = 1  # raised whenever a number that a trial yields changes
PACKAGES = ("numpy", "numba", "polars", "pyarrow", "ray", "rustybt_ray", "scipy")


@record_class(frozen=True)
class StudySpec:
    """The resolved specification of a study.

    Attributes
    ----------
    strategy : dict
        Name, module, file and source text of the strategy.
    digest : str
        Digest of the strategy's code and everything it uses.
    kind : str
        "target" or "objective".
    bundle, version : str
        Name and SHA-256 of the bundle.
    search : dict
        The search, its space and its constraint.
    objective, direction : str
        Of several objectives the first.
    require : tuple of str
        Conditions that a trial must meet to be best.
    start, end : str
        First and last session, as ISO dates.
    trials : int or None
        Trials of the search; None if it does not know before its end.
    aims : tuple of (str, str)
        Further objectives, each with its direction.
    adaptive : bool
        Whether the search chooses trials by the results of earlier ones.
    walk_forward : dict or None
        Of a walk-forward its `windows`, `purge`, `embargo`, `positions` and `select`.
    sessions : str or None
        Of a walk-forward the days of its sessions, so that its windows can be laid out again without the bundle.
    """

    strategy: dict[str, Any]
    digest: str
    kind: str
    bundle: str
    version: str
    search: dict[str, Any]
    objective: str
    direction: str
    require: tuple[str, ...]
    start: str
    end: str
    capital: float
    costs: Costs
    fill: str
    settings: Settings
    seed: int
    engine: int = ENGINE
    format: int = FORMAT
    machine: dict[str, str] = field(default_factory=dict)
    trials: int | None = None
    aims: tuple[tuple[str, str], ...] = ()
    adaptive: bool = False
    walk_forward: dict[str, Any] | None = None
    sessions: str | None = None

    @property
    def objectives(self) -> tuple[str, ...]:
        """All objectives."""
        return (self.objective, *(name for name, _ in self.aims))

    @property
    def directions(self) -> tuple[str, ...]:
        """The direction of each objective."""
        return (self.direction, *(direction for _, direction in self.aims))

    def to_dict(self) -> dict[str, Any]:
        """The specification as JSON takes it."""
        made = dataclasses.asdict(self)
        for name, model in (("commission", self.costs.commission), ("slippage", self.costs.slippage)):
            made["costs"][name] = {"model": type(model).__name__, **made["costs"][name]}
        return made


@cache
def packages() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    from importlib.metadata import PackageNotFoundError, version

    made = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in PACKAGES:
        try:
            made[name] = version(name)
        except PackageNotFoundError:
            made[name] = "not installed"
    return made


@cache
def cpu() -> dict[str, str]:
    """The processor: transcendental functions may differ in the last bit between two of them."""
    return {"machine": platform.machine(), "processor": platform.processor() or "unknown"}
