"""Forward windows: train before test, rolling along or growing from one beginning."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.layout import Plan, lay_out
from rustybt_ray.validation.lengths import REMEDY, Length, check_length, span_of
from rustybt_ray.validation.segments import Windows


@dataclass(frozen=True, kw_only=True, repr=False)
class _Forward:
    train: Length
    validate: Length | None = None
    test: Length
    step: Length | None = None
    warmup: Length = 0

    anchored: ClassVar[bool]

    def __post_init__(self) -> None:
        for name in ("train", "validate", "test", "step", "warmup"):
            value = getattr(self, name)
            if value is None and name in ("validate", "step"):
                continue
            remedy = f"{REMEDY} Leave validate out for none." if name == "validate" else REMEDY
            checked = check_length(self._called(name), value, low=0 if name == "warmup" else 1, remedy=remedy)
            object.__setattr__(self, name, checked)
        rule = "a duration, as train is" if isinstance(self.train, str) else "a number of sessions, as train is"
        for name in ("validate", "test", "step"):
            value = getattr(self, name)
            if value is not None and isinstance(value, str) != isinstance(self.train, str):
                remedy = "Count all of them in sessions or all by the calendar; warmup is free, purge counts sessions."
                raise InputError(self._called(name), rule, value, remedy)
        if self.step is not None and span_of(self.step).surely_above(span_of(self.test)):
            remedy = "Sessions between two tests would be in none; leave step out for step = test."
            raise InputError(self._called("step"), f"at most test = {self.test!r}", self.step, remedy)

    def windows(self, sessions: object, purge: int = 0, embargo: int = 0) -> Windows:
        """The windows of these sessions, in time order.

        Parameters
        ----------
        sessions : array_like of int64 or datetime64, shape (sessions,)
            UTC nanoseconds of the study's sessions, or their dates; rising.
        purge : int, default 0
            Sessions left out before validate and before test: the segment before them ends so much earlier.
        embargo : int, default 0
            Has no effect here, and a note says so.

        Returns
        -------
        Windows
            A sequence of `Window`, with its notes.

        Raises
        ------
        InputError
            If no window fits, a segment holds no session, a test ends before the next begins, or purge swallows a segment.
        """
        return lay_out(self._plan(), sessions, purge, embargo)

    def describe(self) -> dict[str, Any]:
        """The specification as plain data."""
        return {"windows": type(self).__name__, **{field.name: getattr(self, field.name) for field in fields(self)}}

    def _plan(self) -> Plan:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return Plan(repr(self), type(self).__name__, {**given, "step": self.step or self.test}, self.anchored)

    def _called(self, name: str) -> str:
        return f"{type(self).__name__}.{name}"

    def __repr__(self) -> str:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in given.items() if v not in (None, 0))})"


@dataclass(frozen=True, kw_only=True, repr=False)
class Rolling(_Forward):
    """Windows of one length that move by `step`.

    Lengths are numbers of sessions, or durations: "3y" years, "6mo" months, "2w" weeks, "21d" calendar days; all of one kind.
    Durations count from the study's first session, and a segment holds the sessions from its first day up to, not
    including, the first day of the next.

    Parameters
    ----------
    train : int or str
        What trials are ranked on.
    validate : int or str, optional
        Comes after train: its objective chooses among train's best. Default: train alone chooses.
    test : int or str
        What the chosen trial is judged on. A last test that the data cut short is kept, and marked, from half its length.
    step : int or str, optional
        From one window to the next; at most `test`, which is the default. Below it tests overlap, and the out-of-sample curve takes
        the first `step` of each.
    warmup : int or str, default 0
        Sessions or duration before the first train.

    Raises
    ------
    InputError
        If a length is none, lengths are of two kinds, or `step` is longer than `test`.

    Examples
    --------
    >>> import numpy as np
    >>> windows = Rolling(train="1y", test="6mo").windows(np.arange("2020-01-01", "2022-01-01", dtype="datetime64[D]"))
    >>> for window in windows:
    ...     print(window.number, window.train, "|", window.test)
    0 2020-01-01 to 2020-12-31 | 2021-01-01 to 2021-06-30
    1 2020-07-01 to 2021-06-30 | 2021-07-01 to 2021-12-31
    """

    anchored: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True, repr=False)
class Expanding(_Forward):
    """Windows whose train always begins at the same session ("anchored") and grows by `step`.

    Parameters and errors are those of `Rolling`; `train` is the length of the first.

    Examples
    --------
    >>> import numpy as np
    >>> windows = Expanding(train=4, test=2).windows(np.arange("2020-01-01", "2020-01-09", dtype="datetime64[D]"))
    >>> [(window.train.n_sessions, window.test.first) for window in windows]
    [(4, 4), (6, 6)]
    """

    anchored: ClassVar[bool] = True
