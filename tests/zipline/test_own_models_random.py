"""Users' own models, which are asked order by order, against the same models in the kernels, on random scripts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_cases import all_settings, cases, run_script
from reference_kept import ALL, NEVER, OLDEST

from rustybt_ray.engine.costs import Costs
from rustybt_ray.engine.stepwise import SteppedLedger
from rustybt_ray.zipline import api
from rustybt_ray.zipline import commission as commissions
from rustybt_ray.zipline import slippage as slippages
from rustybt_ray.zipline.algorithm import Algorithm
from rustybt_ray.zipline.cancel_policy import CancelPolicy, EODCancel, NeverCancel
from rustybt_ray.zipline.execution import LimitOrder, StopOrder
from rustybt_ray.zipline.runner import AlgorithmRunner


def models_of(terms):
    """zipline's models of these terms."""
    slippage = {
        "none": lambda: slippages.NoSlippage(),
        "spread": lambda: slippages.FixedSlippage(terms.spread),
        "points": lambda: slippages.FixedBasisPointsSlippage(terms.points, terms.limit),
        "share": lambda: slippages.VolumeShareSlippage(terms.limit, terms.impact),
    }[terms.slippage]()
    commission = {
        "share": lambda: commissions.PerShare(terms.cost, terms.minimum),
        "trade": lambda: commissions.PerTrade(terms.cost),
        "dollar": lambda: commissions.PerDollar(terms.cost),
    }[terms.commission]()
    return slippage, commission


def own(model, name):
    """The model as a user's subclass that writes its formula itself, by asking the one above."""

    def formula(self, *arguments):
        return getattr(kind, name)(*([] if isinstance(vars(kind).get(name), staticmethod) else [self]), *arguments)

    kind = type(model)
    made = type(f"Own{kind.__name__}", (kind,), {name: formula})
    copy = made.__new__(made)
    copy.__dict__.update(vars(model))
    assert copy.engine_terms() is None is not model.engine_terms()
    return copy


class EveryEvening(CancelPolicy):
    """A policy of the user's own that does what EODCancel does."""

    def should_cancel(self, event):
        return event == 2


def scripted(case, slippage, commission, policy):
    """The algorithm that places and cancels what the script says."""

    def initialize(context):
        context.row, context.ids = 0, []
        context.assets = [api.sid(column) for column in range(case.view.shape[1])]
        api.set_slippage(slippage)
        api.set_commission(commission)
        api.set_cancel_policy(policy)

    def handle_data(context, data):
        for kind, *words in case.script[context.row]:
            if kind == "order":
                column, amount, limit, stop = words
                context.ids.append(api.order(context.assets[column], amount, limit, stop))
            elif context.ids:
                api.cancel_order(context.ids[int(words[0] * len(context.ids))])
        context.row += 1

    return Algorithm(initialize, handle_data)


def recorded(case, slippage, commission, policy):
    """Everything that a run leaves."""
    segment = (case.first, case.shape.sessions - 1)
    runner = AlgorithmRunner(case.view, (segment,), capital=case.capital, settings=case.settings)
    record = runner.record(scripted(case, slippage, commission, policy), {}).record
    return record.daily, record.transactions, record.orders, record.positions


def assert_alike(got, expected):
    for mine, yours in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-11, atol=1e-7)


POLICIES = {NEVER: (NeverCancel(), NeverCancel()), OLDEST: (EODCancel(), EveryEvening())}


@pytest.mark.parametrize("which", ["slippage", "commission", "both"])
@settings(max_examples=25)
@given(cases(all_settings), st.data())
def test_own_models_do_what_the_kernels_do(which, case, data):
    policy = data.draw(st.sampled_from([NEVER, OLDEST]))
    limit = case.terms.limit or (0.1 if case.terms.slippage == "points" else 0.0)
    case = replace(case, policy=policy, terms=replace(case.terms, limit=limit))
    slippage, commission = models_of(case.terms)
    built_in, users = POLICIES[policy]
    expected = recorded(case, slippage, commission, built_in)
    if which != "commission":
        slippage = own(slippage, "process_order")
    if which != "slippage":
        commission = own(commission, "calculate")
    assert_alike(recorded(case, slippage, commission, users), expected)


def on_ticks(action):
    """A script's order with its prices as zipline's functions round them, to the last bit."""
    if action[0] != "order":
        return action
    kind, column, amount, limit, stop = action
    limit = None if limit is None else LimitOrder(limit).get_limit_price(amount > 0)
    stop = None if stop is None else StopOrder(stop).get_stop_price(amount > 0)
    return kind, column, amount, limit, stop


@settings(max_examples=40)
@given(cases())
def test_an_algorithm_is_its_script_on_the_ledger(case):
    """Through zipline's functions and without them: the same bits."""
    limit = case.terms.limit or (0.1 if case.terms.slippage == "points" else 0.0)
    case = replace(case, policy=OLDEST if case.policy == ALL else case.policy, terms=replace(case.terms, limit=limit))
    segment = (case.first, case.shape.sessions - 1)
    ledger = SteppedLedger(case.view, segment, capital=case.capital, costs=Costs(), settings=case.settings)
    run_script(case, ledger, [[on_ticks(action) for action in actions] for actions in case.script], record=True)
    got = recorded(case, *models_of(case.terms), POLICIES[case.policy][0])
    tape = ledger.written()
    for mine, yours in zip(got, (tape.daily, tape.transactions, tape.reports, tape.holdings), strict=True):
        assert mine.tobytes() == yours.tobytes()
