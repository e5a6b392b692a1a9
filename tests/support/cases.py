"""Random panels, weights and rules for hypothesis, and the panels of hand-worked tests."""

from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st
from reference_market import DAY, Plan, at

from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.engine.costs import (
    Costs,
    FixedBasisPoints,
    FixedSpread,
    NoCommission,
    NoSlippage,
    PerDollar,
    PerShare,
    PerTrade,
    VolumeShare,
)
from rustybt_ray.engine.settings import Settings
from rustybt_ray.engine.weights import equal_weight, on_change, on_schedule

RATIOS = (2.0, 3.0, 1.5, 1.998, 0.125, 0.5, 7.0)
START = at(2019, 12, 20)


@dataclass(frozen=True)
class Shape:
    """What a random panel contains; `seed` draws the numbers."""

    seed: int
    sessions: int
    bars: int
    assets: int
    missing: float
    quiet: float
    listings: bool
    splits: int
    dividends: int
    pay_rows: bool
    volume: float


def shapes_of(**fixed):
    """Shapes of random panels; what is named is fixed."""
    choices = {
        "seed": st.integers(0, 2**32 - 1),
        "sessions": st.one_of(st.integers(3, 12), st.integers(20, 30)),
        "bars": st.sampled_from([1, 1, 1, 2, 4]),
        "assets": st.integers(1, 4),
        "missing": st.sampled_from([0.0, 0.1, 0.4]),
        "quiet": st.sampled_from([0.0, 0.1, 0.3]),
        "listings": st.booleans(),
        "splits": st.integers(0, 4),
        "dividends": st.integers(0, 5),
        "pay_rows": st.booleans(),
        "volume": st.sampled_from([20.0, 500.0, 1e5]),
    }
    return st.builds(Shape, **choices | {name: st.just(value) for name, value in fixed.items()})


def random_panel(shape):
    """Daily sessions with weekends and holidays between them, or some bars a session."""
    rng = np.random.default_rng(shape.seed)
    rows, n = shape.sessions * shape.bars, shape.assets
    days = START + DAY * np.cumsum(rng.choice([1, 1, 1, 3, 4], shape.sessions))
    session = np.repeat(np.arange(shape.sessions), shape.bars)
    time = days[session] + (np.arange(rows) % shape.bars) * 3600 * 10**9 * (shape.bars > 1)
    level = rng.choice([0.5, 10.0, 80.0], n) * np.exp(rng.normal(0, 0.5, n))
    close = np.round(level * np.exp(np.cumsum(rng.normal(0, 0.06, (rows, n)), axis=0)), 4) + 0.01
    opened = np.round(close * np.exp(rng.normal(0, 0.02, (rows, n))), 4) + 0.01
    volume = np.ceil(rng.lognormal(0, 1, (rows, n)) * shape.volume)
    volume[rng.random((rows, n)) < shape.quiet] = 0.0
    gone = rng.random((rows, n)) < shape.missing
    if shape.listings:
        first, last = rng.integers(0, rows, (2, n))
        place = np.arange(rows)[:, None]
        gone |= (place < np.where(rng.random(n) < 0.5, first, 0)) | (place > np.where(rng.random(n) < 0.5, last, rows))
    splits = {(rng.integers(rows), rng.integers(n)): rng.choice(RATIOS) for _ in range(shape.splits)}
    dividends = {(rng.integers(rows), rng.integers(n)): rng.uniform(0.01, 0.05) for _ in range(shape.dividends)}
    for (row, column), ratio in splits.items():
        for prices in (close, opened):
            prices[row:, column] /= ratio
    paid = []
    for (row, column), share in dividends.items():
        pay = rng.integers(row, rows + 1) if shape.pay_rows and rng.random() < 0.8 else -1
        paid.append((row, column, share * close[max(row - 1, 0), column] / 2, pay))
    for values in (close, opened, volume):
        values[gone] = np.nan
    high, low = np.fmax(opened, close), np.fmin(opened, close)
    return panel_from_arrays(
        time,
        "ABCD"[:n],
        opened,
        high,
        low,
        close,
        volume,
        [(row, column, ratio) for (row, column), ratio in splits.items()],
        paid,
        session=session,
        periods_per_year=252,
        fractional=False,
    )


@dataclass(frozen=True)
class Case:
    """One trial: all that `simulate` and the reference take; `shape` makes a random panel again."""

    panel: object = field(repr=False)
    plan: Plan
    first: int
    last: int
    capital: float
    costs: Costs
    fill: str
    settings: Settings
    shape: Shape | None = None

    def _repr_pretty_(self, printer, _cycle):
        printer.text(repr(self))

    def weights(self):
        """The plan as a target function would return it."""
        values = np.array(self.plan.values)
        match self.plan.kind:
            case "mask":
                return equal_weight(values, rebalance=self.plan.schedule, slots=self.plan.slots)
            case "on_change":
                return on_change(values)
            case "on_schedule":
                return on_schedule(values, self.plan.schedule)
        return values


rates = st.sampled_from([0.0, 0.0, 0.03, 0.4])
commissions = st.one_of(
    st.just(NoCommission()),
    st.builds(PerShare, cost=st.sampled_from([0.005, 0.07]), minimum=st.sampled_from([0.0, 1.0, 13.0])),
    st.builds(PerTrade, cost=st.sampled_from([0.0, 1.5, 30.0])),
    st.builds(PerDollar, cost=st.sampled_from([0.001, 0.02]), minimum=st.sampled_from([0.0, 2.0, 17.0])),
)
slippages = st.one_of(
    st.just(NoSlippage()),
    st.builds(
        FixedBasisPoints,
        basis_points=st.sampled_from([0.0, 5.0, 150.0, 1e4]),
        volume_limit=st.sampled_from([None, 0.1, 0.33]),
    ),
    st.builds(FixedSpread, spread=st.sampled_from([0.01, 0.3, 9.0])),
    st.builds(
        VolumeShare, volume_limit=st.sampled_from([0.025, 0.2, 1.0]), price_impact=st.sampled_from([0.0, 0.1, 3.0])
    ),
)
all_costs = st.builds(
    Costs,
    commission=commissions,
    slippage=slippages,
    borrow=rates,
    margin=rates,
    cash=st.sampled_from([0.0, 0.0, 0.04, -0.02]),
)
all_settings = st.builds(
    Settings,
    shares=st.sampled_from(["auto", "whole", "fractional"]),
    sizing=st.sampled_from(["fill", "fill", "decision"]),
    sequence=st.sampled_from(["reduce first", "reduce first", "placement"]),
    max_leverage=st.sampled_from([1.0, 1.0, 0.5, 2.0, None]),
    delay=st.sampled_from([0, 0, 1, 2]),
    commissions=st.sampled_from(["each fill", "each fill", "after bar"]),
    split_fraction=st.sampled_from(["previous close", "previous close", "cost basis"]),
    dividends=st.sampled_from(["ex-date", "ex-date", "pay date", "never"]),
    delisting=st.sampled_from(["morning", "morning", "session end"]),
    delisting_return=st.sampled_from([0.0, -0.3, -1.0, 0.2]),
    risk_free=st.sampled_from([0.0, 0.03]),
    periods_per_year=st.sampled_from([None, 365]),
)


def random_plan(draw, rng, shape, most):
    """Plain weights of any sign with gaps, or a mask; rows without a gap stay within `most`."""
    kind = draw(st.sampled_from(["plain", "plain", "on_change", "on_schedule", "mask"]))
    if kind == "mask":
        schedule = draw(st.sampled_from(["change", "change", "daily", "weekly", "monthly"]))
        slots = draw(st.sampled_from([None, 1, 3, "listed"])) if most >= 1.0 else int(shape[1] / most)
        mask = np.repeat(rng.random((shape[0] // 2 + 1, shape[1])) < 0.5, 2, axis=0)[: shape[0]]
        return Plan("mask", mask.tolist(), schedule, slots)
    low = draw(st.sampled_from([0.0, -0.5, -1.0]))
    weights = rng.uniform(low, 1.0, shape)
    gross = np.abs(weights).sum(axis=1, keepdims=True)
    weights *= most * rng.choice([0.4, 0.95, 0.999], (shape[0], 1)) / np.maximum(gross, 1e-3)
    if draw(st.booleans()):
        weights = np.repeat(weights[::3], 3, axis=0)[: shape[0]]
    weights[rng.random(shape) < draw(st.sampled_from([0.0, 0.15]))] = 0.0
    gap = rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.8]))
    weights[gap] = np.nan
    weights[gap.any(axis=1)] *= draw(st.sampled_from([1.0, 1.6]))
    schedule = draw(st.sampled_from(["weekly", "monthly"])) if kind == "on_schedule" else None
    return Plan(kind, weights.tolist(), schedule)


@st.composite
def cases(draw, costs=all_costs, settings=all_settings, shapes=None):
    """A random trial on a segment of whole sessions."""
    shape = draw(shapes_of() if shapes is None else shapes)
    panel = random_panel(shape)
    rules = draw(settings)
    rng = np.random.default_rng(shape.seed + 1)
    plan = random_plan(draw, rng, panel.shape, 2.0 if rules.max_leverage is None else rules.max_leverage)
    start = draw(st.sampled_from([0, 0, 1, shape.sessions // 2]))
    end = draw(st.sampled_from([shape.sessions - 1, shape.sessions - 1, max(start, shape.sessions - 2)]))
    first, last = start * shape.bars, (end + 1) * shape.bars - 1
    capital = draw(st.sampled_from([700.0, 5e3, 1e5]))
    fill = draw(st.sampled_from(["next_close", "next_open"]))
    return Case(panel, plan, first, last, capital, draw(costs), fill, rules, shape)
