"""A known end: eight assets bought in full and held through 18 splits and 190 dividends."""

import dataclasses

import numpy as np
import pytest

import rustybt_ray as rb
from rustybt_ray.data.build import panel_from_arrays
from rustybt_ray.engine.backtest import simulate


def held_to_the_end(panel, column):
    """Value at the end of 125,000 in one asset from its first session on, fractional, dividends kept in cash."""
    first, last = int(panel.listing[0][column]), panel.shape[0] - 1
    fields = [
        np.ascontiguousarray(getattr(panel, name)[first:, [column]])
        for name in ("open", "high", "low", "close", "volume")
    ]
    splits = [
        (row - first, 0, ratio)
        for row, at, ratio in zip(panel.split_row, panel.split_column, panel.split_ratio, strict=True)
        if at == column
    ]
    dividends = [
        (row - first, 0, amount)
        for row, at, amount in zip(panel.dividend_row, panel.dividend_column, panel.dividend_amount, strict=True)
        if at == column
    ]
    alone = panel_from_arrays(panel.time[first:], [panel.symbols[column]], *fields, splits, dividends)
    weights = np.full(alone.shape, np.nan)
    weights[0] = 1.0
    settings = rb.Settings(shares="fractional")
    return simulate(alone, weights, 0, last - first, capital=125_000.0, settings=settings).equity[-1]


def test_all_events_of_mag7(root, mag7):
    panel = rb.BundleStore(root).open(mag7)
    total = sum(held_to_the_end(panel, column) for column in range(8))
    assert total == pytest.approx(354_948_412.415836, rel=1e-12)


def test_mag7_without_its_events(root, mag7):
    panel = rb.BundleStore(root).open(mag7)
    none = np.empty(0, np.int64)
    without = dataclasses.replace(
        panel,
        split_row=none, split_column=none, split_ratio=np.empty(0),
        dividend_row=none, dividend_column=none, dividend_amount=np.empty(0), dividend_pay=none,
    )  # fmt: skip
    total = sum(held_to_the_end(without, column) for column in range(8))
    assert total == pytest.approx(12_540_874.923937, rel=1e-12)
