"""Numbers as people read them; each metric by its kind."""

import math
from typing import Any

FRACTIONS = frozenset(
    {
        "total_return",
        "annual_return",
        "volatility",
        "max_drawdown",
        "value_at_risk",
        "cvar",
        "win_rate",
        "exposure",
        "time_in_market",
    }
)
RATIOS = frozenset(
    {
        "sharpe_ratio",
        "sortino_ratio",
        "calmar_ratio",
        "skewness",
        "kurtosis",
        "profit_factor",
        "tail_ratio",
        "turnover",
        "max_gross_leverage",
    }
)
COUNTS = frozenset({"n_trades", "n_open_trades", "n_cut_orders", "max_drawdown_length"})
MONEY = frozenset({"commission_paid", "slippage_paid", "financing_paid", "costs_paid", "traded_notional"})


def shown(name: str, value: Any) -> str:
    """The value of a metric or parameter as text; an undefined one is a dash.

    Examples
    --------
    >>> shown("total_return", 0.1234), shown("sharpe_ratio", 0.98765), shown("n_trades", 12.0), shown("fast", 5)
    ('12.3 %', '0.988', '12', '5')
    >>> shown("commission_paid", 1234.5), shown("break_even_cost", float("nan")), shown("ruined", 0.0)
    ('1,234.50', '-', 'no')
    """
    if value is None:
        return "none"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return "-"
    if name == "ruined":
        return "yes" if value else "no"
    if name in FRACTIONS:
        return f"{100.0 * value:,.1f} %"
    if name in MONEY:
        return f"{value:,.2f}"
    if name in RATIOS:
        return f"{value:,.3f}"
    return f"{value:,.0f}" if name in COUNTS else number(value)


def number(value: float) -> str:
    """Four significant digits, more for whole numbers."""
    return str(value) if isinstance(value, int) else f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def params_text(params: dict[str, Any]) -> str:
    """Parameters as the options ``-p`` take them."""
    return " ".join(f"{name}={'none' if value is None else value}" for name, value in params.items())
