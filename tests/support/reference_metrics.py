"""RULES section 3 once more, row by row of its table, in Decimal from what the reference ledger left."""

from decimal import Decimal, localcontext

from reference_ledger import PRECISION

FEW = 20
NOTHING = Decimal("1e-14")
NOISE = Decimal("1e-11")  # closer than this to a comparison, floating point may decide otherwise
NAN = float("nan")


def reference_metrics(outcome, market, first, last, *, capital, settings, periods_per_year):
    """Every metric as a float, and the daily returns; metrics on an edge of their own go to `outcome.edges.soft`."""
    with localcontext() as context:
        context.prec = PRECISION
        days = Days(outcome, market.session[first : last + 1], Decimal(capital))
        p = Decimal(settings.periods_per_year or periods_per_year)
        free = (1 + Decimal(settings.risk_free)) ** (1 / p) - 1
        soft = outcome.edges.soft
        metrics = growth(days, outcome, p) | spread(days, free, p, soft) | depth(days, outcome, soft)
        metrics["calmar_ratio"] = ratio(metrics["annual_return"], metrics["max_drawdown"], days)
        metrics |= trades(outcome, soft) | trading(days, outcome, p) | ordered(days, soft)
        return {name: float(value) for name, value in metrics.items()}, [float(r) for r in days.returns]


class Days:
    """Each session's last bar: `values` V_1..V_n, `returns`, `gross`, `held`; `traded` is each session's notional."""

    def __init__(self, outcome, sessions, capital):
        ends = [t for t in range(len(sessions)) if t + 1 == len(sessions) or sessions[t + 1] != sessions[t]]
        starts = [0, *[end + 1 for end in ends[:-1]]]
        self.capital, self.n = capital, len(ends)
        self.values = [outcome.equity[t] for t in ends]
        self.before = [capital, *self.values[:-1]]
        self.gross = [outcome.gross[t] for t in ends]
        self.held = [any(shares != 0 for shares in outcome.positions[t]) for t in ends]
        self.traded = [sum(outcome.notional[a : b + 1]) for a, b in zip(starts, ends, strict=True)]
        self.returns = [v / b - 1 if b > 0 else Decimal(0) for v, b in zip(self.values, self.before, strict=True)]


def growth(days, outcome, p):
    total = days.values[-1] / days.capital
    if outcome.ruined:
        return {"total_return": -1, "annual_return": Decimal(-1), "ruined": 1}
    return {"total_return": total - 1, "annual_return": total ** (p / days.n) - 1, "ruined": 0}


def spread(days, free, p, soft):
    r, n = days.returns, days.n
    mean = sum(r) / n
    deviation = Decimal(sum((x - mean) ** 2 for x in r) / (n - 1)).sqrt() if n > 1 else None
    out = {"volatility": NAN, "sharpe_ratio": NAN, "sortino_ratio": NAN, "skewness": NAN, "kurtosis": NAN}
    if deviation is None:
        return out
    if NOTHING / 1000 < deviation < Decimal("1e-5"):
        soft |= {"sharpe_ratio", "skewness", "kurtosis"}
    out["volatility"] = deviation * p.sqrt() if deviation >= NOTHING else 0
    if deviation >= NOTHING:
        second, third, fourth = (sum((x - mean) ** k for x in r) / n for k in (2, 3, 4))
        out |= {"skewness": third / (second * second.sqrt()), "kurtosis": fourth / second**2}
    downside = Decimal(sum(min(x - free, Decimal(0)) ** 2 for x in r) / n).sqrt()
    if NOTHING / 1000 < downside < Decimal("1e-5"):
        soft.add("sortino_ratio")
    if n >= FEW and deviation >= NOTHING:
        out["sharpe_ratio"] = (mean - free) / deviation * p.sqrt()
    if n >= FEW and downside >= NOTHING:
        out["sortino_ratio"] = (mean - free) * p / (downside * p.sqrt())
    return out


def depth(days, outcome, soft):
    """Depth over every bar, length in days."""
    peak, deepest = days.capital, Decimal(0)
    for value in outcome.equity:
        peak = max(peak, value)
        deepest = min(deepest, value / peak - 1)
    if -Decimal("1e-7") < deepest < 0:
        soft.add("calmar_ratio")
    peak, run, longest, traded = days.capital, 0, 0, Decimal(0)
    for value, money in zip(days.values, days.traded, strict=True):
        traded += money
        if (value != peak or traded) and abs(value / peak - 1) < NOISE:
            soft.add("max_drawdown_length")
        run = run + 1 if value / peak - 1 < -NOTHING else 0
        longest = max(longest, run)
        peak = max(peak, value)
    deepest = deepest if deepest < -NOTHING else Decimal(0)
    return {"max_drawdown": -1 if outcome.ruined else deepest, "max_drawdown_length": longest}


def ratio(annual, drawdown, days):
    return annual / abs(drawdown) if drawdown and days.n >= FEW else NAN


def trades(outcome, soft):
    gains = [x for x in outcome.trips if x > 0]
    losses = [x for x in outcome.trips if x < 0]
    count = len(outcome.trips)
    if losses and abs(sum(losses)) < sum(outcome.notional) / 10**6:
        soft.add("profit_factor")
    return {
        "n_trades": count,
        "n_open_trades": outcome.open_trips,
        "win_rate": Decimal(len(gains)) / count if count else NAN,
        "profit_factor": sum(gains) / abs(sum(losses)) if losses else NAN,
        "n_cut_orders": outcome.cuts,
    }


def trading(days, outcome, p):
    notional = sum(outcome.notional)
    turns = [t / 2 / b for t, b in zip(days.traded, days.before, strict=True) if t]
    gross = [g / v if v > 0 else Decimal(0) for g, v in zip(days.gross, days.values, strict=True)]
    paid = outcome.commission + outcome.slippage
    return {
        "turnover": sum(turns) * p / days.n,
        "exposure": sum(gross) / days.n,
        "time_in_market": Decimal(sum(days.held)) / days.n,
        "max_gross_leverage": max(gross),
        "commission_paid": outcome.commission,
        "slippage_paid": outcome.slippage,
        "financing_paid": outcome.financing,
        "costs_paid": paid + outcome.financing,
        "break_even_cost": 10**4 * (days.values[-1] - days.capital + paid) / notional if notional else NAN,
        "traded_notional": notional,
    }


def ordered(days, soft):
    ranked = sorted(days.returns)
    low, high = percentile(ranked, Decimal("0.05")), percentile(ranked, Decimal("0.95"))
    if 0 < abs(low) < Decimal("1e-7"):
        soft.add("tail_ratio")
    worst = ranked[: (days.n - 1) // 20 + 1]
    return {
        "value_at_risk": low,
        "cvar": sum(worst) / len(worst),
        "tail_ratio": abs(high) / abs(low) if days.n >= FEW and abs(low) >= NOTHING else NAN,
    }


def percentile(ranked, q):
    place = q * (len(ranked) - 1)
    low = int(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)
