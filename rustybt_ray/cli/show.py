"""`show`: what a run directory holds, also while a study runs in it."""

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rustybt_ray.cli.options import told
from rustybt_ray.cli.values import number, params_text, shown

if TYPE_CHECKING:
    from rich.table import Table

    from rustybt_ray.studies.overview import Overview

INTERVAL = 0.5
"""Seconds between two looks at a journal that grows."""
LONGEST = 100
"""Characters of a dimension that are shown."""
STUDY = (
    "bundle",
    "version",
    "kind",
    "start",
    "end",
    "search",
    "objective",
    "direction",
    "aims",
    "require",
    "adaptive",
    "walk_forward",
)
RULES = ("capital", "costs", "fill", "settings", "seed", "engine", "digest", "key")


@click.command("show")
@click.argument("run_dir", type=click.Path(path_type=Path), metavar="RUNDIR")
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="Trials to show, best first.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option("--follow", is_flag=True, help="Wait until its driver has ended, with its progress on stderr.")
@told
def command(run_dir: Path, top: int, form: str, follow: bool) -> None:
    """What RUNDIR holds: the study, its trials so far, the best of them, and whether a driver works on it.

    Nothing is written there, locked or run, so it may be another's, and on storage that machines share. JSON is one object,
    CSV the best trials alone. Ctrl-C ends --follow, and nothing else.
    """
    from rustybt_ray.studies.overview import Overview

    overview = Overview(run_dir, top)
    if follow:
        watch(overview)
    else:
        for _ in overview.read():
            pass
    if form == "json":
        click.echo(json.dumps(content(overview), indent=1, default=str))
    elif form == "csv":
        _write_csv(overview)
    else:
        _print(overview)


def watch(overview: "Overview", interval: float = INTERVAL) -> None:
    """Read a run directory until its driver lets go of it."""
    from rustybt_ray.execution.messages import Chunk
    from rustybt_ray.progress import make_listener

    listener = make_listener(True, overview.spec["objective"], overview.spec["direction"])

    def look() -> bool:
        for block in overview.read():
            listener.finished_block(Chunk(0, block.numbers, {}), block)
        return overview.driver is not None

    if not look():
        return
    listener.started(overview.left, 0)
    try:
        while look():
            time.sleep(interval)
    finally:
        listener.ended(None)


def content(overview: "Overview") -> dict[str, Any]:
    """Everything as JSON takes it; undefined numbers are null."""
    spec, driver = overview.spec, overview.driver
    strategy = {name: spec["strategy"].get(name) for name in ("name", "module", "file")}
    counts = {"total": overview.total, "done": overview.done, "failed": overview.failed, "left": overview.left}
    found = {
        "run_dir": str(overview.path),
        "state": overview.state,
        "reason": overview.reason if overview.state == "interrupted" else None,
        "driver": None if driver is None else vars(driver),
        "written": overview.written,
        "study": {"strategy": strategy, **{name: spec.get(name) for name in (*STUDY, *RULES)}},
        "trials": counts,
        "result": overview.result,
        "best": [] if spec.get("walk_forward") else overview.best.rows(),
    }
    plain: dict[str, Any] = _defined(found)
    return plain


def _defined(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _defined(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_defined(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_csv(overview: "Overview") -> None:
    import polars as pl

    from rustybt_ray.cli.output import write_data

    write_data(pl.DataFrame(overview.best.rows(), infer_schema_length=None, strict=False), "csv")


def _print(overview: "Overview") -> None:
    from rustybt_ray.cli.output import show

    lines = [f"{name:<12}{text}" for name, text in describe(overview) if text]
    if overview.spec.get("walk_forward"):
        show(headline(overview), *lines, *_walked(overview))
        return
    several = bool(overview.spec.get("aims"))
    said = [] if several else [f"best: {_best(overview)}"] if len(overview.best) else ["No trial qualifies so far."]
    if (causal := (overview.result or {}).get("causal")) is not None:
        said.append("causal: yes" if causal is True else f"NOT CAUSAL: decisions of {causal} moved.")
    show(headline(overview), *lines, *([ranked(overview)] if len(overview.best) else []), *said)


def _walked(overview: "Overview") -> list[Any]:
    """The windows of a walk-forward and its curve; while it runs, that they are to come."""
    from rustybt_ray.api.load import load
    from rustybt_ray.cli.forward_summary import comparison_table, sentences, windows_table
    from rustybt_ray.studies.walk_forward import WalkForward

    if not (overview.result or {}).get("metrics"):
        return ["The windows choose when the trials are finished."]
    found = load(overview.path)
    assert isinstance(found, WalkForward)
    return [windows_table(found), comparison_table(found), *sentences(found)]


def headline(overview: "Overview") -> str:
    """What it is, and where it stands."""
    spec, state = overview.spec, overview.state
    if state == "interrupted" and overview.reason != "interrupted":
        state = f"interrupted ({overview.reason})"
    version, period = str(spec.get("version"))[:12], f"{spec.get('start')} to {spec.get('end')}"
    return f"{spec['strategy'].get('name')} on {spec.get('bundle')}@{version}, {period}: {state}"


def describe(overview: "Overview") -> list[tuple[str, str]]:
    """The study in pairs of a word and a text; an empty text has nothing to say."""
    spec, search = overview.spec, overview.spec["search"]
    constraints = ", ".join(map(str, search.get("constraint") or ()))
    kind = str(search.get("search")) + (f", {search['n_trials']:,} at most" if search.get("n_trials") else "")
    wanted = [(spec["objective"], spec["direction"]), *spec.get("aims", [])]
    aims = ", ".join(f"{direction} {objective}" for objective, direction in wanted)
    require = "".join(f", require {text}" for text in spec["require"])
    money = [f"capital {number(float(spec.get('capital', 0)))}", f"fill {spec.get('fill')}", f"seed {spec.get('seed')}"]
    return [
        ("windows", _windows_text(spec.get("walk_forward"))),
        ("space", " ".join(space_words(search)) + f" ({kind})"),
        ("constraint", constraints),
        ("objective", f"{aims}{require}"),
        ("costs", ", ".join([costs_text(spec.get("costs") or {}), *money])),
        ("trials", counted(overview)),
        ("driver", str(overview.driver or "")),
        ("written", overview.written or "not begun"),
    ]


def counted(overview: "Overview") -> str:
    """Trials finished, failed and to come."""
    total, left = overview.total, overview.left
    text = f"{overview.done:,}" + (f" of {total:,}" if total is not None else "") + " finished"
    text += f", {overview.failed:,} failed"
    return text + (f", {left:,} to come" if left is not None else ", how many are to come is not known")


def _windows_text(said: dict[str, Any] | None) -> str:
    if said is None:
        return ""
    lengths = {name: value for name, value in said["windows"].items() if name != "windows" and value}
    text = f"{said['windows']['windows']}({', '.join(f'{name}={value!r}' for name, value in lengths.items())})"
    others = ", ".join(f"{name} {said[name]}" for name in ("purge", "embargo", "positions", "select") if said[name])
    return f"{text}, {others}"


def space_words(search: dict[str, Any]) -> list[str]:
    """A search's dimensions as ``-p`` takes them.

    Examples
    --------
    >>> space_words({"parameters": {"fast": {"type": "Int", "low": 5, "high": 50, "step": 5}}})
    ['fast=5:50:5']
    """
    if "points" in search:
        count = len(next(iter(search["points"].values()), ()))
        return [f"{count:,} points of {', '.join(search['points'])}"]
    if "space" in search:
        return [f"function {search['space']}"]
    return [f"{name}={_shortened(_dimension(said))}" for name, said in (search.get("parameters") or {}).items()]


def _dimension(said: dict[str, Any]) -> str:
    if "options" in said:
        return ",".join("none" if option is None else str(option) for option in said["options"])
    parts = [said.get("low"), said.get("high"), said.get("step"), "log" if said.get("log") else None]
    return ":".join(str(part) for part in parts if part is not None)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def costs_text(costs: dict[str, Any]) -> str:
    """What trading costs.

    Examples
    --------
    >>> costs_text({"commission": {"model": "PerDollar", "cost": 0.001}, "slippage": {"model": "NoSlippage"}, "cash": 0.0})
    'PerDollar(cost=0.001)'
    >>> costs_text({})
    'none'
    """
    parts = []
    for name, said in costs.items():
        if isinstance(said, dict):
            model = str(said.get("model"))
            fields = ", ".join(f"{key}={number(value)}" for key, value in said.items() if key != "model" and value)
            parts += [] if model.startswith("No") else [f"{model}({fields})"]
        elif said:
            parts.append(f"{name}={number(said)}")
    return ", ".join(parts) or "none"


def ranked(overview: "Overview") -> "Table":
    """The best trials, as `optimize` shows them."""
    import polars as pl

    from rustybt_ray.cli.output import make_table
    from rustybt_ray.cli.summary import shown_metrics

    rows, params = overview.best.rows(), list(dict.fromkeys(name for row in overview.best.params for name in row))
    names = [name for name in rows[0] if name not in (*params, "trial")]
    frame = pl.DataFrame({name: [row.get(name) for row in rows] for name in names}, strict=False)
    metrics = shown_metrics(frame, overview.spec["objective"], *(name for name, _ in overview.spec.get("aims", [])))
    table = make_table({"rank": True, "trial": True, **dict.fromkeys([*params, *metrics], True)})
    for rank, row in enumerate(rows, 1):
        cells = (shown(name, row.get(name)) for name in (*params, *metrics))
        table.add_row(str(rank), str(row["trial"]), *cells)
    return table


def _best(overview: "Overview") -> str:
    objective, leaders = overview.spec["objective"], overview.best
    value, trial = shown(objective, leaders.values[0]), leaders.rows()[0]["trial"]
    return f"{objective} {value}, trial {trial}: {params_text(leaders.params[0])}"
