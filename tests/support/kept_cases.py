"""Random small markets and scripts of orders for the ledger of kept orders."""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from hypothesis import strategies as st
from reference_kept import ALL, NEVER, OLDEST, Kept, Terms
from reference_market import DAY

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.grid import on_grid
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.data.payouts import CashDates, StockDividend, with_payouts
from rustybt_ray.engine.blotter import BAR_DONE, CANCEL_ALL, CANCEL_OLDEST, EVENING_DONE, NEVER_CANCEL, ORDERS, TAKEN
from rustybt_ray.engine.costs import Charges, Costs, Impact
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.stepwise import SteppedLedger

RATIOS = (2.0, 3.0, 1.5, 0.125, 0.5, 7.0, 0.1)
DAYS = sessions_between(date(2019, 12, 20), date(2020, 3, 1))[0].astype("datetime64[ns]")
CHARGED_BY = {"share": "per_share", "trade": "fixed", "dollar": "per_dollar"}
POLICIES = {NEVER: NEVER_CANCEL, OLDEST: CANCEL_OLDEST, ALL: CANCEL_ALL}


@dataclass(frozen=True)
class Shape:
    """What a random market and its script contain; `seed` draws the numbers."""

    seed: int
    sessions: int
    assets: int
    blank: float
    quiet: float
    volume: float
    splits: int
    dividends: int
    stock: int
    ends: bool
    orders: float
    first: int


def shapes_of(**fixed):
    """Shapes of random markets; what is named is fixed."""
    choices = {
        "seed": st.integers(0, 2**32 - 1),
        "sessions": st.integers(5, 25),
        "assets": st.integers(2, 4),
        "blank": st.sampled_from([0.0, 0.1, 0.3]),
        "quiet": st.sampled_from([0.0, 0.1, 0.3]),
        "volume": st.sampled_from([60.0, 600.0, 1e5]),
        "splits": st.integers(0, 4),
        "dividends": st.integers(0, 4),
        "stock": st.integers(0, 3),
        "ends": st.booleans(),
        "orders": st.sampled_from([0.3, 1.0, 2.5]),
        "first": st.integers(0, 2),
    }
    return st.builds(Shape, **choices | {name: st.just(value) for name, value in fixed.items()})


def random_view(shape):
    """Sessions of New York on zipline's grid; pay dates may be missing, sessions, or days of rest."""
    rng = np.random.default_rng(shape.seed)
    rows, n = shape.sessions, shape.assets
    sessions = DAYS[:rows]
    days = sessions.astype(np.int64)
    level = rng.choice([3.0, 20.0, 150.0], n) * np.exp(rng.normal(0, 0.4, n))
    close = np.round(level * np.exp(np.cumsum(rng.normal(0, 0.05, (rows, n)), axis=0)), 3) + 0.05
    volume = np.ceil(rng.lognormal(0, 1, (rows, n)) * shape.volume)
    volume[rng.random((rows, n)) < shape.quiet] = 0.0
    gone = rng.random((rows, n)) < shape.blank
    if shape.ends:
        place = np.arange(rows)[:, None]
        start = np.where(rng.random(n) < 0.3, rng.integers(0, rows, n), 0)
        end = np.where(rng.random(n) < 0.5, rng.integers(0, rows, n), rows)
        gone |= (place < start) | (place > end)
    splits = {(int(rng.integers(rows)), int(rng.integers(n))): rng.choice(RATIOS) for _ in range(shape.splits)}
    for (row, column), ratio in splits.items():
        close[row:, column] = np.maximum(np.round(close[row:, column] / ratio, 3), 0.05)
    typical = close.mean(axis=0)
    close[gone] = volume[gone] = np.nan
    alive = ~np.isnan(close)
    last = np.where(alive.any(axis=0), rows - 1 - alive[::-1].argmax(axis=0), -1)
    splits = {(row, column): ratio for (row, column), ratio in splits.items() if row <= last[column]}
    spots = {(int(rng.integers(1, rows)), int(rng.integers(n))) for _ in range(shape.dividends)}
    dividends = [(row, column, rng.uniform(0.005, 0.05) * typical[column]) for row, column in sorted(spots)]
    dividends = [each for each in dividends if each[0] <= last[each[1]]]
    bars = (close,) * 4
    panel = panel_from_arrays(
        sessions,
        "ABCD"[:n],
        *bars,
        volume,
        [(*spot, ratio) for spot, ratio in splits.items()],
        dividends,
        fractional=False,
    )
    paid = [
        CashDates(e, int(days[panel.dividend_row[e]]) + int(rng.integers(0, 9)) * DAY)
        for e in range(len(dividends))
        if rng.random() < 0.7
    ]
    stock = []
    for _ in range(shape.stock):
        ex, column, payment = int(rng.integers(rows)), int(rng.integers(n)), int(rng.integers(n))
        pay = int(days[ex]) + int(rng.integers(0, 9)) * DAY
        stock.append(StockDividend(column, int(days[ex]), float(rng.choice([0.29, 0.5, 0.017])), payment, pay))
    return on_grid(with_payouts(panel, paid, stock))


def random_script(view, shape, first):
    """Of each session: orders (column, amount, limit, stop) and cancels (of which of the orders so far)."""
    rng = np.random.default_rng(shape.seed + 1)
    marks = view.mark.T
    last = view.life[1]
    script = []
    for row in range(first, shape.sessions):
        actions = []
        for _ in range(rng.poisson(shape.orders)):
            column = int(rng.integers(shape.assets))
            if row > last[column]:
                continue
            amount = int(rng.choice([7, 60, 100, 400])) * int(rng.choice([1, 1, -1]))
            price = marks[row, column] if np.isfinite(marks[row, column]) else 20.0
            limit, stop = (
                float(round(price * rng.uniform(0.93, 1.07), 2)) if rng.random() < 0.3 else None for _ in range(2)
            )
            actions.append(("order", column, amount, limit, stop))
        if rng.random() < 0.3:
            actions.insert(int(rng.integers(len(actions) + 1)), ("cancel", float(rng.random())))
        script.append(actions)
    return script


@dataclass(frozen=True)
class Case:
    """One run of a script; `shape` makes market and script again."""

    shape: Shape
    terms: Terms
    settings: Settings
    policy: int
    capital: float
    view: object = field(repr=False)
    script: list = field(repr=False)

    def _repr_pretty_(self, printer, _cycle):
        printer.text(repr(self))

    @property
    def first(self):
        return self.shape.sessions - len(self.script)


all_terms = st.builds(
    lambda slippage, commission: Terms(**slippage, **commission),
    st.one_of(
        st.just({"slippage": "none"}),
        st.sampled_from([0.01, 0.3]).map(lambda spread: {"slippage": "spread", "spread": spread}),
        st.builds(
            lambda points, limit: {"slippage": "points", "points": points, "limit": limit},
            st.sampled_from([0.0, 5.0, 150.0]),
            st.sampled_from([0.1, 0.33, 0.0]),
        ),
        st.builds(
            lambda impact, limit: {"slippage": "share", "impact": impact, "limit": limit},
            st.sampled_from([0.1, 2.0]),
            st.sampled_from([0.025, 0.2]),
        ),
    ),
    st.one_of(
        st.builds(
            lambda cost, minimum: {"commission": "share", "cost": cost, "minimum": minimum},
            st.sampled_from([0.0, 0.001, 0.07]),
            st.sampled_from([0.0, 0.0, 1.0, 5.0]),
        ),
        st.sampled_from([0.0, 1.5]).map(lambda cost: {"commission": "trade", "cost": cost}),
        st.sampled_from([0.0015, 0.02]).map(lambda cost: {"commission": "dollar", "cost": cost}),
    ),
)
zipline_settings = st.just(Settings.zipline())
all_settings = st.builds(
    Settings.zipline,
    dividends=st.sampled_from(["pay date", "ex-date", "never"]),
    split_fraction=st.sampled_from(["cost basis", "previous close"]),
    delisting=st.sampled_from(["session end", "morning"]),
    delisting_return=st.sampled_from([0.0, -0.3]),
    limit_fills=st.sampled_from(["any price", "at limit"]),
)


@st.composite
def cases(draw, settings=zipline_settings, shapes=None):
    """A random market, script and rules."""
    shape = draw(shapes_of() if shapes is None else shapes)
    view = random_view(shape)
    first = min(shape.first, shape.sessions - 1)
    policy, capital = draw(st.sampled_from(sorted(POLICIES))), draw(st.sampled_from([1e4, 1e6]))
    script = random_script(view, shape, first)
    return Case(shape, draw(all_terms), draw(settings), policy, capital, view, script)


def run_case(case, compare=None):
    """Drive a ledger and the reference through the script; `compare` looks at both after each session."""
    segment = (case.first, case.shape.sessions - 1)
    ledger = SteppedLedger(case.view, segment, capital=case.capital, costs=Costs(), settings=case.settings)
    reference = Kept(case.view, case.first, case.capital, case.terms, case.settings, case.policy)
    begin(case, ledger, record=True)
    for row, actions in enumerate(case.script, case.first):
        reference.morning(row)
        reference.bar(row)
        for kind, *words in actions:
            if kind == "order":
                reference.place(*words, row)
            elif reference.orders:
                reference.cancel(int(words[0] * len(reference.orders)), row)
        day = reference.evening(row)
        step(ledger, row, actions)
        if compare is not None:
            compare(case, ledger, reference, day, row)
    return ledger, reference


def run_script(case, ledger, script, record):
    """The ledger alone through a script."""
    begin(case, ledger, record)
    for row, actions in enumerate(script, case.first):
        step(ledger, row, actions)


def begin(case, ledger, record):
    """Start anew under the case's costs and cancel policy."""
    terms = case.terms
    ledger.begin(record)
    ledger.charge(
        Impact(terms.points / 10000.0, terms.spread, terms.impact, terms.limit),
        Charges(**{CHARGED_BY[terms.commission]: terms.cost, "minimum": terms.minimum}),
    )
    ledger.cancel_policy(POLICIES[case.policy])


def step(ledger, row, actions):
    """A session of the ledger with its orders and cancels."""
    ledger.advance(row, BAR_DONE)
    for kind, *words in actions:
        orders = ledger.counts[ORDERS] + ledger.counts[TAKEN]
        if kind == "order":
            column, amount, limit, stop = words
            prices = [np.nan if price is None else price for price in (limit, stop)]
            assert ledger.place(column, amount, *prices) == orders
        elif orders:
            ledger.take_in(row)
            ledger.cancel(int(words[0] * orders), row)
    ledger.advance(row, EVENING_DONE)
