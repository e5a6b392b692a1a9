"""When open orders are cancelled by themselves: zipline's ``finance.cancel_policy``."""

from abc import ABC, abstractmethod

BAR, SESSION_START, SESSION_END, MINUTE_END, BEFORE_TRADING_START_BAR = range(5)
"""Events of zipline's clock; a policy of a daily run is asked at SESSION_END alone."""


class CancelPolicy(ABC):
    """Whether open orders are cancelled at an event; `warn_on_cancel` says whether with a warning."""

    warn_on_cancel: bool = False

    @abstractmethod
    def should_cancel(self, event: int) -> bool:
        """Whether to cancel at an event."""


class EODCancel(CancelPolicy):
    """Cancels at a session's end; in daily mode one order of each asset that has more than one.

    Parameters
    ----------
    warn_on_cancel : bool, default True
    """

    def __init__(self, warn_on_cancel: bool = True) -> None:
        self.warn_on_cancel = warn_on_cancel

    def should_cancel(self, event: int) -> bool:
        """At the session's end."""
        return event == SESSION_END


class NeverCancel(CancelPolicy):
    """Orders live until they are filled or cancelled."""

    def __init__(self) -> None:
        self.warn_on_cancel = False

    def should_cancel(self, event: int) -> bool:
        """Never."""
        return False
