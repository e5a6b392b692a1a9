"""A market that never was, for trying things out without a download: eight stocks over 25 years.

Made of a generator's raw bits by additions, multiplications and divisions alone, so that every machine and every
version of NumPy makes the same prices to the last bit: no libm function, none of NumPy's distributions (whose streams
may change).
"""

from datetime import date
from typing import NamedTuple

import numpy as np

from rustybt_ray._typing import FloatArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.data.bundle import Bundle
from rustybt_ray.data.nyse import sessions_between
from rustybt_ray.data.panel import FIELDS, Panel
from rustybt_ray.data.store import BundleStore
from rustybt_ray.exceptions import BundleError

NAME = "sample-mag-7"
FIRST, LAST = date(2000, 1, 3), date(2024, 12, 31)


class _Stock(NamedTuple):
    """How one stock behaves: what it does with the market, what it does alone, what it pays, when it splits."""

    symbol: str
    listed: int
    price: float
    beta: float
    noise: float
    drift: float
    payout: float
    limit: float
    volume: float


STOCKS = (
    _Stock("ALDERO", 0, 48.0, 1.1, 0.013, 0.00040, 0.0000, 160.0, 4.0e6),
    _Stock("BIRCHA", 0, 31.0, 0.8, 0.009, 0.00015, 0.0060, 110.0, 9.0e6),
    _Stock("CEDRIX", 0, 22.0, 1.3, 0.017, 0.00045, 0.0000, 240.0, 6.0e6),
    _Stock("DUNWAY", 0, 64.0, 0.7, 0.008, 0.00010, 0.0075, 140.0, 3.0e6),
    _Stock("ELMORA", 598, 18.0, 1.2, 0.016, 0.00035, 0.0000, 130.0, 5.0e6),
    _Stock("FENWIK", 1162, 85.0, 1.0, 0.012, 0.00030, 0.0000, 700.0, 2.5e6),
    _Stock("GROVAL", 2637, 25.0, 1.5, 0.021, 0.00050, 0.0000, 300.0, 8.0e6),
    _Stock("HEATHR", 3114, 38.0, 1.0, 0.013, 0.00025, 0.0030, 120.0, 7.0e6),
)
CALM, STORM = (0.0068, 0.00055, 1.0 / 200.0), (0.0175, -0.0006, 1.0 / 50.0)
"""Daily volatility and drift of the market, and the chance to leave the regime."""
RATIOS = (2.0, 3.0, 4.0, 7.0)
QUARTER, PAUSE = 63, 250


def sample_panel(seed: int = 7) -> Panel:
    """Eight fictional stocks, daily, 2000-01-03 to 2024-12-31, with splits, dividends and late listings.

    A common factor that switches between calm and storm, and a random walk for each stock. Prices are whole cents.

    Examples
    --------
    >>> panel = sample_panel()
    >>> panel.shape, panel.symbols[:3]
    ((6289, 8), ('ALDERO', 'BIRCHA', 'CEDRIX'))
    """
    sessions, opens, closes = sessions_between(FIRST, LAST)
    bits = np.random.PCG64(check_count("seed", seed))
    volatility, market = _market(bits, len(sessions))
    fields = {name: np.full((len(sessions), len(STOCKS)), np.nan) for name in FIELDS}
    splits: list[tuple[int, int, float]] = []
    dividends: list[tuple[int, int, float]] = []
    for column, stock in enumerate(STOCKS):
        rows = slice(stock.listed, None)
        bars, ratios, payouts = _stock(bits, stock, volatility[rows], market[rows])
        for name, values in bars.items():
            fields[name][rows, column] = values
        splits += [(row + stock.listed, column, ratio) for row, ratio in ratios]
        dividends += [(row + stock.listed, column, amount) for row, amount in payouts]
    return panel_from_arrays(
        sessions,
        [stock.symbol for stock in STOCKS],
        fields["open"],
        fields["high"],
        fields["low"],
        fields["close"],
        fields["volume"],
        splits=splits,
        dividends=dividends,
        sessions=sessions,
        open_time=opens,
        close_time=closes,
    )


def ingest_sample(store: BundleStore | None = None, *, name: str = NAME, seed: int = 7) -> Bundle:
    """The sample as a bundle of `store` (default: the user's), published if it is not there."""
    store = BundleStore() if store is None else store
    panel = sample_panel(seed)
    try:
        known = store.info(name)
        if known.version == panel.version:
            return known
    except BundleError:
        pass  # not there, or damaged: publishing puts it there
    return store.publish(name, panel, source=f"sample, seed {seed}", calendar="XNYS")


def _market(bits: np.random.PCG64, rows: int) -> tuple[FloatArray, FloatArray]:
    """Volatility and return of the common factor on each session."""
    luck, shocks = _uniform(bits, rows), _bell(bits, rows)
    calm = np.empty(rows, dtype=bool)
    state = True
    for row in range(rows):
        state = state != bool(luck[row] < (CALM if state else STORM)[2])
        calm[row] = state
    volatility = np.where(calm, CALM[0], STORM[0])
    return volatility, np.where(calm, CALM[1], STORM[1]) + volatility * shocks


def _stock(
    bits: np.random.PCG64, stock: _Stock, volatility: FloatArray, market: FloatArray
) -> tuple[dict[str, FloatArray], list[tuple[int, float]], list[tuple[int, float]]]:
    """Bars, splits and dividends of one stock from its listing on."""
    rows = len(market)
    own, gaps = _bell(bits, rows), _bell(bits, rows)
    rises, falls, crowd = _uniform(bits, rows), _uniform(bits, rows), _uniform(bits, rows)
    calmness = volatility / CALM[0]
    change = stock.drift + stock.beta * market + stock.noise * (0.6 + 0.4 * calmness) * own
    change = np.minimum(np.maximum(change, -0.25), 0.25)
    paying = np.arange(QUARTER, rows, QUARTER) if stock.payout else np.empty(0, dtype=np.int64)
    change[paying] -= stock.payout
    worth = stock.price * np.multiply.accumulate(1.0 + change)
    splits = _splits(worth, stock.limit)
    shares = np.ones(rows)
    for row, ratio in splits:
        shares[row:] *= ratio
    close = worth / shares
    before = np.concatenate([close[:1], worth[:-1] / shares[1:]])
    opening = before * (1.0 + 0.4 * volatility * gaps)
    spread = 0.8 * stock.noise * calmness
    bars = {
        "open": _cents(opening),
        "high": _cents(np.maximum(opening, close) * (1.0 + spread * rises)),
        "low": _cents(np.minimum(opening, close) * (1.0 - np.minimum(spread * falls, 0.5))),
        "close": _cents(close),
        "volume": np.rint(stock.volume * (0.4 + crowd) * (1.0 + 15.0 * np.abs(change)) * shares / 100.0) * 100.0,
    }
    amounts = _cents(stock.payout * bars["close"][paying - 1])
    return bars, splits, [(int(row), float(amount)) for row, amount in zip(paying, amounts, strict=True) if amount > 0]


def _splits(worth: FloatArray, limit: float) -> list[tuple[int, float]]:
    """A split after each close above `limit`, but not twice within a year; the ratios take turns."""
    found: list[tuple[int, float]] = []
    row, shares = 0, 1.0
    while True:
        above = np.flatnonzero(worth[row:-1] / shares > limit)
        if not len(above):
            return found
        row += int(above[0]) + 1
        ratio = RATIOS[len(found) % len(RATIOS)]
        found.append((row, ratio))
        shares *= ratio
        row += PAUSE


def _uniform(bits: np.random.PCG64, count: int) -> FloatArray:
    """`count` numbers of [0, 1), multiples of 2**-53."""
    raw: IntArray = (bits.random_raw(count) >> np.uint64(11)).astype(np.int64)
    return raw / 2.0**53


def _bell(bits: np.random.PCG64, count: int) -> FloatArray:
    """`count` numbers with mean 0 and variance 1, nearly normal: sums of twelve uniform ones, exact in float64."""
    lanes: IntArray = bits.random_raw((3, count)).view(np.uint16).reshape(3, count, 4).astype(np.int64)
    sums: IntArray = lanes.sum(axis=(0, 2))
    return (sums * 2 + 12) / 2.0**17 - 6.0


def _cents(values: FloatArray) -> FloatArray:
    """Nearest whole cent."""
    cents: FloatArray = np.rint(values * 100.0) / 100.0
    return cents
