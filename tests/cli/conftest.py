from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from rustybt_ray.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Bundles of a test are its own."""
    monkeypatch.setenv("RUSTYBT_RAY_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def call() -> Callable[..., Result]:
    """Run the program in this process; what it raises unasked is a failure of the test."""

    def run(*words: object, code: int = 0, **options) -> Result:
        result = CliRunner().invoke(main, [str(word) for word in words], prog_name="rustybt-ray", **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def bars() -> pl.DataFrame:
    """Two assets over 300 weekdays, each around a period of its own."""
    days = [date(2020, 1, 6) + timedelta(weeks=day // 5, days=day % 5) for day in range(300)]
    frames = []
    for symbol, period in (("AAA", 30), ("BBB", 47)):
        close = np.round(50.0 + 10.0 * np.sin(np.arange(300) * 2 * np.pi / period) + 0.02 * np.arange(300), 2)
        prices = {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close}
        frames.append(pl.DataFrame({"date": days, "symbol": symbol, **prices, "volume": 1_000_000}))
    return pl.concat(frames)


@pytest.fixture
def source(bars, tmp_path):
    """The bars as a Parquet file."""
    path = tmp_path / "bars.parquet"
    bars.write_parquet(path)
    return path
