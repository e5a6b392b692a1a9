"""One run of an algorithm over one segment: zipline's session loop on the stepped ledger."""

from collections.abc import Mapping
from typing import Any

from rustybt_ray.engine.blotter import BAR_DONE, EVENING_DONE, MORNING_DONE, NEVER_CANCEL
from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.stepwise import SteppedLedger
from rustybt_ray.zipline.algorithm import Functions
from rustybt_ray.zipline.assets import AssetFinder
from rustybt_ray.zipline.bardata import BarData
from rustybt_ray.zipline.bars import ModelledBars
from rustybt_ray.zipline.clock import Clock
from rustybt_ray.zipline.context import Context
from rustybt_ray.zipline.defaults import slippage_of
from rustybt_ray.zipline.facts import Facts
from rustybt_ray.zipline.history import History
from rustybt_ray.zipline.portfolio import Account, Portfolio
from rustybt_ray.zipline.record import BEFORE_OPEN


class AlgorithmRun(Facts):
    """An algorithm at work; `zipline.api`'s functions ask the run that is active.

    Parameters
    ----------
    ledger : SteppedLedger
        On the panel that the algorithm trades, as `rustybt_ray.data.grid.on_grid` makes it.
    history : History
        Of the same panel.
    costs : Costs
        What trades cost where the algorithm sets no model.
    settings : Settings
    """

    def __init__(self, ledger: SteppedLedger, history: History, costs: Costs, settings: Settings) -> None:
        clock = Clock(ledger.first, ledger.last)
        super().__init__(ledger, clock, AssetFinder(ledger.panel, clock))
        self.costs, self.settings, self._history = costs, settings, history
        self.portfolio = Portfolio(ledger, clock, self.finder)
        self.account = Account(self.portfolio)
        self._closes = ledger.panel.close_time.tolist()
        self._opens = ledger.panel.open_time

    def run(self, functions: Functions, params: Mapping[str, Any], record: bool) -> Context:
        """Run from the first session to the last; the context as the algorithm left it.

        With `record` the ledger's tape and `recorded` have everything that happened.

        Raises
        ------
        Exception
            Whatever the algorithm raises, unchanged, and what zipline raises where it breaks a rule.
        """
        clock, ledger = self.clock, self.ledger
        clock.row, clock.before_trading = clock.first, False
        clock.dt = int(ledger.panel.sessions[clock.first])
        ledger.begin(record)
        ledger.charge(self.costs.slippage.impact(), self.costs.commission.charges())
        self.data = BarData(ledger.panel, clock, self.finder, self._history, as_array=functions.as_array)
        self._begin_choices()
        self._begin_facts(record)
        self.portfolio.forget()
        self.context = context = Context(self, params)
        self.initializing = True
        functions.initialize(context)
        self.initializing = False
        self._bars = self._modelled(*self._apply_costs())
        ledger.cancel_policy(NEVER_CANCEL if self._asks_policy else self._ending())
        self.benchmark_returns = self._read_benchmark()
        self._sessions(functions, context)
        return context

    def _sessions(self, functions: Functions, context: Context) -> None:
        """Every session on which anything of the algorithm runs; those between are the ledger's alone."""
        before, handle, clock, ledger = functions.before_trading_start, functions.handle_data, self.clock, self.ledger
        every = bool(before or handle or self._bars or self.account_controls or self._asks_policy)
        advance, closes, data, last = ledger.advance, self._closes, self.data, clock.last
        row = clock.first if every else self._next_scheduled(clock.first)
        while row <= last:
            if before is not None:
                self._morning(before, row)
            if self._bars is None:
                advance(row, BAR_DONE)
            clock.row, clock.dt = row, closes[row]
            if self._bars is not None:
                advance(row, MORNING_DONE)
                self._bars.fill()
                self.portfolio.forget()
            if handle is not None:
                handle(context, data)
            if self.scheduled:
                self._run_scheduled(row)
            if self._evenings:
                self._evening(row)
            row = row + 1 if every else self._next_scheduled(row + 1)
        ledger.advance(last, EVENING_DONE)
        self.portfolio.forget()

    def _morning(self, before: Any, row: int) -> None:
        """Before trading: the clock is early, and `data` already is (or is not) this session's."""
        clock, ledger = self.clock, self.ledger
        ledger.advance(row, MORNING_DONE)
        early = self.settings.morning_data == "same session" or row == 0
        clock.row, clock.morning = row if early else row - 1, row
        clock.dt, clock.before_trading = int(self._opens[row]) - BEFORE_OPEN, True
        self._marked = False
        try:
            before(self.context, self.data)
        finally:
            clock.before_trading = False

    def _run_scheduled(self, row: int) -> None:
        """Functions whose rule holds, in the order of their `schedule_function` calls; one that is added joins at once."""
        context, data = self.context, self.data
        for function, when in self.scheduled:
            if when.due(row):
                function(context, data)

    def _next_scheduled(self, row: int) -> int:
        """The next row on which a scheduled function runs; the row behind the last if there is none."""
        if any(when.flags is None for _, when in self.scheduled):
            return row
        found = [when.flags.find(1, row) for _, when in self.scheduled if when.flags is not None]
        return min((at for at in found if at >= 0), default=self.clock.last + 1)

    @property
    def _evenings(self) -> bool:
        return bool(self.account_controls) or self._asks_policy

    def _evening(self, row: int) -> None:
        """What the algorithm's own cancel policy says, and its limits on the account."""
        ledger = self.ledger
        if self._asks_policy:
            ledger.cancel_policy(self._ending())
        if self.account_controls:
            ledger.advance(row, EVENING_DONE)
            self.portfolio.forget()
            for control in self.account_controls:
                control.validate(self.account.leverage, self.clock.dt)

    def _modelled(self, own_slippage: bool, own_commission: bool) -> ModelledBars | None:
        """Bars that ask the algorithm's own models; None where the ledger knows both."""
        if not own_slippage and not own_commission:
            return None
        slippage = self.slippage if self.slippage is not None else slippage_of(self.costs.slippage)
        commission = self.commission if own_commission else None
        hold_limits = self.settings.limit_fills == "at limit"
        return ModelledBars(self.ledger, self.clock, self.finder, self.data, slippage, commission, hold_limits)

    def portfolio_now(self) -> Portfolio:
        """The portfolio at the prices of now; before trading they are those that `data` shows."""
        if self.clock.before_trading and not self._marked:
            self._marked = True
            self.ledger.revalue(self.clock.row)
            self.portfolio.forget()
        return self.portfolio
