"""What rustybt says of all windows together: moments of their metrics, and of the parameters they chose."""

import statistics
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rustybt_ray.optimization.walk_forward import WindowResult

PHASES = ("train", "validation", "test")
METRICS = ("score", "sharpe_ratio", "total_return", "max_drawdown")
STABLE = 0.2
"""A coefficient of variation below this is called stable."""


def aggregate(windows: "Sequence[WindowResult]") -> dict[str, dict[str, Decimal]]:
    """By phase: mean, median, std (ddof 1), min and max of each metric over the windows that have it."""
    return {phase: _phase([getattr(window, f"{phase}_metrics") for window in windows]) for phase in PHASES}


def stability(windows: "Sequence[WindowResult]") -> dict[str, dict[str, Any]]:
    """By parameter that is a number, and was chosen twice: its moments, and whether it is stable.

    `rustybt_ray.WalkForward.stability` corrects for chance, which a coefficient of variation does not.
    """
    made = {}
    for name in dict.fromkeys(name for window in windows for name in window.best_params):
        chosen = [window.best_params[name] for window in windows if name in window.best_params]
        values = _numbers(chosen)
        if len(values) < 2 or len(values) < len(chosen):
            continue
        found = _moments(values)
        variation = found["std"] / found["mean"] if found["mean"] else Decimal("Infinity")
        kept = {key: found[key] for key in ("mean", "std", "min", "max")}
        made[name] = {**kept, "coefficient_of_variation": variation, "is_stable": variation < Decimal(str(STABLE))}
    return made


def _phase(rows: list[dict[str, Any]]) -> dict[str, Decimal]:
    made: dict[str, Decimal] = {}
    for name in METRICS:
        values = _numbers([row[name] for row in rows if name in row])
        if values:
            made |= {f"{name}_{key}": value for key, value in _moments(values).items()}
    return made


def _numbers(values: list[Any]) -> list[float]:
    """Those that are finite numbers."""
    numbers = [Decimal(str(v)) for v in values if isinstance(v, int | float | Decimal) and not isinstance(v, bool)]
    return [float(number) for number in numbers if number.is_finite()]


def _moments(values: list[float]) -> dict[str, Decimal]:
    found = {
        "mean": statistics.mean(values),
        "median": statistics.median(values),
        "std": statistics.stdev(values) if len(values) > 1 else 0.0,
        "min": min(values),
        "max": max(values),
    }
    return {name: Decimal(str(value)) for name, value in found.items()}
