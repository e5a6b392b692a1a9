"""What is optimised, in rustybt's words."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from rustybt_ray.engine.metrics import check_metric
from rustybt_ray.exceptions import InputError

ObjectiveMetric: TypeAlias = Literal[
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "total_return",
    "max_drawdown",
    "win_rate",
    "profit_factor",
    "custom",
]
CUSTOM = "custom"
DIRECTIONS = ("maximize", "minimize")


class ObjectiveFunction:
    """A metric and its direction: ``objective=`` and ``direction=`` of `rustybt_ray.optimize`.

    rustybt's metrics have the same names here.

    Parameters
    ----------
    metric : str
        One of ``performance_metrics``, or "custom".
    custom_function : callable, optional
        With "custom": the score of a whole result.
    higher_is_better : bool, default True
    direction : {"maximize", "minimize"}, optional
        The same in our words.

    Raises
    ------
    InputError
        If "custom" comes without a function or a function without "custom"; or `direction` is neither, or says the opposite.
    """

    def __init__(
        self,
        metric: str,
        custom_function: Callable[[dict[str, Any]], Any] | None = None,
        higher_is_better: bool = True,
        *,
        direction: str | None = None,
    ) -> None:
        if (metric == CUSTOM) != (custom_function is not None):
            remedy = "Pass ObjectiveFunction(metric='custom', custom_function=f)."
            raise InputError("custom_function", "given with metric='custom', and then alone", custom_function, remedy)
        if direction is not None:
            if direction not in DIRECTIONS:
                raise InputError("direction", f"one of {DIRECTIONS}", direction, "Say direction='maximize'.")
            if not higher_is_better and direction == "maximize":
                raise InputError("direction", "'minimize' with higher_is_better=False", direction, "Leave one out.")
            higher_is_better = direction == "maximize"
        self.metric, self.custom_function, self.higher_is_better = metric, custom_function, higher_is_better

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """The direction in our words."""
        return "maximize" if self.higher_is_better else "minimize"

    @property
    def ours(self) -> str:
        """The metric's name here.

        Raises
        ------
        InputError
            If it is "custom", or none of ours.
        """
        if self.metric == CUSTOM:
            remedy = "Use a metric with require=, or rb.optimize of an objective function f(trial)."
            raise InputError("metric", "one of the ledger's with bundle=", CUSTOM, remedy)
        check_metric(self.metric)
        return self.metric

    def evaluate(self, backtest_result: Mapping[str, Any]) -> Decimal:
        """The score of a result, more being better.

        Raises
        ------
        KeyError
            If its ``performance_metrics`` have no such metric.
        """
        if self.custom_function is not None:
            found = self.custom_function(dict(backtest_result))
        else:
            metrics = backtest_result.get("performance_metrics", {})
            if self.metric not in metrics:
                raise KeyError(f"Metric {self.metric!r} not in backtest results")
            found = metrics[self.metric]
        score = found if isinstance(found, Decimal) else Decimal(str(found))
        return score if self.higher_is_better else -score

    def __repr__(self) -> str:
        return f"ObjectiveFunction(metric={self.metric!r}, direction={self.direction!r})"
