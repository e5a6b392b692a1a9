"""`backtest`: one parameter set, and everything that happened."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rustybt_ray._typing import DateLike, StrategyFunction
from rustybt_ray.api.panels import open_panel, traded_panel, workspace
from rustybt_ray.api.strategies import known_strategy, rules_of
from rustybt_ray.config import OptimizationConfig
from rustybt_ray.data.panel import Panel
from rustybt_ray.engine.backtest import Backtest, Simulator, record
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.exceptions import InputError, StrategyError
from rustybt_ray.strategies.strategy import OBJECTIVE, ZIPLINE, Strategy, check_parameters

if TYPE_CHECKING:
    from rustybt_ray.data.bundle import Bundle


def backtest(
    strategy: StrategyFunction | str,
    params: Mapping[str, Any] | None = None,
    *,
    bundle: "str | Bundle | Panel",
    start: DateLike | None = None,
    end: DateLike | None = None,
    capital: float = 1_000_000.0,
    costs: Costs | Mapping[str, Any] | None = None,
    fill: str = "next_close",
    settings: Settings | Mapping[str, Any] | None = None,
    benchmark_returns: Any = None,
    root: str | Path | None = None,
) -> Backtest:
    """Run one parameter set of a target function or a zipline algorithm and keep everything that happened.

    Parameters
    ----------
    strategy : callable or str
        A target function ``f(data, **params)``, a zipline algorithm, or where to find one: "file.py:function",
        "package.module:function", "algorithm.py".
    params : mapping, optional
        Its parameters; an algorithm finds them in ``context.params`` and in the names of its file that they spell.
    bundle : str, Bundle or Panel
        A name ("mag-7"), a name and version ("mag-7@1a2b3c"), or the data itself.
    start, end : date or str, optional
        First and last session, both included; by default the bundle's own.
    capital : float, default 1_000_000.0
        Money at the start.
    costs : Costs or mapping, default Costs()
        Free of charge by default; of an algorithm zipline's default, and its own calls win.
    fill : {"next_close", "next_open"}
        The price that orders fill at on the session after the decision.
    settings : Settings or mapping, default Settings()
        The rules of the ledger; of an algorithm ``Settings.zipline()``. A mapping changes the ones that it names.
    benchmark_returns : pandas Series or mapping of date to number, optional
        Daily returns, fractions, that an algorithm's alpha, beta and their like are against unless it calls `set_benchmark`;
        0 on sessions without one. By default zeros.
    root : path, optional
        Where bundles are; by default the user's data folder, or ``RUSTYBT_RAY_HOME``.

    Returns
    -------
    Backtest
        `metrics`, `equity`, `returns`, `positions`, and as polars frames `curve`, `holdings` and `fills`; of an algorithm an
        `AlgorithmBacktest`, which has zipline's `perf`, `orders`, `transactions` and `recorded` besides.

    Raises
    ------
    StrategyError, WeightsError, BundleError, InputError
        If the strategy, its weights, the bundle or an argument is at fault.
    """
    params = dict(params or {})
    found = known_strategy(strategy)
    if found.kind == OBJECTIVE:
        what = f"{found.name} is an objective function and has no backtest of its own"
        raise StrategyError(what, "backtest", "Use optimize, or pass a target function f(data, **params).")
    check_parameters(found, tuple(params))
    if benchmark_returns is not None and found.kind != ZIPLINE:
        remedy = "Leave it out: a target function's metrics are against nothing."
        raise InputError("benchmark_returns", "given with a zipline algorithm alone", found.name, remedy)
    config = OptimizationConfig()
    costs, settings = rules_of(found.kind, costs, settings)
    panel = traded_panel(open_panel(bundle, root, config)[0], settings, config)
    rules: dict[str, Any] = {"capital": capital, "costs": costs, "fill": fill, "settings": settings}
    segments = (panel.rows_between(start, end),)
    return replayed(found, panel, segments, params, None, config, benchmark_returns, **rules)


def replayed(
    strategy: Strategy,
    panel: Panel,
    segments: Any,
    params: dict[str, Any],
    scope: Any,
    config: OptimizationConfig,
    benchmark_returns: Any = None,
    **rules: Any,
) -> Backtest:
    """One trial with everything that happened, on a panel that is open in this process."""
    if strategy.kind == ZIPLINE:
        from rustybt_ray.zipline.runner import AlgorithmRunner

        return AlgorithmRunner(panel, segments, **rules).record(strategy.function, params, benchmark_returns)
    simulator = Simulator(panel, segments, **rules)
    return record(simulator, strategy.function(workspace(config).data(panel.version, scope=scope), **params))
