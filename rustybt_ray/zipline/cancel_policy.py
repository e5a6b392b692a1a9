"""When open orders are cancelled by themselves: zipline's ``finance.cancel_policy``."""

from abc import ABC, abstractmethod

SESSION_END = 2
"""The event that a policy is asked at; daily runs know no other."""


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
