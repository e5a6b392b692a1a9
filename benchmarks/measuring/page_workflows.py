"""The page's tables of whole workflows, memory, profiles and peers, and what follows from them."""

from measuring.page_layers import VERSUS, compared
from measuring.results import Results, number, table

TRIALS = 400
PEERS = {
    "w1_sleeve": "200 pairs, 8 assets, a sleeve an asset",
    "w1_target": "200 pairs, 8 assets, one cash pool",
    "w2_sleeve": "200 pairs, one asset",
    "w3_empty": "zipline algorithm: empty",
    "w3_history": "zipline algorithm: history",
    "w3_orders": "zipline algorithm: orders",
    "w3_crossover": "zipline algorithm: crossover, unchanged",
    "w3_crossover_arrays": "zipline algorithm: crossover with arrays",
    "w4_short": "fan-out of short trials",
    "w4_long": "fan-out of 50 ms trials",
}


def summary(found: Results) -> str:
    """What matters, in a table."""
    rows = [
        ["400 backtests, eight stocks, 25 years", found.value("grid", "careful"), "a careful Python loop",
         f"{number(found.ratio('grid', 'careful'))}x"],
        ["the same", found.value("grid", "ancestor"), "the ancestor's way: bundle and frames again and again",
         f"{number(found.ratio('grid', 'ancestor'))}x"],
        ["25 backtests of a year, warm", found.value("grid", "micro"), "a loop over our own simulator",
         f"{number(found.ratio('grid', 'micro'))}x"],
        ["25 backtests, cold process", found.value("grid", "micro_public"), "a loop over `rb.backtest`",
         f"{number(found.ratio('grid', 'micro_public'))}x"],
        ["walk-forward, 44 windows x 200 trials", found.value("forward", "production"), "a careful Python loop",
         f"{number(found.ratio('forward', 'production'))}x"],
        ["ten studies on one pool", found.value("pools", "ten_runs"), "fresh pools",
         f"{number(found.ratio('pools', 'ten_runs'))}x"],
        [f"{number(found.ours('million', 'trials'))} trials, two workers", found.value("million", "seconds"), "-",
         found.value("million", "rate")],
    ]  # fmt: skip
    share = found.value("memory", "bookkeeping_share")
    return f"""## Executive summary

{table(["workload", "ours", "against", "times faster"], rows)}

Caches and bookkeeping take {share} of a process (target: below 2 %). For comparison, the ancestor's record: 279.48 s plain and
69.97 s optimised for 200 to 400 backtests (3.99x), and 2 % slower than no optimisation at 25 backtests."""


def scale(found: Results) -> str:
    """Production and micro."""
    production = {"careful": "A careful loop", "ancestor": "The ancestor's way"}
    micro = {
        "micro": "25 backtests of a year, warm",
        "micro_public": "25 backtests, cold process, loop over `rb.backtest`",
        "micro_parts": "25 backtests, cold process, loop over the bare simulator",
    }
    return f"""## Scale-dependent behaviour

### Production scale

400 backtests over the reference bundle, `executor="auto"`, a process that has the bundle open: one thread makes the weights, and
both CPUs trade them. Both baselines run on one, {found.note("grid", "careful")}.

{compared(found, "grid", production, "against")}

With Ray from the start, its start and end included, the same 400 take {found.value("grid", "ray")}: `auto` does not start Ray for them.

### Micro scale

{compared(found, "grid", micro, "case")}

{compared(found, "forward", {"micro": "5 windows x 5 trials, loop over `rb.backtest`"}, "walk-forward")}

### Threshold guidance

The ancestor advised against its optimisation below 50 backtests. Here `auto` is the loop itself until what is left pays for threads, then for workers.
What it does beyond the loop is fixed: {number(found.ours("grid", "micro") - found.theirs("grid", "micro"))} ms for the digest of the strategy, the table and the check of
causality, whatever the number of trials. Workers pay when the work left is longer than about twice Ray's start and end
({found.value("grid", "ray")} above, nearly all of it), which `auto` decides by itself."""


def cumulative(found: Results) -> str:
    """The cumulative tables."""
    base, ours = found.theirs("grid", "ancestor"), found.ours("grid", "ancestor")
    rows = [
        ["Baseline runtime (the ancestor's way, scaled)", f"{number(base)} s"],
        ["A careful loop (scaled)", found.value("grid", "careful", "baseline")],
        ["Optimised runtime", f"{number(ours)} s"],
        ["Speedup ratio", f"{number(base / ours)}x"],
        ["Time saved", f"{number(base - ours)} s ({1 - ours / base:.3%})"],
    ]
    micro = {side: found.value("grid", "micro", side) for side in ("baseline", "ours")}
    return f"""## Cumulative performance summary

{table(["metric", "value"], rows)}

### Overhead to computation

Of the time of `optimize` over 400 trials nearly all is trials; of 25 trials of a year ({micro["ours"]}, the loop {micro["baseline"]})
what is not a trial is the digest of the strategy, the table and the check of causality, which the loop does not make."""


def memory(found: Results) -> str:
    """Memory."""
    rows = [
        ["Baseline (no caches)", found.value("memory", "baseline_mb")],
        ["Asset cache", found.value("memory", "asset_cache_mb")],
        ["Panel (the pre-grouped data itself)", found.value("memory", "panel_mb")],
        ["HistoryCache, a window", found.value("memory", "history_window_bytes")],
        ["Bundle pool, bookkeeping", found.value("memory", "bundle_pool_mb")],
        ["Total with all", found.value("memory", "total_mb")],
        ["AssetCache, BundlePool and bookkeeping, of the process", found.value("memory", "bookkeeping_share")],
    ]
    return f"""## Memory characteristics

{table(["component", "memory"], rows)}

An extra worker on a panel of 500 MB takes {found.value("memory", "worker_ready")} of the panel beyond a bare actor when it is ready,
{found.value("memory", "worker_trials")} after trials. Growth over 2,000 trials: {found.value("memory", "growth")}: LRU entries leave
at the limit of `cache_size_gb`."""


def workflows(found: Results) -> str:
    """Grid and walk-forward."""
    per = {side: getattr(found, side)("grid", "careful") / TRIALS * 1e3 for side in ("ours", "theirs")}
    grid = [
        ["Total runtime", *found.versus("grid", "careful")[:3]],
        [
            "Per backtest",
            f"{number(per['theirs'])} ms",
            f"{number(per['ours'])} ms",
            f"{number(per['theirs'] / per['ours'])}x",
        ],
        [
            "Backtests a minute",
            *(number(60e3 / per[side]) for side in ("theirs", "ours")),
            f"{number(per['theirs'] / per['ours'])}x",
        ],
    ]
    windows, trials = 44, 44 * 200
    base, ours = found.theirs("forward", "production"), found.ours("forward", "production")
    times = f"{number(base / ours)}x"
    forward = [
        ["Total runtime", f"{number(base)} s", f"{number(ours)} s", times],
        ["Per window", f"{number(base / windows)} s", f"{number(1e3 * ours / windows)} ms", times],
        ["Per trial", f"{number(1e3 * base / trials)} ms", f"{number(1e3 * ours / trials)} ms", times],
    ]
    steps = {"inline_step": "in this process", "workers_step": "on two workers"}
    return f"""## Workflow-specific results

### Grid search

400 combinations, 8 assets, 2000 to 2024, one process, against a careful loop.

{table(["metric", "baseline", "ours", "times faster"], grid)}

### Walk-forward

44 rolling windows of 3 years and 6 months, 200 trials each, one process, against a careful loop ({found.note("forward", "production")}).

{table(["metric", "baseline", "ours", "times faster"], forward)}

A step, one bar of an asset in a trial, of the plain grid (the baseline) and of the walk-forward, whole calls:

{compared(found, "forward", steps, "where")}

### A million trials

{number(found.ours("million", "trials"))} trials of four parameters over the reference bundle, two workers, from the call to the ranked table, Ray's start and
end included: {found.value("million", "seconds")}, {found.value("million", "rate")}, {found.value("million", "memory")} of memory in all processes."""


def flames(found: Results) -> str:
    """Shares of a profile."""
    kinds = {
        "assets": "Asset list extraction", "filtering": "Data filtering and grouping", "frames": "DataFrame construction",
        "bundle": "Bundle initialisation", "compute": "Computation",
    }  # fmt: skip
    rows = [
        [what, found.value("flames", f"before_{k}"), found.value("flames", f"after_{k}")] for k, what in kinds.items()
    ]
    return f"""## Flame graph analysis

Shares of the samples of a grid search, the ancestor's way (before) and ours (after); the pictures are written to
`profiling-results/flame_graphs/`.

{table(["share of time", "before", "after"], rows)}"""


def peers(found: Results) -> str:
    """Others on the same work, in the same session."""
    rows = []
    for name, result in found.kept.items():
        if "peers/compare.py" not in result["command"]:
            continue
        for row in result["rows"]:
            what = PEERS.get(row["key"], row["what"])
            rows.append([name, what, *found.versus(name, row["key"]), row["note"] or "equal results"])
    text = """## Peers

The same workloads in one session on one machine, results compared before times (`benchmarks/peers/compare.py`)."""
    if not rows:
        return text + " They were not run for this page."
    return f"""{text}

{table(["peer", "workload", "theirs", "ours", *VERSUS[2:], "results"], rows)}"""


def guidance(found: Results) -> str:
    """What to do."""
    ready = found.value("bundlepool", "workers_2")
    return f"""## Recommendations

- Up to some thousand target-function trials: leave `executor="auto"` alone; nothing is started.
- Costly trials or many studies: keep a `PersistentWorkerPool`; ten studies are {number(found.ratio("pools", "ten_runs"))} times faster
  than with fresh pools, and a bundle is ready in workers within {ready}.
- Little memory: lower `cache_size_gb`. A cache that is too small costs hits, not correctness
  ({found.value("tiers", "hit_small")} instead of {found.value("tiers", "hit_all")}).
- One core: the same; workers gain nothing, and `auto` does not start them.
- Algorithms for zipline: history as arrays where the code allows it
  ({number(found.ratio("history", "assets_10"))} times faster than frames for 10 assets)."""
