"""What each row of payouts means on a panel: dates of a dividend that is there, or a dividend in shares."""

from difflib import get_close_matches
from typing import Any

import numpy as np

from rustybt_ray.data.ingest.findings import Findings, some
from rustybt_ray.data.ingest.payouts import Payout, Payouts, day_of
from rustybt_ray.data.panel import UNKNOWN, Panel
from rustybt_ray.data.payouts import CashDates, StockDividend, with_payouts


def attach_payouts(panel: Panel, payouts: Payouts, findings: Findings) -> tuple[Panel, list[str]]:
    """The panel with these pay dates and stock dividends, and what is odd about them; what breaks a rule becomes findings."""
    known = _Known(panel, payouts, findings)
    cash, stock, seen = [], [], dict[tuple[Any, ...], int]()
    for payout in payouts.rows:
        column = known.column(payout, payout.symbol, "symbol")
        made = None if column is None else (known.cash if payout.kind == "cash" else known.stock)(payout, column)
        if made is None:
            continue
        key = (payout.kind, column, payout.ex, made.payment if isinstance(made, StockDividend) else -1)
        if key in seen:
            known.report(payout, f"the same {payout.kind} dividend as row {seen[key]}")
        seen.setdefault(key, payout.line)
        if isinstance(made, CashDates):
            cash.append(made)
        else:
            stock.append(made)
    if findings.count:
        return panel, []
    paid = with_payouts(panel, cash, stock)
    return paid, [*some(known.notes), *_summary(panel, cash, stock, payouts.label)]


class _Known:
    """What a row of payouts can mean on a panel."""

    def __init__(self, panel: Panel, payouts: Payouts, findings: Findings) -> None:
        self.panel, self.place, self.findings = panel, payouts.place, findings
        self.notes: list[str] = []
        self.sessions = set(panel.sessions.tolist())
        self.columns = {symbol: column for column, symbol in enumerate(panel.symbols)}
        self.dividends: dict[tuple[int, int], list[int]] = {}
        cells = zip(panel.dividend_column.tolist(), panel.dates[panel.dividend_row].tolist(), strict=True)
        for position, cell in enumerate(cells):
            self.dividends.setdefault(cell, []).append(position)

    def report(self, payout: Payout, text: str) -> None:
        self.findings.add(f"{self.place(payout)}: {text}", (0, payout.line))

    def column(self, payout: Payout, symbol: str, name: str) -> int | None:
        """Column of a symbol as it is written, or in capitals as csvdir files are named."""
        found = self.columns.get(symbol, self.columns.get(symbol.upper()))
        if found is None:
            near = get_close_matches(symbol.upper(), self.columns, n=3)
            hint = f"; near it: {', '.join(near)}" if near else ""
            self.report(payout, f"{name} {symbol or '(blank)'} is not in the source{hint}")
        return found

    def cash(self, payout: Payout, column: int) -> CashDates | None:
        """The dates of the one dividend on the row's ex-date."""
        found = self.dividends.get((column, payout.ex), [])
        if len(found) != 1:
            count = "several dividends" if found else "no dividend"
            own = sorted(date for owner, date in self.dividends if owner == column)
            near = min(own, key=lambda date: abs(date - payout.ex), default=None)
            hint = "" if near is None or found else f"; the nearest one is on {day_of(near)}"
            self.report(payout, f"the source has {count} on that date{hint}")
            return None
        if not self._dates_fit(payout):
            return None
        _, *dates = payout.dates
        return CashDates(found[0], *dates)

    def stock(self, payout: Payout, column: int) -> StockDividend | None:
        """The dividend in shares that the row adds."""
        payment = self.column(payout, payout.payment, "payment_symbol")
        good = 0.0 < payout.ratio < np.inf
        if not good:
            self.report(
                payout, f"ratio {'(blank)' if np.isnan(payout.ratio) else repr(payout.ratio)} must be above zero"
            )
        first, last = int(self.panel.sessions[0]), int(self.panel.sessions[-1])
        if not first <= payout.ex <= last:
            self.report(payout, f"the ex-date is outside the source's sessions, {day_of(first)} to {day_of(last)}")
            good = False
        if not self._dates_fit(payout) or payment is None or not good:
            return None
        if payout.ex not in self.sessions:
            self.notes.append(
                f"{self.place(payout)}: the ex-date is no session; zipline's rules never grant its shares"
            )
        ex, *dates = payout.dates
        return StockDividend(column, ex, payout.ratio, payment, *dates)

    def _dates_fit(self, payout: Payout) -> bool:
        """Whether the pay date is not before the ex-date; a pay date that is no session is noted."""
        if payout.pay == UNKNOWN:
            return True
        if payout.pay < payout.ex:
            self.report(payout, f"pay_date {day_of(payout.pay)} is before the ex-date")
            return False
        if payout.pay <= self.panel.sessions[-1] and payout.pay not in self.sessions:
            text = (
                f"pay_date {day_of(payout.pay)} is no session; zipline's rules never pay it, ours on the next session"
            )
            self.notes.append(f"{self.place(payout)}: {text}")
        return True


def _summary(panel: Panel, cash: list[CashDates], stock: list[StockDividend], label: str) -> list[str]:
    """Which dividends have no pay date, and who receives those in shares."""
    found, count = [], len(panel.dividend_row) - sum(each.pay != UNKNOWN for each in cash)
    if count:
        found.append(f"{count} of {len(panel.dividend_row)} dividends have no pay date in {label}")
    if stock:
        text = "zipline algorithms receive them, target functions do not, and they change no adjusted price"
        found.append(f"{len(stock)} dividends in shares: {text}")
    return found
