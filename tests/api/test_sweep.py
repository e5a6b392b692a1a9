"""The main job: 200 pairs over 25 years; every metric from the replayed curve again; inline and on Ray the same bits."""

import math
import warnings

import numpy as np
import pytest

import rustybt_ray as rb

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import empyrical

SPACE = {"fast": rb.Int(5, 50, step=5), "slow": rb.Int(60, 250, step=10)}


def crossover(data, fast, slow):
    return rb.equal_weight(data.sma("close", fast) > data.sma("close", slow))


def sweep(root, bundle, **arguments):
    costs = rb.Costs(rb.PerDollar(0.001))
    return rb.optimize(crossover, bundle=bundle, space=SPACE, costs=costs, root=root, progress=False, **arguments)


@pytest.fixture(scope="module")
def study(root):
    return sweep(root, "sample-mag-7", executor="inline")


def recomputed(run):
    """Metrics of RULES section 3 by plain numpy, from the curve and the fills alone."""
    values = np.concatenate([[1_000_000.0], run.equity])
    r = values[1:] / values[:-1] - 1.0
    n, peaks = len(r), np.maximum.accumulate(values)
    below = "".join("x" if v < p else "." for v, p in zip(values[1:], peaks[1:], strict=True))
    marks = run.panel.mark.T[run.first : run.last + 1]
    gross = np.abs(np.where(run.positions == 0, 0.0, run.positions * marks)).sum(axis=1) / run.equity
    fills = run.fills
    notional = (fills["shares"].abs() * fills["price"]).to_numpy()
    rows = fills["row"].to_numpy() - run.first
    centred = r - r.mean()
    m2 = (centred**2).mean()
    downside = math.sqrt((np.minimum(r, 0.0) ** 2).mean())
    traded, paid = notional.sum(), fills["commission"].sum()
    return {
        "total_return": values[-1] / values[0] - 1,
        "annual_return": (values[-1] / values[0]) ** (252 / n) - 1,
        "volatility": r.std(ddof=1) * math.sqrt(252),
        "sharpe_ratio": r.mean() / r.std(ddof=1) * math.sqrt(252),
        "sortino_ratio": r.mean() * 252 / (downside * math.sqrt(252)),
        "max_drawdown": (values / peaks).min() - 1,
        "max_drawdown_length": max(map(len, below.split("."))),
        "calmar_ratio": ((values[-1] / values[0]) ** (252 / n) - 1) / abs((values / peaks).min() - 1),
        "skewness": (centred**3).mean() / m2**1.5,
        "kurtosis": (centred**4).mean() / m2**2,
        "turnover": (notional / values[rows]).sum() / 2 * 252 / n,
        "exposure": gross.mean(),
        "max_gross_leverage": gross.max(),
        "time_in_market": (gross > 0).mean(),
        "commission_paid": paid,
        "slippage_paid": fills["slippage"].sum(),
        "traded_notional": traded,
        "break_even_cost": 1e4 * (values[-1] - values[0] + paid) / traded,
        "n_open_trades": np.count_nonzero(run.positions[-1]),
        "value_at_risk": np.percentile(r, 5),
        "cvar": np.sort(r)[: int(0.05 * (n - 1)) + 1].mean(),
        "tail_ratio": abs(np.percentile(r, 95)) / abs(np.percentile(r, 5)),
    }


def test_every_metric_of_every_trial_follows_from_its_replayed_curve_and_fills(study):
    for number in range(200):
        run = study.backtest(number)
        for name, value in recomputed(run).items():
            assert run.metrics[name] == pytest.approx(value, rel=1e-9, abs=1e-12), (number, name)


def test_metrics_that_empyrical_has_too_are_its(study):
    run = study.backtest()
    r = run.returns
    theirs = {
        "total_return": empyrical.cum_returns_final(r),
        "annual_return": empyrical.annual_return(r),
        "volatility": empyrical.annual_volatility(r),
        "sharpe_ratio": empyrical.sharpe_ratio(r),
        "sortino_ratio": empyrical.sortino_ratio(r),
        "max_drawdown": empyrical.max_drawdown(r),
        "calmar_ratio": empyrical.calmar_ratio(r),
        "value_at_risk": empyrical.value_at_risk(r),
        "cvar": empyrical.conditional_value_at_risk(r),
        "tail_ratio": empyrical.tail_ratio(r),
    }
    for name, value in theirs.items():
        assert run.metrics[name] == pytest.approx(value, rel=1e-9), name


def same_bits(one, other):
    """Every column but duration and worker, bit for bit."""
    columns = [name for name in one.columns if name not in ("duration", "worker")]
    assert one.columns == other.columns
    for name in columns:
        mine, yours = one[name].to_numpy(), other[name].to_numpy()
        equal = mine.tobytes() == yours.tobytes() if mine.dtype != object else (mine == yours).all()
        assert equal or (one[name].null_count() == other[name].null_count() == len(mine)), name


@pytest.mark.ray
def test_two_ray_workers_give_the_bits_of_this_process(root, study):
    ours = sweep(root, "sample-mag-7", executor="ray", n_jobs=2)
    assert ours.executor == "ray"
    same_bits(study.trials, ours.trials)


@pytest.mark.ray
@pytest.mark.slow
def test_mag7_inline_and_on_ray(root, mag7):
    one = sweep(root, mag7, executor="inline")
    assert one.trials.height == 200
    assert one.n_failed == 0
    same_bits(one.trials, sweep(root, mag7, executor="ray", n_jobs=2).trials)
