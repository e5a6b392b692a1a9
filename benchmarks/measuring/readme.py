"""The README's table of figures, between two marks, from the same results as the page."""

from pathlib import Path

from measuring.results import Results, number, table

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write_table(found: Results, path: Path) -> None:
    """Put the table between the marks.

    Raises
    ------
    ValueError
        If the README has not both marks.
    MissingResultError
        If a figure was not measured.
    """
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{path} must have the lines {BEGIN} and {END}: the table is written between them")
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    path.write_text(f"{head}{BEGIN}\n\n{figures(found)}\n\n{END}{tail}", encoding="utf-8")


def figures(found: Results) -> str:
    """A row a claim: what, the figure with its interval, the command."""
    rows = [
        *[
            [f"{what}, one core: ours by the limit", inverse(found, "sweep", key), command("sweep")]
            for key, what in (
                ("change", "200 pairs x 8 stocks x 25 years, orders when a signal changes"),
                ("daily", "the same, weights restored every session"),
                ("wide", "10 pairs x 300 stocks"),
            )
        ],
        ["400 backtests, warm: a careful Python loop by ours", times(found, "grid", "careful"), command("grid")],
        ["the same: the ancestor's way by ours", times(found, "grid", "ancestor"), command("grid")],
        ["25 backtests, cold process: ours by a loop over `rb.backtest`", inverse(found, "grid", "micro_public"), command("grid")],
        ["25 backtests, cold process: ours by a loop over the bare simulator", inverse(found, "grid", "micro_parts"), command("grid")],
        ["a step of a walk-forward (44 windows x 200 pairs) by one of the plain grid, in this process", inverse(found, "forward", "inline_step"), command("forward")],
        ["the same on two workers", inverse(found, "forward", "workers_step"), command("forward")],
        ["5 windows x 5 trials, warm: ours by a loop over `rb.backtest`", inverse(found, "forward", "micro"), command("forward")],
        ["one Ray worker by a plain loop of the same trials of 50 ms, start of Ray apart", inverse(found, "overhead", "ray_path"), command("overhead")],
        ["two workers against one", times(found, "scaling", "two"), command("scaling")],
        ["the driver alone, feeding 256 simulated workers", found.value("scaling", "capacity_256"), command("scaling")],
        ["an extra worker on a panel of 500 MB, of the panel beyond a bare actor: ready; after trials", f"{found.value('memory', 'worker_ready')}; {found.value('memory', 'worker_trials')}", command("memory")],
        ["ten studies: fresh pools by one pool, starts included", times(found, "pools", "ten_runs"), command("pools")],
        [f"{number(found.ours('million', 'trials'))} trials of four parameters, two workers, start to ranked table", f"{found.value('million', 'seconds')}, {found.value('million', 'memory')} in all", command("million")],
        ["`import rustybt_ray` beyond Python's own start; `rustybt-ray --help`", f"{found.value('start', 'import')}; {found.value('start', 'help')}", command("start")],
    ]  # fmt: skip
    return table(["what", "measured", "command"], rows)


def times(found: Results, name: str, key: str) -> str:
    """Baseline by ours, with its interval."""
    of = found.row(name, key).get("difference")
    if of is None:
        return number(found.ratio(name, key))
    return f"{number(of['ratio'])} ({number(of['ratio_low'])} to {number(of['ratio_high'])})"


def inverse(found: Results, name: str, key: str) -> str:
    """Ours by the baseline, with its interval."""
    of = found.row(name, key).get("difference")
    if of is None:
        return number(1.0 / found.ratio(name, key))
    return f"{1 / of['ratio']:.2f} ({1 / of['ratio_high']:.2f} to {1 / of['ratio_low']:.2f})"


def command(name: str) -> str:
    """What measures it."""
    return f"`.venv/bin/python benchmarks/run.py {name}`"
