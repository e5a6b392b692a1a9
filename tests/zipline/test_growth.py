"""More orders, lines and fills than there is room for at first: the same numbers."""

import numpy as np
import pytest
from kept_cases import Case, Shape, random_script, random_view, run_case
from reference_kept import ALL, NEVER, OLDEST, Terms
from two_roads import assert_the_same, both_roads
from zipline_market import market

import rustybt_ray as rb
from rustybt_ray.engine.blotter import make_blotter
from rustybt_ray.engine.costs import Costs, FixedBasisPoints, NoCommission, NoSlippage, PerShare
from rustybt_ray.engine.settings import Settings
from rustybt_ray.zipline import api
from rustybt_ray.zipline.algorithm import Algorithm

FIRST_ROOM = len(make_blotter(1, 0).orders)


@pytest.mark.parametrize("policy", [NEVER, OLDEST, ALL])
@pytest.mark.parametrize("volume", [1e7, 60.0])
def test_thousands_of_orders_as_the_reference_has_them(policy, volume):
    shape = Shape(3, 7, 3, 0.1, 0.1, volume, 2, 2, 1, True, orders=700.0, first=0)
    view = random_view(shape)
    terms = Terms("points", points=5.0, limit=0.1, commission="share", cost=0.07, minimum=1.0)
    script = random_script(view, shape, 0)
    checked = []

    def compare(case, ledger, reference, day, row):
        checked.append(len(reference.orders))
        count = len(reference.orders)
        lines = np.array([order.line(row) for order in reference.orders]).reshape(-1, 13)
        assert ledger.blotter.orders[:count, 1:3].tolist() == lines[:, 3:5].tolist()
        tape = ledger.written()
        np.testing.assert_allclose(
            tape.reports[tape.reports[:, 0] == row],
            np.array([order.line(row) for order in day.report.values()]).reshape(-1, 13),
            rtol=1e-9,
            atol=1e-12,
        )
        fills = tape.transactions[tape.transactions[:, 0] == row][:, :6]
        np.testing.assert_allclose(fills, np.array(day.transactions).reshape(-1, 6), rtol=1e-9)
        assert ledger.book.account["value"][0] == pytest.approx(float(reference.value), rel=1e-9)

    ledger, _ = run_case(Case(shape, terms, Settings.zipline(), policy, 1e6, view, script), compare)
    assert checked[0] < FIRST_ROOM < 3 * FIRST_ROOM < checked[-1] <= len(ledger.blotter.orders)
    assert len(ledger.written().reports) > checked[-1]


def test_an_algorithm_that_places_thousands_at_once():
    """One share each, some cancelled at once, the rest filled on the next session."""
    count = 5 * FIRST_ROOM // 2

    def initialize(context):
        context.ids = []

    def handle_data(context, data):
        if not context.ids:
            context.ids = [api.order(api.sid(k % 2), 1) for k in range(count)]
            for one in context.ids[::5]:
                api.cancel_order(one)
            found = api.get_open_orders(api.sid(0))
            api.record(placed=len(set(context.ids)), open=len(found), first=found[0].id == context.ids[2])
            context.last = api.get_order(context.ids[-1])

    panel = market(np.full((4, 2), 10.0), volume=1e6)
    costs = Costs(PerShare(0.01), NoSlippage())
    got = rb.backtest(Algorithm(initialize, handle_data), bundle=panel, costs=costs, capital=1e6)
    cancelled = len(range(0, count, 5))
    kept = count - cancelled
    assert got.recorded.row(0)[1:] == (count, len([k for k in range(0, count, 2) if k % 5]), True)
    assert got.cash.tolist() == [1e6, *[pytest.approx(1e6 - 10.01 * kept, rel=1e-12)] * 3]
    assert got.positions[-1].sum() == got.fills.height == kept
    assert got.orders.height == count + kept
    status = got.record.orders[:, 5].tolist()
    assert [status.count(number) for number in (0.0, 1.0, 2.0)] == [kept, kept, cancelled]


def test_a_target_function_whose_orders_wait_for_volume():
    """Two shares a bar of what is asked for anew each session: the book grows, and is the algorithm's."""
    rows = 420
    rng = np.random.default_rng(4)
    close = 20.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (rows, 4)), axis=0))
    close[200:, 1] /= 2.0
    view = market(close, volume=20.0, splits=[(200, 1, 2.0)])
    weights = np.where(rng.random((rows, 4)) < 0.9, rng.uniform(-0.2, 0.25, (rows, 4)), np.nan)
    costs = Costs(NoCommission(), FixedBasisPoints(5.0, volume_limit=0.1))
    algorithm, target = both_roads(view, weights, 0, rows - 1, costs)
    assert_the_same(algorithm, target)
    last = dict(algorithm.record.orders[:, [1, 5]].tolist())
    assert list(last.values()).count(0.0) > FIRST_ROOM, "orders that are still open"
    study = rb.optimize(
        lambda data, n: weights,
        bundle=view,
        space={"n": [1, 2]},
        costs=costs,
        capital=1e5,
        settings=Settings.zipline(),
        executor="inline",
        progress=False,
    )
    assert study.trials["total_return"].to_list() == [target.metrics["total_return"]] * 2
