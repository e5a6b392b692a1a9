"""Goldens of zipline-reloaded 3.2.1, and the comparison of a dump with one.

A golden is what zipline did with an algorithm and a bundle, in the layout of `rustybt_ray.zipline.dump`. Those of the
synthetic bundles lie in tests/zipline/golden, with the algorithms and the csv files; those of real data in ../shared.
"""

import gzip
import json
import math
import sys
import tarfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parents[1] / "zipline" / "golden"
SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "zipline"
RELATIVE = 1e-9
ROUNDING = 64 * sys.float_info.epsilon
"""What thousands of roundings in either direction leave, in parts of the magnitude of the numbers that are rounded."""
YEAR = 252

MONEY = {
    "capital_used", "ending_cash", "ending_exposure", "ending_value", "long_exposure", "long_value", "pnl",
    "portfolio_value", "short_exposure", "short_value", "starting_cash", "starting_exposure", "starting_value",
}  # fmt: skip
EXACT = {"longs_count", "shorts_count", "trading_days", "excess_return", "treasury_period_return"}
ROWS = ("orders", "transactions", "positions")


def local_names():
    """Goldens that are always here, such as "buy_hold.synthetic_paid"."""
    return sorted(path.name.removesuffix(".json.gz") for path in HERE.glob("*.json.gz"))


def shared_names():
    """Goldens of real data, if ../shared is here."""
    return sorted(path.name.partition(".json")[0] for path in (SHARED / "golden").glob("*.mag7.json*"))


@cache
def read_golden(name):
    folder = HERE if (HERE / f"{name}.json.gz").exists() else SHARED / "golden"
    path = next(folder.glob(f"{name}.json*"))
    content = path.read_bytes()
    return json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)


def unpack_sources(folder):
    """Write the algorithms (algos/), the csv files (synthetic/daily/), events.csv and payouts.csv to `folder`."""
    with tarfile.open(HERE / "sources.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def differences(ours, theirs):
    """A line for each column of a section in which a dump and a golden differ, with the first difference; none if they agree.

    - Share counts, dates, statuses, symbols, texts and truth values exactly, numbers to 1e-9 of theirs.
    - A number close to zero is a difference of large ones: its error is in parts of those. So 64 times a rounding of them (1.4e-14)
      is allowed: of the largest sum of money in the run for money; of 1 + the return so far for returns; of the session's
      gross leverage for leverages; of what a return's rounding makes of a ratio to their deviation for risk figures; of the
      column's largest number for recorded ones, prices and commissions.
    - An error by its type.
    """
    if theirs["error"] or ours["error"]:
        types = [(each["error"] or {}).get("type") for each in (ours, theirs)]
        return [] if types[0] == types[1] else [f"error: ours {ours['error']}, theirs {theirs['error']}"]
    found = [
        line
        for section in ("sessions", "period_close")
        for line in _compare(section, ours[section], theirs[section], theirs["sessions"], _nothing)
    ]
    if found:
        return found
    mine, golden = _columns(ours), _columns(theirs)
    floors = _Floors(golden)
    for name in sorted(mine.keys() | golden.keys()):
        if name not in mine or name not in golden:
            found.append(f"daily.{name}: only {'theirs' if name in golden else 'ours'} has it")
        else:
            found += _compare(f"daily.{name}", mine[name], golden[name], theirs["sessions"], floors.of(name))
    mine, golden = ours["recorded"], theirs["recorded"]
    for name in sorted(mine.keys() | golden.keys()):
        if name not in mine or name not in golden:
            found.append(f"recorded.{name}: only {'theirs' if name in golden else 'ours'} has it")
        else:
            values, floor = golden[name], _largest(golden[name]) * ROUNDING
            found += _compare(f"recorded.{name}", mine[name], values, theirs["sessions"], lambda _, floor=floor: floor)
    for section in ROWS:
        found += _compare_rows(section, ours[section], theirs[section], theirs["sessions"])
    return found


def assert_same(ours, theirs, limit=20):
    """Fail with the first differences of each column."""
    found = differences(ours, theirs)
    more = f"\n  and {len(found) - limit} more" if len(found) > limit else ""
    assert not found, "\n  " + "\n  ".join(found[:limit]) + more


class _Floors:
    """Absolute tolerance of a column, as a function of the session."""

    def __init__(self, columns):
        self.columns = columns
        self.money = max(_largest(columns[name]) for name in MONEY) * ROUNDING
        self.growth = [ROUNDING * (1.0 + abs(value)) for value in columns["algorithm_period_return"]]

    def of(self, name):
        if name in EXACT:
            return _nothing
        if name in MONEY:
            return lambda _: self.money
        if "leverage" in name:
            return lambda at: ROUNDING * _number(self.columns["gross_leverage"][at])
        return getattr(self, f"_{name}", lambda at: self.growth[at])

    def _daily(self, at):
        """Standard deviation of daily returns."""
        return _number(self.columns["algo_volatility"][at]) / math.sqrt(YEAR)

    def _algo_volatility(self, _):
        return ROUNDING * math.sqrt(YEAR)

    _benchmark_volatility = _algo_volatility

    def _sharpe(self, at):
        ratio = _number(self.columns["sharpe"][at])
        return self._of_ratio(self._daily(at), ratio)

    def _sortino(self, at):
        sharpe, ratio = (_number(self.columns[name][at]) for name in ("sharpe", "sortino"))
        return self._of_ratio(self._daily(at) * abs(sharpe / ratio) if ratio else math.inf, ratio)

    def _of_ratio(self, deviation, ratio):
        return ROUNDING * (math.sqrt(YEAR) + abs(ratio)) / deviation if deviation else 0.0

    def _beta(self, at):
        benchmark = _number(self.columns["benchmark_volatility"][at]) / math.sqrt(YEAR)
        return ROUNDING * (1.0 + abs(_number(self.columns["beta"][at]))) / benchmark if benchmark else 0.0

    def _alpha(self, at):
        alpha, beta = (_number(self.columns[name][at]) for name in ("alpha", "beta"))
        return ROUNDING * YEAR * (1.0 + abs(alpha)) * (1.0 + abs(beta))


def _columns(content):
    """Daily and constant columns alike, one value a session."""
    count = len(content["sessions"])
    return content["daily"] | {name: [value] * count for name, value in content["constant"].items()}


def _compare_rows(section, ours, theirs, sessions):
    if ours["columns"] != theirs["columns"]:
        return [f"{section}: columns {ours['columns']}, theirs {theirs['columns']}"]
    columns, found = theirs["columns"], []
    for at, (mine, golden) in enumerate(zip(ours["rows"], theirs["rows"], strict=False)):
        if mine[:2] != golden[:2]:  # another session or id: from here on nothing stands beside what it belongs to
            found.append(f"{section}, row {at}: ours {mine}, theirs {golden} ({sessions[golden[0]]})")
            break
    if len(ours["rows"]) != len(theirs["rows"]):
        found.append(f"{section}: ours has {len(ours['rows'])} rows, theirs {len(theirs['rows'])}")
    if found:
        return found
    days = [sessions[row[0]] for row in theirs["rows"]]
    for place, name in enumerate(columns):
        mine, golden = ([row[place] for row in each["rows"]] for each in (ours, theirs))
        floor = _largest(golden) * ROUNDING
        found += _compare(f"{section}.{name}", mine, golden, days, lambda _, floor=floor: floor)
    return found


def _compare(what, ours, theirs, days, floor):
    if len(ours) != len(theirs):
        return [f"{what}: ours has {len(ours)} values, theirs {len(theirs)}"]
    pairs = enumerate(zip(ours, theirs, strict=True))
    wrong = [at for at, (mine, golden) in pairs if not _same(mine, golden, floor, at)]
    if not wrong:
        return []
    at = wrong[0]
    return [
        f"{what}: {len(wrong)} of {len(theirs)} differ, first on {days[at]} ([{at}]): ours {ours[at]!r}, theirs {theirs[at]!r}"
    ]


def _same(mine, golden, floor, at):
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (mine, golden)]
    if not all(numbers) or (isinstance(mine, int) and isinstance(golden, int)):
        return mine == golden and isinstance(mine, bool) == isinstance(golden, bool)
    return mine == golden or abs(mine - golden) <= max(RELATIVE * abs(golden), floor(at))


def _nothing(_):
    return 0.0


def _number(value):
    """A number of a golden; what is undefined or infinite allows nothing."""
    return value if isinstance(value, int | float) else 0.0


def _largest(values):
    return max((abs(value) for value in values if isinstance(value, int | float)), default=0.0)
