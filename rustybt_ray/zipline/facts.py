"""What a run knows and keeps: assets by name, the time, its environment, scheduled functions, recorded values."""

from collections.abc import Callable
from datetime import tzinfo
from math import nan
from typing import Any

from rustybt_ray._typing import FloatArray
from rustybt_ray.zipline.assets import COUNTRY
from rustybt_ray.zipline.benchmark import benchmark_of_asset
from rustybt_ray.zipline.choices import Choices
from rustybt_ray.zipline.dates import utc
from rustybt_ray.zipline.errors import SymbolNotFound
from rustybt_ray.zipline.schedule import Scheduled, schedule


class Facts(Choices):
    """Lookups, time, schedule and records of a run.

    Attributes
    ----------
    given_benchmark : ndarray of float64 or None
        Daily returns of a benchmark for an algorithm that sets none.
    """

    given_benchmark: FloatArray | None = None

    def _begin_facts(self, record: bool) -> None:
        self.scheduled: list[tuple[Callable[..., Any], Scheduled]] = []
        self.recorded: dict[str, Any] = {}
        self._series: dict[str, dict[int, Any]] | None = {} if record else None
        self.finder.forget_lookup_date()

    def symbol(self, symbol_str: str, country_code: str | None = None) -> Any:
        """The asset of this name."""
        if country_code is not None and country_code.upper() != COUNTRY:
            raise SymbolNotFound(symbol=symbol_str)
        return self.finder.symbol(symbol_str)

    def symbols(self, *args: str, **kwargs: Any) -> list[Any]:
        """The assets of these names."""
        return [self.symbol(name, **kwargs) for name in args]

    def sid(self, sid: int) -> Any:
        """The asset of this number."""
        return self.finder.sid(sid)

    def set_symbol_lookup_date(self, dt: Any) -> None:
        """Look names up as of this date."""
        self.finder.set_lookup_date(dt)

    def get_datetime(self, tz: Any = None) -> Any:
        """Now."""
        if self.initializing:
            raise AssertionError("there is no current time in initialize")
        if not (tz is None or isinstance(tz, str | tzinfo)):
            raise TypeError(f"get_datetime() expected a time zone or its name for argument 'tz'; received {tz!r}")
        now = utc(self.clock.dt)
        return now if tz is None else now.tz_convert(tz)

    def get_environment(self, field: str = "platform") -> Any:
        """A fact of the run.

        Raises
        ------
        ValueError
            If there is no such field.
        """
        panel, clock = self.ledger.panel, self.clock
        found = {
            "arena": "backtest",
            "data_frequency": "daily",
            "start": utc(int(panel.open_time[clock.first]) + 60 * 10**9),
            "end": utc(int(panel.close_time[clock.last])),
            "capital_base": self.ledger.capital,
            "platform": "zipline",
        }
        if field == "*":
            return found
        if field not in found:
            raise ValueError(f"{field!r} is not a valid field for get_environment; they are {', '.join(found)} and '*'")
        return found[field]

    def schedule_function(
        self,
        func: Callable[..., Any],
        date_rule: Any = None,
        time_rule: Any = None,
        half_days: bool = True,
        calendar: Any = None,
    ) -> None:
        """Call a function after handle_data on the sessions that a rule names."""
        early = "skip" if self.settings.half_days == "skipped" else "run"
        panel, first = self.ledger.panel, self.clock.session
        when = schedule(panel, first, date_rule, time_rule, half_days, calendar, early_closes=early)  # type: ignore[arg-type]
        self.scheduled.append((func, when))

    def record(self, *args: Any, **kwargs: Any) -> None:
        """Keep values by name."""
        if args:
            pairs = iter(args)
            kwargs = {**dict(zip(pairs, pairs, strict=False)), **kwargs}
        self.recorded.update(kwargs)
        if self._series is not None:
            row = self.clock.session
            for name, value in kwargs.items():
                self._series.setdefault(name, {})[row] = value

    def written_records(self) -> dict[str, list[Any]]:
        """The values of each name by session: the last one so far, NaN before the first."""
        first, last = self.clock.first, self.clock.last
        return {name: _filled(values, first, last) for name, values in (self._series or {}).items()}

    def _read_benchmark(self) -> FloatArray | None:
        """Daily returns of the benchmark that the algorithm chose, or of the one that was given; None without one."""
        if self.benchmark is None:
            return self.given_benchmark
        return benchmark_of_asset(self.ledger.panel, self.finder.sid(self.benchmark), self.clock.first, self.clock.last)


def _filled(values: dict[int, Any], first: int, last: int) -> list[Any]:
    found, value = [], nan
    for row in range(first, last + 1):
        value = values.get(row, value)
        found.append(value)
    return found
