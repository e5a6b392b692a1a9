"""Kept results, for the page: figures by benchmark and row, as text."""

from typing import Any


class MissingResultError(KeyError):
    """The page needs a figure that was not measured: which, and the command that measures it."""

    def __init__(self, name: str, key: str) -> None:
        super().__init__(f"no result {key!r} of benchmark {name!r}; run: .venv/bin/python benchmarks/run.py {name}")


class Results:
    """Results by benchmark, as `Archive.newest` gives them."""

    def __init__(self, kept: dict[str, dict[str, Any]]) -> None:
        self.kept = kept

    def row(self, name: str, key: str) -> dict[str, Any]:
        """A row's record.

        Raises
        ------
        MissingResultError
            If it was not measured.
        """
        for row in self.kept.get(name, {}).get("rows", ()):
            if row["key"] == key:
                found: dict[str, Any] = row
                return found
        raise MissingResultError(name, key)

    def has(self, name: str) -> bool:
        """Whether a benchmark was run."""
        return name in self.kept

    def ours(self, name: str, key: str) -> float:
        """Median of our measurements."""
        return float(self.row(name, key)["ours_summary"]["median"])

    def theirs(self, name: str, key: str) -> float:
        """Median of the baseline's measurements."""
        return float(self.row(name, key)["baseline_summary"]["median"])

    def ratio(self, name: str, key: str) -> float:
        """Baseline by ours."""
        row = self.row(name, key)
        if "difference" in row:
            return float(row["difference"]["ratio"])
        return self.theirs(name, key) / self.ours(name, key)

    def value(self, name: str, key: str, side: str = "ours") -> str:
        """A median with its unit."""
        row = self.row(name, key)
        return with_unit(row[f"{side}_summary"]["median"], row["unit"])

    def span(self, name: str, key: str, side: str = "ours") -> str:
        """A median with its unit, and the 95 % interval of the mean."""
        row = self.row(name, key)
        found = row[f"{side}_summary"]
        if found["runs"] < 2:
            return with_unit(found["median"], row["unit"])
        factor, _ = scaled(found["median"], row["unit"])
        low, high = number(found["t_low"] * factor), number(found["t_high"] * factor)
        return f"{with_unit(found['median'], row['unit'])} [{low}, {high}]"

    def versus(self, name: str, key: str) -> list[str]:
        """Cells of a comparison: baseline, ours, how many times faster with its interval, p."""
        row = self.row(name, key)
        if "difference" in row:
            found = row["difference"]
            times = f"{number(found['ratio'])}x ({number(found['ratio_low'])} to {number(found['ratio_high'])})"
            p = probability(found["welch"])
        else:
            times, p = f"{number(self.ratio(name, key))}x", "one run"
        return [self.value(name, key, "baseline"), self.value(name, key), times, p]

    def note(self, name: str, key: str) -> str:
        """What a reader must know of a row."""
        return str(self.row(name, key)["note"])


def number(x: float) -> str:
    """Three digits, thousands apart."""
    if x != x:
        return "none"
    if abs(x) >= 1000:
        return f"{x:,.0f}"
    if abs(x) >= 100:
        return f"{x:.0f}"
    return f"{x:.3g}" if abs(x) >= 0.001 or x == 0 else f"{x:.1e}"


def with_unit(x: float, unit: str) -> str:
    """A number and its unit, in the unit that makes it readable."""
    factor, readable = scaled(x, unit)
    return f"{number(x * factor)} {readable}".strip()


def scaled(x: float, unit: str) -> tuple[float, str]:
    """What to multiply by, and the unit then."""
    larger = {"us": "ms", "ms": "s"}
    return (1e-3, larger[unit]) if unit in larger and abs(x) >= 1000 else (1.0, unit)


def probability(p: float) -> str:
    """A p value."""
    return "equal" if p != p else "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table.

    Raises
    ------
    ValueError
        If a cell is blank: every figure is measured.
    """
    for row in rows:
        if len(row) != len(head) or not all(cell.strip() for cell in row):
            raise ValueError(f"a blank cell in the row {row} under {head}")
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)
