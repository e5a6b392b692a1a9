"""Errors under zipline's names: messages, families, and the way back from another process."""

import pickle

import pytest

from rustybt_ray.exceptions import RustybtRayError
from rustybt_ray.zipline import errors
from rustybt_ray.zipline.errors import ZiplineError

CLASSES = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ZiplineError)]
AT = {"sid": 1, "dt": "2020-01-02", "start_dt": "2020-01-03"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (errors.SymbolNotFound(symbol="XYZ"), "Symbol 'XYZ' was not found."),
        (errors.SidsNotFound(sids=[99]), "No asset found for sid: 99."),
        (errors.SidsNotFound(sids=[98, 99]), "No assets found for sids: [98, 99]."),
        (errors.EquitiesNotFound(sids=[98, 99]), "No equities found for sids: [98, 99]."),
        (errors.BadOrderParameters(msg="a limit"), "a limit"),
        (errors.OrderInBeforeTradingStart(), "Cannot place orders inside before_trading_start."),
        (errors.AccountControlViolation(constraint="C"), "Account violates account constraint C."),
        (
            errors.TradingControlViolation(amount=3, asset="A", datetime="T", constraint="C"),
            "Order for 3 shares of A at T violates trading constraint\nC.",
        ),
        (
            errors.BenchmarkAssetNotAvailableTooEarly(**AT),
            "1 does not exist on 2020-01-02. It started trading on 2020-01-03.",
        ),
        (errors.UnsupportedImport(what="zipline.pipeline", remedy="R."), "zipline.pipeline is not supported here. R."),
    ],
)
def test_messages(error, message):
    assert str(error) == repr(error) == error.message == message


@pytest.mark.parametrize("kind", CLASSES)
def test_all_are_zipline_errors_and_ours_and_come_back_from_a_pickle(kind):
    words = dict.fromkeys(("symbol", "sid", "dt", "msg", "constraint", "start_dt", "end_dt", "what", "remedy"), "word")
    error = kind(sids=[1], asset="A", amount=1, datetime="T", **words)
    assert isinstance(error, RustybtRayError)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.kwargs == error.kwargs


def test_families_by_which_users_catch():
    assert issubclass(errors.BenchmarkAssetNotAvailableTooLate, errors.NoTradeDataAvailable)
    assert issubclass(errors.EquitiesNotFound, errors.SidsNotFound)
    assert issubclass(errors.UnsupportedImport, ImportError)
    assert issubclass(errors.NotTradingMinuteError, ValueError)
    assert not issubclass(errors.NotTradingMinuteError, ZiplineError)


def test_a_users_own_error_may_derive_from_them():
    class MineError(ZiplineError):
        msg = "no {thing}"

    assert str(MineError(thing="luck")) == "no luck"
