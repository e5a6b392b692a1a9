"""The page's tables of the ancestor's layers."""

from measuring.results import Results, number, table

VERSUS = ["baseline", "ours", "times faster", "Welch"]


def compared(found: Results, name: str, rows: dict[str, str], first: str = "metric") -> str:
    """A table of comparisons, a row a key."""
    return table([first, *VERSUS], [[what, *found.versus(name, key)] for key, what in rows.items()])


def user_code(found: Results) -> str:
    """Layer 1."""
    assets = {"first": "First access", "cached": "Cached access", "hundred": "100 backtests (total)"}
    grouping = {
        "filtering": "Filtering (50 assets)",
        "conversion": "Type conversion",
        "hundred": "Combined (100 backtests)",
    }
    both = [found.theirs(name, "hundred") for name in ("assets", "grouping")]
    ours = [found.ours(name, "hundred") for name in ("assets", "grouping")]
    return f"""## Layer 1: what a user's code does again and again

### Asset list caching

The baseline finds the assets of a bundle in its long frame; ours asks the worker's `AssetCache`, keyed by the bundle's SHA-256.

{compared(found, "assets", assets)}

### Data pre-grouping

The baseline filters a long frame for each asset; ours reads a column of the panel, which is one array a field.

{compared(found, "grouping", grouping)}

### Layer 1 combined

Asset list and data of 100 backtests: {number(sum(both) / sum(ours))} times faster. A panel is the pre-grouped data itself: it is
not held beside a frame, so that the layer takes no memory of its own but the asset table ({found.value("memory", "asset_cache_mb")})."""


def history(found: Results) -> str:
    """Layer 2."""
    arrays = {f"assets_{n}": f"{n} asset{'s' if n > 1 else ''}" for n in (1, 10, 50)}
    tiers = []
    for window, tier in (("20", "permanent"), ("50", "permanent"), ("200", "permanent"), ("variable", "LRU")):
        tiers.append(
            [f"{window} ({tier})" if window != "variable" else "variable (LRU)", "1" if tier == "permanent" else "2",
             found.value("tiers", f"hit_{window}"), found.value("tiers", f"access_{window}"),
             found.value("tiers", f"access_{window}", "baseline")]
        )  # fmt: skip
    overall = found.ours("tiers", "hit_all")
    return f"""## Layer 2: history

### Arrays instead of frames

`data.history(assets, "price", 50, "1d")` of an algorithm, as the pandas objects that zipline returns (the baseline), and with
``as_array=True``.

{compared(found, "history", arrays, "workload")}

Building frames is {found.value("history", "frame_share")} of the time of the road with frames.

### HistoryCache

{table(["lookback window", "tier", "hit rate", "access (a hit)", "computed anew"], tiers)}

Overall hit rate: {number(overall)} % ({"above" if overall > 60 else "below"} the target of 60 %); with a cache that is too small for the
search {found.value("tiers", "hit_small")}. Size: {found.value("tiers", "size_mb")} of a limit of
{found.value("tiers", "size_mb", "baseline")}."""


def bundles(found: Results) -> str:
    """Layer 3."""
    rows = []
    for workers in (2, 4, 8, 16):
        key = f"workers_{workers}"
        base, ours = found.theirs("bundlepool", key), found.ours("bundlepool", key)
        saved = (base - ours) / base
        rows.append([str(workers), *found.versus("bundlepool", key)[:3], f"{number(base - ours)} ms ({saved:.0%})"])
    scaling = [["2, real", f"{number(found.ratio('scaling', 'two'))}x", f"{found.ratio('scaling', 'two') / 2:.0%}"]]
    for workers in (4, 8, 16):
        speed = found.ours("scaling", f"simulated_{workers}")
        scaling.append([f"{workers}, simulated", f"{number(speed)}x", f"{speed / workers:.0%}"])
    return f"""## Layer 3: bundles in workers

### Worker initialisation

Time until a worker has the bundle after its first request on a node that holds it: the baseline reads and groups the file in
each worker, ours maps it from the object store. The start of a process, {found.value("bundlepool", "process_start")}, is in neither.

{table(["workers", "baseline", "ours", "times faster", "saved a worker"], rows)}

Memory of a pooled bundle in a worker: {found.value("bundlepool", "memory_mb")}.

### Scaling

{table(["workers", "speed-up", "efficiency"], scaling)}

Two workers: {found.note("scaling", "two") or "measured on two cores"}. More than the machine's two cores are simulated:
{found.note("scaling", "simulated_4")}. The driver can feed {found.value("scaling", "capacity_256")} to 256 simulated workers."""


def heavy(found: Results) -> str:
    """The ancestor's phase 6B."""
    store = []
    for kind, what in (("pickled", "pickled with every task"), ("fork", "fork, copy on write")):
        for key, label in (("init", "bundle initialisation"), ("memory", "memory a worker"), ("total", "total")):
            store.append([what, label, *found.versus("store", f"{kind}_{key}")[:3]])
    pools = {"one_run": "Single optimization run", "ten_runs": "10 consecutive runs"}
    return f"""## Sharing and keeping workers

### Object store

The bundle is put once into Ray's object store and mapped by all workers, against the same trials in a multiprocessing pool.
Fork shares pages on one machine and only where it exists; the object store does so on every node of a cluster.

{table(["against", "metric", "baseline", "ours", "ratio"], store)}

### Persistent worker pool

{compared(found, "pools", pools, "scenario")}

One worker against a plain loop of the same trials of 50 ms, Ray's start apart: {number(found.ratio("overhead", "ray_path"))} (1 is no
overhead, below 1 the worker takes longer)."""
