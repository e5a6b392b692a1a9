"""`context`: where an algorithm keeps what it knows."""

from collections.abc import Mapping
from typing import Any, NoReturn

from rustybt_ray.zipline.portfolio import Account, Portfolio


class Params(dict[str, Any]):
    """The parameters of a trial by name; a missing one says which there are."""

    def __missing__(self, key: str) -> NoReturn:
        raise KeyError(
            f"no parameter {key!r}: this run has {', '.join(map(repr, self)) or 'none'}. Give it with the space or -D."
        )


class Context:
    """Anything an algorithm sets, its `params`, `portfolio` and `account`, and the functions of zipline's api."""

    def __init__(self, run: Any, params: Mapping[str, Any]) -> None:
        self.__dict__["_run"] = run
        self.__dict__["params"] = Params(params)

    @property
    def portfolio(self) -> Portfolio:
        """The portfolio, marked at the prices of now."""
        return self._run.portfolio_now()  # type: ignore[no-any-return]

    @property
    def account(self) -> Account:
        """The account, marked at the prices of now."""
        self._run.portfolio_now()
        return self._run.account  # type: ignore[no-any-return]

    @property
    def datetime(self) -> Any:
        """Now, as a Timestamp in UTC."""
        return self._run.get_datetime()

    @property
    def recorded_vars(self) -> dict[str, Any]:
        """The last value of every recorded name."""
        return dict(self._run.recorded)

    def __getattr__(self, name: str) -> Any:
        from rustybt_ray.zipline.api import FUNCTIONS

        if name in FUNCTIONS:
            return getattr(self._run, name)
        raise AttributeError(f"context has no attribute {name!r}: set it in initialize first")
