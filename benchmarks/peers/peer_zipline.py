"""zipline-reloaded and rustybt.

    python peer_zipline.py FOLDER zipline|rustybt

`run_algorithm` as it is documented, on a csvdir bundle that is ingested before: loading the bundle and building the performance
frame are in the time, as they are in ours.
"""

import importlib
import os
import sys
import tempfile
import types
import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from serving import serve, start_of
from tasks import CAPITAL, END

warnings.filterwarnings("ignore")


def ingest(package: str, csvs: Path, root: Path) -> None:
    """A bundle named "peer" of the folder's files."""
    (root / "csv").mkdir()
    (root / "csv" / "daily").symlink_to(csvs.resolve())
    bundles = importlib.import_module(f"{package}.data.bundles")
    csvdir = importlib.import_module(f"{package}.data.bundles.csvdir")
    bundles.register("peer", csvdir.csvdir_equities(["daily"], str(root / "csv")), calendar_name="XNYS")
    bundles.ingest("peer", os.environ, pd.Timestamp("2025-01-01", tz="UTC"), show_progress=False)


def runner(package: str) -> Any:
    """Its `run_algorithm`, which is not at the same place in both."""
    importlib.import_module(package)
    return importlib.import_module({"zipline": "zipline", "rustybt": "rustybt.utils.run_algo"}[package]).run_algorithm


def main() -> None:
    folder, package = Path(sys.argv[1]), sys.argv[2]
    algorithm = types.ModuleType("algorithm")
    exec((folder / "crossover.py").read_text(encoding="utf-8").replace("zipline", package), algorithm.__dict__)
    start, end = pd.Timestamp(start_of(folder)), pd.Timestamp(END)
    sessions: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as root:
        os.environ["ZIPLINE_ROOT"] = root
        run_algorithm = runner(package)
        ingest(package, folder / "csv", Path(root))
        benchmark = pd.Series(0.0, index=pd.date_range(start, end, freq="B"))

        def crossover() -> list[float]:
            perf = run_algorithm(
                start=start, end=end, initialize=algorithm.initialize, handle_data=algorithm.handle_data,
                capital_base=CAPITAL, bundle="peer", data_frequency="daily", benchmark_returns=benchmark,
            )  # fmt: skip
            sessions["w3_crossover"] = len(perf)
            return [float(perf["portfolio_value"].iloc[-1]) / CAPITAL - 1.0]

        serve({"w3_crossover": crossover}, sessions)


if __name__ == "__main__":
    main()
