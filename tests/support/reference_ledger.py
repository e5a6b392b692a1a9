"""The ledger once more: docs/ledger.md sentence by sentence, in Decimal, slow on purpose.

Nothing here knows the kernels. `Edges` remembers how close the run came to a point where floating point and exact
arithmetic may part (a rounding, a comparison), so that a test can discard the example instead of loosening a tolerance.
"""

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import NamedTuple

from reference_market import Market, Plan, target_rows

PRECISION = 50
ZERO, ONE = Decimal(0), Decimal(1)
TOLERANCE = Decimal("1e-9")
CENT = Decimal("0.01")


class Fill(NamedTuple):
    row: int
    column: int
    shares: Decimal
    price: Decimal
    commission: Decimal
    slippage: Decimal
    kind: str


@dataclass
class Edges:
    """The smallest relative distance to an edge, and the metrics that lie on one of their own."""

    smallest: Decimal = ONE
    soft: set[str] = field(default_factory=set)

    def note(self, distance, scale):
        self.smallest = min(self.smallest, abs(distance) / max(ONE, abs(scale)))


@dataclass
class Order:
    weight: Decimal
    rest: Decimal | None = None  # signed shares still to trade; None until it has a count
    shares: Decimal = ZERO  # traded so far, without a sign
    notional: Decimal = ZERO
    charged: Decimal = ZERO
    cut: bool = False


@dataclass
class Trip:
    cash: Decimal = ZERO
    volume: Decimal = ZERO


@dataclass
class Outcome:
    """What a run leaves: a row a bar of the segment, sums, round trips."""

    equity: list = field(default_factory=list)
    cash: list = field(default_factory=list)
    positions: list = field(default_factory=list)
    gross: list = field(default_factory=list)
    notional: list = field(default_factory=list)
    fills: list = field(default_factory=list)
    trips: list = field(default_factory=list)
    commission: Decimal = ZERO
    slippage: Decimal = ZERO
    financing: Decimal = ZERO
    cuts: int = 0
    open_trips: int = 0
    ruined: bool = False
    edges: Edges = field(default_factory=Edges)


def run_reference(panel, plan: Plan, first, last, *, capital, costs, fill, settings) -> Outcome:
    """Rows first..last of a panel under docs/ledger.md."""
    with localcontext() as context:
        context.prec = PRECISION
        return Reference(panel, plan, first, last, capital, costs, fill, settings).run()


class Reference:
    def __init__(self, panel, plan, first, last, capital, costs, fill, settings):
        self.market, self.first, self.last, self.settings = Market(panel, fill), first, last, settings
        self.capital, self.cash = Decimal(capital), Decimal(capital)
        self.rates = [Decimal(rate) for rate in (costs.cash, costs.margin, costs.borrow)]
        self.fixed, self.per_share, self.per_dollar, self.minimum = map(Decimal, costs.commission.charges())
        self.slippage, self.spread, self.impact, self.limit = map(Decimal, costs.slippage.impact())
        self.whole = settings.shares == "whole" or (settings.shares == "auto" and not panel.fractional)
        self.leverage = None if settings.max_leverage is None else Decimal(settings.max_leverage)
        self.columns = range(len(panel.symbols))
        self.shares = [ZERO for _ in self.columns]
        self.average = [ZERO for _ in self.columns]
        self.trips: list[Trip | None] = [None for _ in self.columns]
        self.open: list[Order | None] = [None for _ in self.columns]
        self.claims: list[tuple[int, Decimal]] = []
        self.out = Outcome()
        self.edges = self.out.edges
        self.begin = max(first - 1 - settings.delay, 0)
        self.targets = target_rows(self.market, plan, self.begin)
        self.pending: dict[int, dict[int, Order]] = {}

    def run(self):
        for row in range(self.begin, self.first):
            self.split_counts(row)
            self.decide(row, self.capital)
        for row in range(self.first, self.last + 1):
            if not self.out.ruined:
                self.session(row)
            self.record(row)
        self.out.open_trips = sum(trip is not None for trip in self.trips)
        return self.out

    def session(self, t):
        self.traded, self.late = ZERO, ZERO
        self.filled = [ZERO for _ in self.columns]
        self.finance(t)
        self.pay_dividends(t)
        self.split(t)
        if self.settings.delisting == "morning":
            self.delist(t)
        self.arrive(t)
        self.size(t)
        self.fill_orders(t)
        self.cash -= self.late
        if self.settings.delisting == "session end":
            self.delist(t)
        self.value = self.worth(self.market.mark[t])
        self.edges.note(self.value, self.capital)
        if self.value <= 0:
            self.out.ruined = True
            return
        self.decide(t, self.value)

    # 1. Financing
    def finance(self, t):
        if t == self.first or (days := self.market.days_before(t)) is None:
            return
        cash_rate, margin_rate, borrow_rate = (rate * days / 365 for rate in self.rates)
        short = sum((s * self.market.mark[t - 1][i] for i, s in enumerate(self.shares) if s < 0), ZERO)
        gain = self.cash * (cash_rate if self.cash > 0 else margin_rate) - abs(short) * borrow_rate
        self.cash += gain
        self.out.financing -= gain

    # 2. Dividends
    def pay_dividends(self, t):
        self.cash += sum((money for pay, money in self.claims if pay == t), ZERO)
        self.claims = [claim for claim in self.claims if claim[0] != t]
        mode = self.settings.dividends
        for column, amount, pay in self.market.dividends[t]:
            known = pay >= 0
            if mode == "never" or (mode == "pay date" and not known) or self.shares[column] == 0:
                continue
            money = amount * self.shares[column]
            self.trips[column].cash += money
            if known and pay > t:
                self.claims.append((pay, money))
            else:
                self.cash += money

    def claimed(self):
        return sum((money for _, money in self.claims), ZERO) if self.settings.dividends == "ex-date" else ZERO

    # 3. Splits
    def split(self, t):
        for column, ratio in self.market.splits[t]:
            held = self.shares[column]
            if held == 0:
                continue
            self.average[column] /= ratio
            price = self.market.mark[t - 1][column] / ratio
            cents = self.settings.split_fraction == "cost basis"
            if cents:
                price = self.average[column] = self.to_cents(self.average[column])
            new = self.to_whole(held * ratio, abs(held) / 1000) if self.whole else held * ratio
            fraction = held * ratio - new
            money = self.to_cents(fraction * price) if cents else fraction * price
            self.shares[column] = new
            if fraction != 0:
                self.cash += money
                self.trips[column].cash += money
                self.out.fills.append(Fill(t, column, -fraction, price, ZERO, ZERO, "split fraction"))
            if new == 0:
                self.end_trip(column)
        self.split_counts(t)

    def to_cents(self, money):
        """Half to even, as zipline's round(x, 2)."""
        rounded = money.quantize(CENT, ROUND_HALF_EVEN)
        self.edges.note((abs(money - rounded) - CENT / 2) / CENT, money / CENT)
        return rounded

    def split_counts(self, t):
        for column, ratio in self.market.splits[t]:
            books = [orders.get(column) for orders in self.pending.values()]
            for order in (self.open[column], *books):
                if order is not None and order.rest is not None:
                    rest = order.rest * ratio
                    order.rest = self.to_whole(rest, abs(order.rest) / 1000) if self.whole else rest
            if self.open[column] is not None and self.open[column].rest == 0:
                self.open[column] = None

    # 4. Delistings
    def delist(self, t):
        for column in self.columns:
            if self.market.closing[column] != t:
                continue
            self.open[column] = None
            shares = self.shares[column]
            if shares != 0:
                price = self.market.mark[t][column] * (1 + Decimal(self.settings.delisting_return))
                self.exchange(t, column, -shares, price, price, ZERO, "delisting")

    # 5. Orders of the decision row replace the open ones
    def arrive(self, t):
        d = t - 1 - self.settings.delay
        for column, order in self.pending.pop(d, {}).items():
            gone = self.market.closing[column]
            if gone is None or t < gone:
                self.open[column] = order if order.rest != 0 else None

    # 6. Counts
    def decide(self, d, value):
        orders = {column: Order(weight) for column, weight in self.targets[d].items()}
        if self.settings.sizing == "decision":
            for column, order in orders.items():
                if (price := self.market.mark[d][column]) is not None:
                    self.count(order, column, value, price)
        self.pending[d] = orders

    def size(self, t):
        value = self.worth(self.market.price_or_mark[t])
        for column, order in enumerate(self.open):
            price = self.market.price[t][column]
            if order is not None and order.rest is None and price is not None:
                self.count(order, column, value, price)
                if order.rest == 0:
                    self.open[column] = None

    def count(self, order, column, value, price):
        scale = max(self.capital, abs(value)) / price
        position = order.weight * value / price
        if self.whole:
            position = self.to_whole(position, scale)
        order.rest = position - self.shares[column]
        if not self.whole and (order.weight != 0 or self.shares[column] != 0):
            self.edges.note(order.rest, scale)

    # 7. Fills
    def fill_orders(self, t):
        if self.settings.sequence == "placement":
            for column in self.columns:
                self.reduce(t, column)
                self.enlarge(t, column)
        else:
            for part in (self.reduce, self.enlarge):
                for column in self.columns:
                    part(t, column)

    def tradable(self, t, column):
        order = self.open[column]
        volume = self.market.volume[t][column]
        return order is not None and self.market.price[t][column] is not None and volume is not None and volume > 0

    def reduce(self, t, column):
        if not self.tradable(t, column):
            return
        order, held = self.open[column], self.shares[column]
        if held * order.rest >= 0:
            return
        if abs(order.rest) != abs(held) and not self.whole:
            self.edges.note(abs(order.rest) - abs(held), self.capital / self.market.price[t][column])
        self.part(t, column, min(abs(order.rest), abs(held)), opening=False)

    def enlarge(self, t, column):
        if self.tradable(t, column) and self.shares[column] * self.open[column].rest >= 0:
            self.part(t, column, abs(self.open[column].rest), opening=True)

    def part(self, t, column, shares, *, opening):
        order, price = self.open[column], self.market.price[t][column]
        direction = 1 if order.rest > 0 else -1
        shares = self.within_volume(t, column, shares)
        if shares <= 0:
            return
        f = self.fill_price(t, column, shares, direction)
        if f <= 0:
            return
        order.rest -= direction * shares
        if opening and self.leverage is not None:
            allowed = self.affordable(t, order, price, f, shares)
            if allowed < shares:
                shares = allowed
                self.out.cuts += not order.cut
                order.cut = True
                f = self.fill_price(t, column, shares, direction)
        if shares > 0 and f > 0:
            before = self.cash
            commission = self.charge(order, shares, f)
            self.exchange(t, column, direction * shares, f, price, commission, "order")
            slack = TOLERANCE * (f + self.per_share + f * self.per_dollar) * (1 + TOLERANCE)
            if opening and direction > 0 and before >= 0 and -slack <= self.cash < 0:
                self.cash = ZERO
        if order.rest == 0:
            self.open[column] = None

    def within_volume(self, t, column, shares):
        if self.limit == 0:
            return shares
        most = self.limit * self.market.volume[t][column] - self.filled[column]
        if self.whole:
            most = self.to_whole(max(most, ZERO), most / 1000)
        else:
            self.edges.note(most - shares, most)
        return max(min(shares, most), ZERO)

    def fill_price(self, t, column, shares, direction):
        price = self.market.price[t][column]
        if self.impact > 0:
            share = min((self.filled[column] + shares) / self.market.volume[t][column], self.limit)
            return price + share * share * (self.impact * direction) * price
        f = price + price * (self.slippage * direction) + self.spread / 2 * direction
        if f != 0:
            self.edges.note(f, price)
        return f

    def affordable(self, t, order, price, f, shares):
        limit, marks = self.leverage, self.market.price_or_mark[t]
        worths = [held * mark for held, mark in zip(self.shares, marks, strict=True) if held != 0]
        longs = sum((w for w in worths if w > 0), ZERO)
        shorts = sum((w for w in worths if w < 0), ZERO)
        room = limit * (self.cash + self.claimed()) + (limit - 1) * longs + (limit + 1) * shorts
        a_share = self.per_share + f * self.per_dollar
        before = self.fixed + order.shares * self.per_share + order.notional * self.per_dollar
        plain = price + limit * abs(f - price)
        at_minimum = (room - limit * (self.minimum - order.charged)) / plain
        above_it = (room - limit * (before - order.charged)) / (plain + limit * a_share)
        most = min(at_minimum, above_it)
        scale = self.capital / price
        if not self.whole:
            self.edges.note(most - shares, scale)
            self.edges.note(most, scale)
            return max(min(most, shares), ZERO)
        most = max(most, ZERO)
        return min(self.to_whole(most, scale), shares) if most < shares + 1 else shares

    def charge(self, order, shares, f):
        order.shares += shares
        order.notional += shares * f
        due = max(self.minimum, self.fixed + order.shares * self.per_share + order.notional * self.per_dollar)
        commission = due - order.charged
        order.charged = due
        return commission

    def exchange(self, t, column, shares, f, price, commission, kind):
        """Move shares and cash, and keep the round trips."""
        held = self.shares[column]
        slippage = abs(f - price) * abs(shares)
        trip = self.trips[column] = self.trips[column] or Trip()
        if held * shares >= 0:
            self.average[column] = (self.average[column] * abs(held) + f * abs(shares)) / abs(held + shares)
        self.shares[column] = held + shares
        self.filled[column] += abs(shares)
        self.cash -= shares * f
        trip.cash -= shares * f + commission
        trip.volume += abs(shares) * f
        if self.settings.commissions == "after bar":
            self.late += commission
        else:
            self.cash -= commission
        self.traded += abs(shares) * f
        self.out.commission += commission
        self.out.slippage += slippage
        self.out.fills.append(Fill(t, column, shares, f, commission, slippage, kind))
        if self.shares[column] == 0:
            self.end_trip(column)

    def end_trip(self, column):
        trip = self.trips[column]
        self.edges.note(trip.cash, max(trip.volume, self.capital))
        self.out.trips.append(trip.cash)
        self.trips[column], self.average[column] = None, ZERO

    # 8. Close
    def record(self, t):
        out, mark = self.out, self.market.mark[t]
        if out.ruined:
            self.cash, self.value, self.claims = ZERO, ZERO, []
            self.shares, self.trips = [ZERO for _ in self.columns], [None for _ in self.columns]
        out.equity.append(self.value)
        out.cash.append(self.cash)
        out.positions.append(list(self.shares))
        out.gross.append(sum((abs(s * mark[i]) for i, s in enumerate(self.shares) if s != 0), ZERO))
        out.notional.append(self.traded)
        self.traded = ZERO

    def worth(self, prices):
        held = sum((s * prices[i] for i, s in enumerate(self.shares) if s != 0), ZERO)
        return self.cash + self.claimed() + held

    def to_whole(self, x, scale):
        """sign(x) floor(|x| + 1e-9), towards zero."""
        if x == 0:
            return ZERO
        inner = abs(x) + TOLERANCE
        self.edges.note(inner - inner.to_integral_value(), scale)
        return inner.to_integral_value(ROUND_FLOOR).copy_sign(x)
