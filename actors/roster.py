"""Who is in a crew, and on which node. Everything here runs on the Ray thread."""

from collections.abc import Callable, Iterator
from typing import Any

import ray

from rustybt_ray._record import record_class


@record_class
class Member:
    """A worker: its actor, the node it was placed on, and when it must be ready (infinity once it is).

    One without a node waits for a CPU, for as long as that takes; it has no job and no panel yet.
    """

    number: int
    actor: Any
    node: str | None = None
    due: float = float("inf")


class Roster:
    """The members of a crew by number; no number is used twice.

    Parameters
    ----------
    start : callable
        Starts the actor of a worker, given its number.
    tell : callable
        Told a member, and how many workers share its node now that another came or went.
    """

    def __init__(self, start: Callable[[int], Any], tell: Callable[[Member, int], None]) -> None:
        self._start, self._tell = start, tell
        self._members: dict[int, Member] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(list(self._members.values()))

    def get(self, number: int) -> Member | None:
        """The member of a number, if it has not gone."""
        return self._members.get(number)

    @property
    def placed(self) -> list[Member]:
        """Those that have a node."""
        return [member for member in self if member.node is not None]

    @property
    def waiting(self) -> list[Member]:
        """Those that wait for a CPU, the one that came last at the end."""
        return [member for member in self if member.node is None]

    def hire(self) -> Member:
        """Start a worker; it has no node yet."""
        return self.add(self._last + 1, self._start(self._last + 1))

    def skip(self, number: int) -> None:
        """Give no number up to this one."""
        self._last = max(self._last, number)

    def add(self, number: int, actor: Any) -> Member:
        """Take in an actor that is there."""
        self.skip(number)
        member = self._members[number] = Member(number, actor)
        return member

    def settle(self, member: Member, node: str) -> int:
        """A worker got its node, whose cache is shared by one more: how many they are; the others are told."""
        member.node = node
        return self._share(node, member)

    def dismiss(self, number: int) -> Member | None:
        """End a worker, and divide its node's cache among the others; None if it is not there."""
        member = self._members.pop(number, None)
        if member is not None:
            ray.kill(member.actor)
            if member.node is not None:
                self._share(member.node)
        return member

    def clear(self) -> None:
        """Forget all; they are not ended."""
        self._members = {}

    def _share(self, node: str, newcomer: Member | None = None) -> int:
        there = [member for member in self if member.node == node]
        for member in there:
            if member is not newcomer:
                self._tell(member, len(there))
        return len(there)
