"""What time it is for an algorithm."""


class Clock:
    """Where a simulation stands; the run moves it, everybody else reads it.

    Parameters
    ----------
    first, last : int
        Rows of the simulation's first and last session.

    Attributes
    ----------
    row : int
        Row that `data` shows as the current one; `first` before the simulation begins.
    dt : int
        "Now" in UTC nanoseconds: the bar's close, 08:45 New York in before_trading_start, midnight in initialize.
    before_trading : bool
        Whether before_trading_start runs.
    morning : int
        Row of the session whose before_trading_start it is; `row` may be the one before.
    """

    __slots__ = ("before_trading", "dt", "first", "last", "morning", "row")

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.row, self.dt, self.before_trading, self.morning = first, 0, False, first

    @property
    def session(self) -> int:
        """Row of the current session."""
        return self.morning if self.before_trading else self.row
