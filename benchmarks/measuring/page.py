"""docs/PERFORMANCE.md from the kept results, in the order of the ancestor's record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import page_layers, page_workflows
from measuring.results import Results, number, probability, table

HEAD = """# Performance

Written by `.venv/bin/python benchmarks/run.py --page` from measurements; not by hand. It follows the performance record of the
framework that this project grew out of, table by table, and leaves no cell of it blank. Ratios are what lasts: the machine
changes every absolute time. *Times faster* is the baseline's time by ours, the median of runs made in turn, side by side,
with its 95 % interval; brackets behind a time are the 95 % interval of its mean by Student's t.
"""


def write_page(results: dict[str, dict[str, Any]], path: Path) -> Path:
    """Write the page and say where it is.

    Raises
    ------
    MissingResultError
        If a figure of the page was not measured; it names the command that measures it.
    """
    found = Results(results)
    parts: list[Callable[[Results], str]] = [
        page_workflows.summary,
        methodology,
        page_workflows.scale,
        page_layers.user_code,
        page_layers.history,
        page_layers.bundles,
        page_layers.heavy,
        page_workflows.cumulative,
        page_workflows.memory,
        page_workflows.workflows,
        page_workflows.flames,
        statistics,
        regression,
        page_workflows.peers,
        page_workflows.guidance,
        archive,
    ]
    text = "\n\n".join([HEAD.strip(), *(part(found).strip() for part in parts)])
    path.write_text(text + "\n", encoding="utf-8")
    return path


def methodology(found: Results) -> str:
    """Machine, statistics, workloads."""
    rows = []
    for machine in {str(result["machine"]["cpu"]): result["machine"] for result in found.kept.values()}.values():
        packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
        rows += [
            ["Machine", f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}"],
            ["Python", machine["python"]],
            ["Packages", packages],
            ["Source", f"commit {machine['commit']}" + (" with changes" if machine["changed_files"] else "")],
            ["Date", machine["date"]],
        ]
    loads = [result["machine"]["load"] for result in found.kept.values()]
    commands = table(
        ["benchmark", "question", "took", "command"],
        [
            [name, result["question"], f"{result['seconds']:.0f} s", f"`{result['command']}`"]
            for name, result in found.kept.items()
        ],
    )
    return f"""## Methodology

### Benchmark environment

{table(["what", "value"], rows)}

The load of the machine as the benchmarks began was {min(loads)} to {max(loads)}.

### Statistical validation

- At least 10 runs of each side where a run is short; slower baselines run on a stated subset, scaled, and say so.
- The sides run in turn (A B, B A, A B, ...), so that what drifts on the machine falls on both.
- Median and median absolute deviation; 95 % interval of the mean by Student's t, of the median by the bootstrap (2,000
  resamples); Welch's t-test, Mann-Whitney U, and Cliff's delta as effect size (`scipy.stats`).
- Results are compared before anything is timed: a benchmark whose two sides differ stops.

### Workloads and commands

The reference bundle is `sample-mag-7`: eight invented stocks that list when the real ones did, 25 years of daily bars, about 41,000
rows, with splits and dividends. Each benchmark is a process of its own.

{commands}"""


def statistics(found: Results) -> str:
    """Intervals and tests of every comparison."""
    intervals, tests = [], []
    for name, result in found.kept.items():
        for row in result["rows"]:
            if "difference" not in row:
                continue
            where, of = f"{name}, {row['key']}", row["difference"]
            intervals.append(
                [
                    where,
                    str(row["ours_summary"]["runs"]),
                    found.span(name, row["key"], "baseline"),
                    found.span(name, row["key"]),
                ]
            )
            significant = "yes" if min(of["welch"], of["mann_whitney"]) < 0.05 else "no"
            tests.append(
                [where, f"{number(of['ratio'])}x", probability(of["welch"]), probability(of["mann_whitney"]),
                 number(of["effect"]), significant]
            )  # fmt: skip
    return f"""## Statistical validation

### Confidence intervals

{table(["benchmark", "runs", "baseline (95 % CI)", "ours (95 % CI)"], intervals)}

### Significance

Cliff's delta is 1 where every run of the baseline is the larger one, -1 where every one of ours is.

{table(["comparison", "ratio", "Welch", "Mann-Whitney", "Cliff's delta", "significant at 5 %"], tests)}"""


def regression(found: Results) -> str:
    """How CI holds the speed."""
    return """## Regression testing

`benchmarks/gate.py` runs in CI on each submission. It holds ratios, not times, against those committed in `benchmarks/reference.json`:
our sweep against a hand-written kernel for the same trades, against a loop over our own simulator, 25 trials of a year
against such a loop, and the walk-forward against the plain grid, so that machines cancel out. It counts CPU time, adds pairs of runs
until the 95 % interval of the median ratio lies on one side of the bound, and fails where a ratio is more than 10 % above
its reference beyond that noise, still after three minutes and in other processes. `.venv/bin/python benchmarks/gate.py --prove`
shows that 20 repeats of each case pass and that a planted slowdown of a fifth is caught in each.

Some versions of the kernel are a fifth slower in a third of all processes, by where its code happens to lie in memory; no
comparison within one process shows that. `.venv/bin/python benchmarks/copies.py` times many copies of the code in one process: they
should take the same."""


def archive(found: Results) -> str:
    """Where results lie."""
    return """## Archived data

`benchmarks/run.py` keeps everything it measures in `profiling-results/`, which is not committed:

```text
profiling-results/
├── benchmark_results/      one JSON file a layer and day: every run's time, statistics, machine, versions, git state
├── statistical_analysis/   confidence_intervals_DATE.csv, significance_tests_DATE.csv
├── flame_graphs/           by benchmarks/flame.py
└── memory_profiles/
```"""
