"""A finished trial, in rustybt's words."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from rustybt_ray._record import record_class

FAILED = Decimal("-Infinity")


@record_class(frozen=True)
class OptimizationResult:
    """One finished trial: `rustybt_ray.Study.trial` with other names.

    Attributes
    ----------
    trial_id : int
    params : dict
    score : Decimal
        More is better; minus infinity of a trial that failed.
    timestamp : datetime
        When it was known to have ended.
    backtest_metrics : dict of str to float
        Its numbers; what is no number is not kept.
    error : str or None
    duration_seconds : Decimal
    """

    trial_id: int
    params: dict[str, Any]
    score: Decimal
    timestamp: datetime
    backtest_metrics: dict[str, Any]
    error: str | None = None
    duration_seconds: Decimal = Decimal("0")

    @property
    def is_success(self) -> bool:
        """Whether it did not fail."""
        return self.error is None

    def to_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {
            "trial_id": self.trial_id,
            "params": {k: str(v) if isinstance(v, Decimal) else v for k, v in self.params.items()},
            "score": str(self.score),
            "timestamp": self.timestamp.isoformat(),
            "backtest_metrics": self.backtest_metrics,
            "error": self.error,
            "duration_seconds": str(self.duration_seconds),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "OptimizationResult":
        """What `to_dict` gave."""
        return cls(
            trial_id=data["trial_id"],
            params=data["params"],
            score=Decimal(data["score"]),
            timestamp=datetime.fromisoformat(data["timestamp"]),
            backtest_metrics=data["backtest_metrics"],
            error=data.get("error"),
            duration_seconds=Decimal(data.get("duration_seconds", "0")),
        )
