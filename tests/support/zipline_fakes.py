"""Orders, transactions and data as models see them, made of plain values."""

from types import SimpleNamespace

import numpy as np

from rustybt_ray.zipline.assets import Equity


def an_equity(sid, symbol):
    """A stock that lives from row 0 to row 9."""
    return Equity(sid, symbol, rows=(0, 9, 10), ends=(0, 9 * 86_400_000_000_000))


def an_order(amount, *, filled=0, limit=None, commission=0.0, asset="A"):
    """An order with what models read of it."""
    return SimpleNamespace(
        id="o1",
        asset=asset,
        sid=asset,
        amount=amount,
        filled=filled,
        open_amount=amount - filled,
        direction=1.0 if amount > 0 else -1.0,
        limit=limit,
        stop=None,
        commission=commission,
    )


class Bars:
    """Data whose fields are arrays; `row` is today."""

    def __init__(self, **fields):
        self.fields = {name: np.asarray(values, dtype=float) for name, values in fields.items()}
        self.row = len(next(iter(self.fields.values()))) - 1
        self.asked = 0

    @property
    def current_session(self):
        return self.row

    def current(self, asset, field):
        value = self.fields[field][self.row]
        return int(value) if field == "volume" else float(value)

    def history(self, asset, field, count, frequency, as_array):
        assert (frequency, as_array) == ("1d", True)
        self.asked += 1
        return self.fields[field][self.row + 1 - count : self.row + 1].copy()


def one_bar(close, volume, **more):
    return Bars(close=[close], volume=[volume], **{name: [value] for name, value in more.items()})
