"""What the reference ledger reads: a panel's raw arrays and events as Decimals, and the orders of each decision row."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

DAY = 86_400 * 10**9


@dataclass(frozen=True)
class Plan:
    """Target weights as a test writes them.

    `kind` is "plain", "on_change", "on_schedule" or "mask"; `values` rows of floats or bools; `schedule` "weekly",
    "monthly", "daily" or "change"; `slots` None, a number or "listed".
    """

    kind: str
    values: object
    schedule: str | None = None
    slots: object = None


class Market:
    """Lists [row][column] of Decimals; None where there is no bar."""

    def __init__(self, panel, fill):
        rows, columns = panel.close.shape
        self.rows, self.columns = rows, columns
        close, opened = table(panel.close), table(panel.open)
        self.volume = table(panel.volume)
        self.price = opened if fill == "next_open" else close
        self.splits = [[] for _ in range(rows)]
        for row, column, ratio in zip(panel.split_row, panel.split_column, panel.split_ratio, strict=True):
            self.splits[row].append((int(column), Decimal(float(ratio))))
        self.dividends = [[] for _ in range(rows)]
        for row, column, amount, pay in zip(
            panel.dividend_row, panel.dividend_column, panel.dividend_amount, panel.dividend_pay, strict=True
        ):
            self.dividends[row].append((int(column), Decimal(float(amount)), int(pay)))
        self.mark = self.carried(close)
        self.price_or_mark = [
            [m if p is None else p for p, m in zip(prices, marks, strict=True)]
            for prices, marks in zip(self.price, self.mark, strict=True)
        ]
        self.session = [int(s) for s in panel.session]
        self.dates = [date(1970, 1, 1) + timedelta(days=int(ns) // DAY) for ns in panel.sessions]
        bars = [[t for t in range(rows) if close[t][i] is not None] for i in range(columns)]
        self.listed = [(b[0], b[-1]) if b else (rows, -1) for b in bars]
        self.closing = [
            last + 1 if b and self.session[last] != self.session[-1] else None
            for b, (_, last) in zip(bars, self.listed, strict=True)
        ]

    def carried(self, close):
        """The close, carried over missing bars through that row's events."""
        marks = [list(close[0])]
        for t in range(1, self.rows):
            ratio = [Decimal(1)] * self.columns
            for column, split in self.splits[t]:
                ratio[column] /= split
            for column, amount, _ in self.dividends[t]:
                if (before := marks[-1][column]) is not None:
                    ratio[column] *= 1 - amount / before
            marks.append(
                [
                    bar if bar is not None else (None if before is None else before * r)
                    for bar, before, r in zip(close[t], marks[-1], ratio, strict=True)
                ]
            )
        return marks

    def days_before(self, t):
        """Calendar days since the session before, on the first row of a session; else None."""
        s = self.session[t]
        if t == 0 or self.session[t - 1] == s:
            return None
        return Decimal((self.dates[s] - self.dates[s - 1]).days)

    def scheduled(self, schedule):
        """The rows that order: the last of each session, or of the first session of each ISO week or month."""
        key = {
            "daily": lambda day: day,
            "weekly": lambda day: day.isocalendar()[:2],
            "monthly": lambda day: (day.year, day.month),
        }[schedule]
        keys = [key(day) for day in self.dates]
        firsts = {s for s in range(len(keys)) if s == 0 or keys[s] != keys[s - 1]}
        last_rows = {s: t for t, s in enumerate(self.session)}
        return {last_rows[s] for s in firsts}


def target_rows(market, plan, begin):
    """For each row the weights ordered on it, by column."""
    if plan.kind == "mask":
        return mask_rows(market, plan, begin)
    rows = [{i: Decimal(float(w)) for i, w in enumerate(row) if not math.isnan(w)} for row in plan.values]
    if plan.kind == "on_schedule":
        kept = market.scheduled(plan.schedule)
        return [row if t in kept else {} for t, row in enumerate(rows)]
    if plan.kind == "on_change":
        last = dict.fromkeys(range(market.columns), Decimal(0))
        changed = []
        for row in rows:
            changed.append({i: w for i, w in row.items() if w != last[i]})
            last |= row
        return changed
    return rows


def mask_rows(market, plan, begin):
    mask = [[bool(cell) for cell in row] for row in plan.values]
    kept = None if plan.schedule == "change" else market.scheduled(plan.schedule)
    out = []
    for d, row in enumerate(mask):
        slots = market.columns if plan.slots is None else plan.slots
        if plan.slots == "listed":
            slots = sum(low <= d <= high for low, high in market.listed)
        share = Decimal(1) / max(slots, sum(row), 1)
        before = mask[d - 1] if d > begin else [False] * market.columns
        ordered = [i for i in range(market.columns) if (row[i] != before[i] if kept is None else d in kept)]
        out.append({i: share if row[i] else Decimal(0) for i in ordered})
    return out


def table(array):
    return [[None if math.isnan(x) else Decimal(float(x)) for x in row] for row in array]


def at(*ymd):
    """UTC nanoseconds of a date and time."""
    return int(datetime(*ymd, tzinfo=UTC).timestamp()) * 10**9
