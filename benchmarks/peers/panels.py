"""The folder that everyone reads: the panel, the algorithm, the csv files and the trials that are handed out."""

import csv
import hashlib
import json
import time
from pathlib import Path

import numpy as np

import algorithms
import rustybt_ray as rb
from averages import WINDOWS
from limit import averages
from rustybt_ray.data.panel import Panel
from rustybt_ray.data.sample import sample_panel
from tasks import LONG, SHORT, STARTS, TRIALS

PRICES = ("open", "high", "low", "close")


def prepare(folder: Path, csvdir: Path | None, quick: bool) -> None:
    """Fill the folder.

    ``panel.npz`` has adjusted prices, ``averages.npy`` moving averages of their closes, ``csv/`` bars as traded with splits
    and dividends in columns of their own, ``crossover.py`` and ``arrays.py`` the zipline algorithm, ``start.txt`` its first
    session, ``work.json`` the points of trials of a set length.

    Parameters
    ----------
    folder : Path
    csvdir : Path, optional
        Has SYMBOL.csv files; by default they are written from the sample bundle.
    quick : bool
        Whether the algorithm runs over a few years.
    """
    if csvdir is None:
        panel = sample_panel()
        (folder / "csv").mkdir()
        for column, symbol in enumerate(panel.symbols):
            write_csv(panel, column, folder / "csv" / f"{symbol}.csv")
    else:
        (folder / "csv").symlink_to(csvdir.resolve())
        rb.ingest("peers", csvdir, root=folder / "bundles")
        panel = rb.BundleStore(folder / "bundles").open("peers")
    adjusted = {name: getattr(panel, name) * panel.factor for name in PRICES}
    dates = panel.time.astype("datetime64[ns]").astype("datetime64[D]")
    np.savez(folder / "panel.npz", dates=dates, symbols=np.array(panel.symbols), volume=panel.volume, **adjusted)
    np.save(folder / "averages.npy", averages(adjusted["close"], np.array(WINDOWS)))
    for name, case in (("crossover", "crossover"), ("arrays", "crossover, arrays")):
        (folder / f"{name}.py").write_text(algorithms.HEAD + algorithms.CASES[case], encoding="utf-8")
    (folder / "start.txt").write_text(STARTS[quick], encoding="utf-8")
    rounds = {name: rounds_of(seconds) for name, seconds in (("w4_short", SHORT), ("w4_long", LONG))}
    work = {name: [{"k": k, "rounds": rounds[name]} for k in range(count)] for name, count in TRIALS.items()}
    (folder / "work.json").write_text(json.dumps(work), encoding="utf-8")


def write_csv(panel: Panel, column: int, path: Path) -> None:
    """One asset's bars and events."""
    rows = np.flatnonzero(np.isfinite(panel.close[:, column]))
    dates = panel.time[rows].astype("datetime64[ns]").astype("datetime64[D]")
    splits, dividends = np.ones(len(panel.time)), np.zeros(len(panel.time))
    mine = panel.split_column == column
    splits[panel.split_row[mine]] = panel.split_ratio[mine]
    mine = panel.dividend_column == column
    dividends[panel.dividend_row[mine]] = panel.dividend_amount[mine]
    bars = [getattr(panel, name)[rows, column].tolist() for name in PRICES]
    volume = panel.volume[rows, column].astype(np.int64).tolist()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("date", *PRICES, "volume", "dividend", "split"))
        writer.writerows(zip(dates, *bars, volume, dividends[rows].tolist(), splits[rows].tolist(), strict=True))


def rounds_of(seconds: float) -> int:
    """Rounds of `tasks.burn` that take so long on this machine; the quickest of nine tries."""
    probe = 20_000
    best = min(clock(probe) for _ in range(9))
    return max(round(seconds / best * probe), 1)


def clock(rounds: int) -> float:
    start = time.process_time()
    hashlib.pbkdf2_hmac("sha256", b"0", b"", rounds)
    return time.process_time() - start
