"""The tables of a walk-forward."""

from typing import TYPE_CHECKING, Any

import numpy as np

from rustybt_ray.exceptions import InputError
from rustybt_ray.search.protocol import without_absent
from rustybt_ray.studies.forward_choices import Choices
from rustybt_ray.studies.trials import STATES

if TYPE_CHECKING:
    import polars as pl

SHOWN = ("total_return", "annual_return", "sharpe_ratio", "max_drawdown", "turnover", "n_trades")
"""Metrics of the chosen trial's test that the table of windows has."""
OWN = (
    "window", "gap", "partial", "in_sample", "validation", "out_of_sample", "percentile", "rank_correlation", "chosen",
    *(f"{part}_{end}" for part in ("train", "validate", "test") for end in ("start", "end")),
)  # fmt: skip
"""Columns that no parameter may be named like."""


def check_forward_names(names: tuple[str, ...], metrics: tuple[str, ...]) -> None:
    """Parameters share tables with the windows' own columns.

    Raises
    ------
    InputError
        If a parameter is named like one of them.
    """
    own = {*OWN, *(f"{part}_{metric}" for part in ("train", "validate", "test") for metric in metrics)}
    for name in names:
        if name in own:
            rule = "named unlike the columns of a walk-forward's tables"
            raise InputError(f"parameter {name!r}", rule, name, "Rename the parameter.")


def windows_frame(choices: Choices) -> "pl.DataFrame":
    """One row a window."""
    import polars as pl

    layout, chosen = choices.layout, choices.chosen
    columns: dict[str, Any] = {"window": [window.number for window in layout]}
    for part in choices.parts:
        columns[f"{part}_start"] = [getattr(window, part).start for window in layout]
        columns[f"{part}_end"] = [getattr(window, part).end for window in layout]
    columns["partial"] = [window.partial for window in layout]
    columns["gap"] = (chosen < 0).tolist()
    numbers = choices.block.numbers.tolist()
    columns["trial"] = [None if place < 0 else numbers[place] for place in chosen.tolist()]
    for name, values in choices.columns.items():
        picked = without_absent([None if place < 0 else values[place] for place in chosen.tolist()])
        columns[name] = pl.Series(name, picked, strict=False)
    columns["in_sample"] = choices.of_chosen(choices.objective("train"))
    if "validate" in choices.parts:
        columns["validation"] = choices.of_chosen(choices.objective("validate"))
    columns["out_of_sample"] = choices.of_chosen(choices.objective("test"))
    columns["percentile"] = choices.percentiles
    columns["rank_correlation"] = choices.rank_correlations
    for name in SHOWN:
        if name in choices.block.names:
            columns[f"test_{name}"] = choices.of_chosen(choices.metric(name, "test"))
    return pl.DataFrame(columns, schema_overrides={"trial": pl.Int64})


def trials_frame(choices: Choices) -> "pl.DataFrame":
    """One row a trial and window, trial by trial."""
    import polars as pl

    block, count = choices.block, len(choices.layout)
    errors = [block.errors.get(number) for number in block.numbers.tolist()]
    texts = [None if error is None else f"{error.type}: {error.message}" for error in errors]
    columns: dict[str, Any] = {"trial": np.repeat(block.numbers, count)}
    columns["window"] = np.tile(np.arange(count, dtype=np.int64), len(block))
    for name, values in choices.columns.items():
        columns[name] = pl.Series(name, [v for v in without_absent(values) for _ in range(count)], strict=False)
    for i, part in enumerate(choices.parts):
        for j, name in enumerate(block.names):
            columns[f"{part}_{name}"] = np.ascontiguousarray(choices.cube[:, :, i, j]).reshape(-1)
    picked = np.zeros((len(block), count), np.bool_)
    there = np.flatnonzero(choices.chosen >= 0)
    picked[choices.chosen[there], there] = True
    columns["chosen"] = picked.reshape(-1)
    columns["state"] = [STATES[state] for state in block.state.tolist() for _ in range(count)]
    columns["error"] = pl.Series("error", [text for text in texts for _ in range(count)], dtype=pl.String)
    return pl.DataFrame(columns, schema_overrides={"trial": pl.Int64, "state": pl.String})
