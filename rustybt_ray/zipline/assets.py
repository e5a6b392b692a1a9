"""Assets as zipline algorithms see them."""


class Equity:
    """A stock: known by its number."""

    __slots__ = ("sid", "symbol", "tick_size")

    def __init__(self, sid: int, symbol: str) -> None:
        self.sid, self.symbol, self.tick_size = sid, symbol, 0.01

    def __hash__(self) -> int:
        return self.sid

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equity) and other.sid == self.sid

    def __lt__(self, other: "Equity") -> bool:
        return self.sid < other.sid

    def __int__(self) -> int:
        return self.sid

    def __repr__(self) -> str:
        return f"Equity({self.sid} [{self.symbol}])"
