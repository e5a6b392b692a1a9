"""Results on disk, in the layout `profiling-results/` that readers of such archives expect."""

import csv
import json
from pathlib import Path
from typing import Any

FOLDERS = ("benchmark_results", "statistical_analysis", "flame_graphs", "memory_profiles")


class Archive:
    """A folder of results.

    Parameters
    ----------
    root : Path
        Made if missing, with ``benchmark_results``, ``statistical_analysis``, ``flame_graphs`` and ``memory_profiles``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)

    def keep(self, layer: str, name: str, result: dict[str, Any]) -> Path:
        """Put a benchmark's result into its layer's file of the day, in place of an earlier one of the same name."""
        path = self.root / "benchmark_results" / f"{layer}_results_{result['machine']['date']}.json"
        held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        held[name] = result
        path.write_text(json.dumps(held, indent=1), encoding="utf-8")
        return path

    def newest(self) -> dict[str, dict[str, Any]]:
        """The latest result of each benchmark, by name."""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted((self.root / "benchmark_results").glob("*.json"), key=lambda p: p.stem.rsplit("_", 1)[-1]):
            found.update(json.loads(path.read_text(encoding="utf-8")))
        return found

    def tables(self, date: str) -> None:
        """Confidence intervals and significance tests of all benchmarks as CSV files."""
        folder = self.root / "statistical_analysis"
        intervals, tests = [], []
        for name, result in self.newest().items():
            for row in result["rows"]:
                for side in ("baseline", "ours"):
                    if f"{side}_summary" in row:
                        about = {"benchmark": name, "row": row["key"], "side": side, "unit": row["unit"]}
                        intervals.append(about | row[f"{side}_summary"])
                if "difference" in row:
                    tests.append({"benchmark": name, "row": row["key"]} | row["difference"])
        for path, lines in (
            (folder / f"confidence_intervals_{date}.csv", intervals),
            (folder / f"significance_tests_{date}.csv", tests),
        ):
            with path.open("w", newline="", encoding="utf-8") as file:
                if lines:
                    writer = csv.DictWriter(file, list(lines[0]))
                    writer.writeheader()
                    writer.writerows(lines)
