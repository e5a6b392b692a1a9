"""`backtest`: one parameter set, and everything that happened."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray._typing import DateLike, StrategyFunction
from rustybt_ray.api.panels import open_panel, workspace
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.engine.backtest import Backtest, Simulator, record
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import StrategyError
from rustybt_ray.strategies.strategy import OBJECTIVE, check_parameters, inspect_strategy

if TYPE_CHECKING:
    from rustybt_ray.data.bundle import Bundle
    from rustybt_ray.data.panel import Panel


def backtest(
    strategy: StrategyFunction | str,
    params: Mapping[str, Any] | None = None,
    *,
    bundle: "str | Bundle | Panel",
    start: DateLike | None = None,
    end: DateLike | None = None,
    capital: float = 1_000_000.0,
    costs: Costs | None = None,
    fill: str = "next_close",
    settings: Settings | None = None,
    root: str | Path | None = None,
) -> Backtest:
    """Run one parameter set of a target function and keep everything that happened.

    Parameters
    ----------
    strategy : callable or str
        A target function ``f(data, **params)``, or where to find one: "file.py:function", "package.module:function".
    params : mapping, optional
        Its parameters.
    bundle : str, Bundle or Panel
        A name ("mag-7"), a name and version ("mag-7@1a2b3c"), or the data itself.
    start, end : date or str, optional
        First and last session, both included; by default the bundle's own.
    capital : float, default 1_000_000.0
        Money at the start.
    costs : Costs, default Costs()
        Free of charge by default.
    fill : {"next_close", "next_open"}
        The price that orders fill at on the session after the decision.
    settings : Settings, default Settings()
        The rules of the ledger.
    root : path, optional
        Where bundles are; by default the user's data folder, or ``RUSTYBT_RAY_HOME``.

    Returns
    -------
    Backtest
        `metrics`, `equity`, `returns`, `positions`, and as polars frames `curve`, `holdings` and `fills`.

    Raises
    ------
    StrategyError, WeightsError, BundleError, InputError
        If the strategy, its weights, the bundle or an argument is at fault.
    """
    params = dict(params or {})
    if not callable(strategy):
        from rustybt_ray.strategies.load import load_strategy

        strategy = load_strategy(strategy)
    found = inspect_strategy(strategy)
    if found.kind == OBJECTIVE:
        what = f"{found.name} is an objective function and has no backtest of its own"
        raise StrategyError(what, "backtest", "Use optimize, or pass a target function f(data, **params).")
    check_parameters(found, tuple(params))
    config = OptimizationConfig()
    panel, _ = open_panel(bundle, root, config)
    segment = panel.rows_between(start, end)
    simulator = Simulator(panel, (segment,), capital=capital, costs=costs, fill=fill, settings=settings)
    return record(simulator, found.function(workspace(config).data(panel.version), **params))
