"""The ledger of kept orders once more: zipline's rules sentence by sentence, in plain Python, money as exact fractions.

Nothing here knows the kernels. Prices of fills, volumes and commissions are floats, multiplied in the order in which the rules
write them; cash and cost bases are fractions. `Kept.edge` is how close a rounding to cents came to a tie, where floating
point and exact arithmetic may part, so that a test can discard the example.
"""

import math
from dataclasses import dataclass, field
from fractions import Fraction

from rustybt_ray.data.panel import UNKNOWN

OPEN, FILLED, CANCELLED = 0, 1, 2
NEVER, OLDEST, ALL = 0, 1, 2


@dataclass
class Terms:
    """A slippage ("none", "spread", "points", "share") and a commission ("share", "trade", "dollar") with their numbers."""

    slippage: str = "none"
    spread: float = 0.0
    points: float = 0.0
    impact: float = 0.0
    limit: float = 0.0
    commission: str = "share"
    cost: float = 0.0
    minimum: float = 0.0


@dataclass
class Order:
    number: int
    column: int
    amount: int
    limit: float | None
    stop: float | None
    created: int
    changed: int
    filled: int = 0
    commission: float = 0.0
    limit_reached: bool = False
    stop_reached: bool = False
    status: int = OPEN

    @property
    def side(self):
        return 1.0 if self.amount > 0 else -1.0

    @property
    def triggered(self):
        return (self.stop is None or self.stop_reached) and (self.limit is None or self.limit_reached)

    @property
    def open(self):
        return self.status == OPEN and self.amount != self.filled

    def check(self, price, row):
        """Stops and limits against the close; what was reached stays reached."""
        if self.triggered:
            return
        buys = self.amount > 0
        limited = self.limit is not None and (price <= self.limit if buys else price >= self.limit)
        stopped = self.stop is not None and (price >= self.stop if buys else price <= self.stop)
        before = self.limit_reached, self.stop_reached
        if self.stop is not None and self.limit is not None:
            self.limit_reached = stopped and limited
            self.stop = None if stopped else self.stop
        elif self.stop is not None:
            self.stop_reached = stopped
        else:
            self.limit_reached = limited
        if before != (self.limit_reached, self.stop_reached):
            self.changed = row

    def line(self, row):
        """The order as a report writes it."""
        status = FILLED if self.amount == self.filled else self.status
        prices = [math.nan if price is None else price for price in (self.limit, self.stop)]
        flags = [float(self.limit_reached), float(self.stop_reached)]
        last = [self.commission, self.created, self.changed]
        return [row, self.number, self.column, self.amount, self.filled, status, *prices, *flags, *last]


@dataclass
class Position:
    amount: int
    basis: Fraction
    price: Fraction


@dataclass
class Day:
    """What a session leaves."""

    start_cash: Fraction = Fraction(0)
    start_value: Fraction = Fraction(0)
    transactions: list = field(default_factory=list)
    report: dict = field(default_factory=dict)


class Kept:
    """Sessions of a panel on zipline's grid, one at a time: `morning`, `bar`, then orders and cancels, then `evening`."""

    def __init__(self, panel, first, capital, terms, settings, policy):
        self.panel, self.first, self.terms, self.settings, self.policy = panel, first, terms, settings, policy
        self.capital = self.cash = Fraction(capital)
        self.flow = Fraction(0)
        self.owed = {}  # cash by the position of its dividend
        self.owed_shares = {}
        self.positions: dict[int, Position] = {}
        self.orders: list[Order] = []
        self.book: dict[int, list[Order]] = {}
        self.news: list[Order] = []
        self.edge = 1.0
        self.day = Day()
        self.close = panel.close.tolist()
        self.volume = panel.volume.tolist()

    # what the panel says
    def price(self, column, row):
        """The last close, times the splits since, then the dividends since; None before the first."""
        x = row
        while x >= 0 and math.isnan(self.close[x][column]):
            x -= 1
        if x < 0:
            return None
        panel, found = self.panel, self.close[x][column]
        for at, i, ratio in zip(panel.split_row, panel.split_column, panel.split_ratio, strict=True):
            if i == column and x < at <= row:
                found *= 1.0 / float(ratio)
        for at, i, amount in zip(panel.dividend_row, panel.dividend_column, panel.dividend_amount, strict=True):
            if i == column and x < at <= row and at > 0 and self.close[at - 1][column] > amount:
                found *= 1.0 - float(amount) / self.close[at - 1][column]
        return found

    def last_row(self, column):
        return max((t for t, row in enumerate(self.close) if not math.isnan(row[column])), default=-1)

    def pay_row(self, dividend):
        """The row of a dividend's pay date if that is a session, else None."""
        panel = self.panel
        dates = panel.dividend_pay_date
        if not len(dates) or dates[dividend] == UNKNOWN:
            row = int(panel.dividend_pay[dividend])
            return row if 0 <= row < len(self.close) else None
        found = [t for t, session in enumerate(panel.sessions) if session == dates[dividend]]
        return found[0] if found else None

    def cents(self, x):
        """A fraction of money to the cent, a tie to the even one."""
        self.edge = min(self.edge, float(abs((x * 100) % 1 - Fraction(1, 2))))
        return float(round(x, 2))

    def move(self, money):
        self.cash += money
        self.flow += money

    # the morning
    def morning(self, row):
        self.day = Day()
        self.stock_dividends(row, earned=True)
        self.cash_dividends(row)
        self.stock_dividends(row, earned=False)
        self.day.start_cash = self.cash + self.claimed()
        self.day.start_value = sum((p.amount * p.price for p in self.positions.values()), Fraction(0))
        panel = self.panel
        for at, column, ratio in zip(panel.split_row, panel.split_column, panel.split_ratio, strict=True):
            if at == row:
                self.split_orders(int(column), 1.0 / float(ratio))
                self.split_position(int(column), 1.0 / float(ratio), row)
        if self.settings.delisting == "morning":
            self.delist(row)

    def claimed(self):
        """What counts in the value before it is paid."""
        return sum(self.owed.values(), Fraction(0)) if self.settings.dividends == "ex-date" else Fraction(0)

    def cash_dividends(self, row):
        panel, rule = self.panel, self.settings.dividends
        for e in range(len(panel.dividend_row)):
            held = self.positions.get(int(panel.dividend_column[e]))
            if panel.dividend_row[e] == row and held is not None and rule != "never":
                money, pay = held.amount * Fraction(float(panel.dividend_amount[e])), self.pay_row(e)
                if pay is not None:
                    self.owed[e] = money
                elif rule == "ex-date":
                    self.move(money)
        for e in [e for e in self.owed if self.pay_row(e) == row]:
            self.move(self.owed.pop(e))

    def stock_dividends(self, row, earned):
        panel = self.panel
        for e in range(len(panel.stock_ex_date)):
            if earned and panel.stock_ex_date[e] == panel.sessions[row]:
                held = self.positions.get(int(panel.stock_column[e]))
                owed = (held.amount if held is not None else 0) * float(panel.stock_ratio[e])
                near = float(round(owed))
                snapped = owed in (near, math.nextafter(near, math.inf), math.nextafter(near, -math.inf))
                self.owed_shares[e] = int(near if snapped else owed)
            if not earned and panel.stock_pay_date[e] == panel.sessions[row]:
                shares = self.owed_shares.pop(e, 0)
                if shares:
                    new = Position(0, Fraction(0), Fraction(0))
                    self.positions.setdefault(int(panel.stock_payment[e]), new).amount += shares

    def split_orders(self, column, ratio):
        for order in self.book.get(column, []):
            rest = int((order.amount - order.filled) / ratio)
            order.filled = int(order.filled / ratio)
            order.amount = order.filled + rest
            order.limit = None if order.limit is None else round(order.limit * ratio, 2)
            order.stop = None if order.stop is None else round(order.stop * ratio, 2)
        if column in self.book:
            self.book[column] = [order for order in self.book[column] if order.open]

    def split_position(self, column, ratio, row):
        held = self.positions.get(column)
        if held is None:
            return
        exact = held.amount / ratio
        whole = int(exact)
        basis = self.cents(held.basis * Fraction(ratio))
        held.amount, held.basis = whole, Fraction(basis)
        if self.settings.split_fraction == "cost basis":
            self.move(Fraction(round((exact - whole) * basis, 2)))
        elif exact != whole:
            self.move(Fraction(exact - whole) * Fraction(self.price(column, row - 1)) * Fraction(ratio))
        if whole == 0:
            del self.positions[column]

    # the bar
    def bar(self, row):
        done = []
        for column, orders in self.book.items():
            done += self.fill_asset(row, column, orders)
        for order, amount, price, cost in done:
            self.exchange(order.column, amount, Fraction(price))
            self.note(order)
            self.day.transactions.append([row, order.column, amount, price, order.number, max(cost, 0.0)])
        for order, _, _, cost in done:
            held = self.positions.get(order.column)
            if cost > 0:
                self.move(-Fraction(cost))
                if held is not None:
                    held.basis = (held.basis * held.amount + Fraction(cost)) / held.amount
        self.book = {
            column: left for column, orders in self.book.items() if (left := [order for order in orders if order.open])
        }
        self.revalue(row)

    def fill_asset(self, row, column, orders):
        volume, close = self.volume[row][column], self.close[row][column]
        done, traded = [], 0
        if volume == 0 or math.isnan(close):
            return done
        for order in orders:
            order.check(close, row)
            if not order.triggered:
                continue
            found = self.slippage(order, close, volume, traded)
            if found is None:
                break
            shares, price = found
            worse = order.limit and order.side * price > order.side * order.limit
            if worse and (self.settings.limit_fills == "at limit" or self.terms.slippage == "share"):
                continue
            cost = self.commission(order, shares, price)
            amount = int(shares * order.side)
            traded += shares
            order.filled += amount
            order.commission += cost
            order.changed = row
            order.status = FILLED if order.filled == order.amount else OPEN
            done.append((order, amount, price, cost))
        return done

    def slippage(self, order, close, volume, traded):
        """Shares and price; None if the asset's volume is spent."""
        terms, rest, side = self.terms, abs(order.amount - order.filled), order.side
        if terms.slippage == "points":
            shares = min(rest, int(terms.limit * volume) - traded) if terms.limit else rest
            return None if shares <= 0 else (shares, close + close * (terms.points / 10000 * side))
        if terms.slippage == "share":
            free = terms.limit * volume - traded
            if free < 1:
                return None
            shares = int(min(free, rest))
            share = min((traded + shares) / volume, terms.limit)
            return shares, close + share * share * (terms.impact * side) * close
        return rest, close + terms.spread / 2 * side

    def commission(self, order, shares, price):
        terms = self.terms
        if terms.commission == "trade":
            return terms.cost if order.commission == 0 else 0.0
        if terms.commission == "dollar":
            return shares * (price * terms.cost)
        x = shares * terms.cost
        if order.commission == 0:
            return max(terms.minimum, x)
        total = abs(order.filled) * terms.cost + x
        return 0.0 if total < terms.minimum else total - order.commission

    def exchange(self, column, amount, price):
        self.move(-amount * price)
        held = self.positions.setdefault(column, Position(0, Fraction(0), Fraction(0)))
        after = held.amount + amount
        if after and held.amount * amount >= 0:
            held.basis = (held.basis * held.amount + price * amount) / after
        elif held.amount * after < 0:
            held.basis = price
        held.amount, held.price = after, price
        if after == 0:
            del self.positions[column]

    def note(self, order):
        """The report names an order once, by its last change."""
        self.day.report.pop(order.number, None)
        self.day.report[order.number] = order

    # what the algorithm does
    def place(self, column, amount, limit, stop, row):
        order = Order(len(self.orders), column, amount, limit, stop, row, row)
        self.orders.append(order)
        self.book.setdefault(column, []).append(order)
        self.news.append(order)

    def cancel(self, number, row):
        if self.orders[number].open:
            self.end(self.orders[number], row)
            self.news.append(self.orders[number])

    def end(self, order, row):
        order.status, order.changed = CANCELLED, row
        self.book[order.column].remove(order)

    # the evening
    def evening(self, row):
        for order in self.news:
            self.note(order)
        self.news = []
        if self.settings.delisting == "session end":
            self.delist(row)
        for orders in list(self.book.values()):
            ending = orders if self.policy == ALL else orders[:1] if self.policy == OLDEST and len(orders) > 1 else []
            for order in list(ending):
                self.end(order, row)
                self.news.append(order)
        self.revalue(row)
        return self.day

    def delist(self, row):
        ended = [column for column in range(self.panel.shape[1]) if 0 <= self.last_row(column) < row]
        for column in [column for column in self.positions if column in ended]:
            held = self.positions.pop(column)
            # a position of no shares is closed too: zipline asks whether there is one, not how large it is
            price = held.price * (1 + Fraction(self.settings.delisting_return)) if held.amount else held.price
            self.move(held.amount * price)
            self.day.transactions.append([row, column, -held.amount, float(price), -1, 0.0])
        for column in [column for column in self.book if column in ended]:
            for order in list(self.book[column]):
                self.end(order, row)
                self.note(order)

    def revalue(self, row):
        for column, held in self.positions.items():
            price = self.price(column, row) if row <= self.last_row(column) else None
            if price is not None:
                held.price = Fraction(price)

    @property
    def value(self):
        held = sum((p.amount * p.price for p in self.positions.values()), Fraction(0))
        return self.cash + self.claimed() + held
