"""Combinatorial purged cross-validation: every choice of test groups is a split, and splits join into paths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from math import comb
from typing import Any, NamedTuple, overload

import numpy as np

from rustybt_ray._record import record_class
from rustybt_ray._typing import BoolArray, IntArray
from rustybt_ray._validation import check_count
from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.segments import Segment, check_sessions, dates_of, make_segment

MOST = 100_000  # splits: as many fits of the whole search


class Split(NamedTuple):
    """One choice of test groups.

    Attributes
    ----------
    number : int
        From 0, in lexicographic order of the groups.
    groups : tuple of int
        The test groups, rising.
    train : tuple of Segment
        Runs of sessions in no test group, without those that purge and embargo leave out.
    test : tuple of Segment
        One for each of `groups`.
    """

    number: int
    groups: tuple[int, ...]
    train: tuple[Segment, ...]
    test: tuple[Segment, ...]


@record_class(frozen=True)
class Splits(Sequence[Split]):
    """The splits of some sessions, and the paths they make.

    Attributes
    ----------
    title : str
        The specification, as text.
    items : tuple of Split
    groups : tuple of Segment
        The groups, which hold every session once.
    paths : ndarray of int64, shape (paths, groups)
        Number of the split whose test of that group belongs to the path.
    days : ndarray of int64, shape (sessions,)
        Dates of the sessions in days since 1970-01-01.
    """

    title: str
    items: tuple[Split, ...]
    groups: tuple[Segment, ...]
    paths: IntArray = field(repr=False, compare=False)
    days: IntArray = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Split]:
        return iter(self.items)

    @overload
    def __getitem__(self, index: int) -> Split: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Split, ...]: ...
    def __getitem__(self, index: int | slice) -> Split | tuple[Split, ...]:
        return self.items[index]


@dataclass(frozen=True, kw_only=True)
class CombinatorialPurged:
    """Combinatorial purged cross-validation.

    Sessions are cut into `groups` of equal length (the last takes what is left over). Each of the ``C(groups, test_groups)``
    choices of test groups is a split: it trains on the other groups, but for the `purge` sessions before each test block and the
    `embargo` sessions after it. Each group is tested in ``C(groups - 1, test_groups - 1)`` splits, and as many paths
    visit every group once: path j takes group g from the j-th split that tests g.

    Parameters
    ----------
    groups : int
        At least 2.
    test_groups : int, default 2
        At least 1 and below `groups`.

    Purge works on one side, embargo on the other: of a strategy that looks n sessions ahead tests reach into the train that follows
    them, and both should be n at least.

    Raises
    ------
    InputError
        If a count is out of range, or there would be more than 100,000 splits.

    Notes
    -----
    M. Lopez de Prado, Advances in Financial Machine Learning (2018), chapter 12.4; the number of paths,
    ``C(N, k) k / N``, is its equation for phi[N, k].

    Examples
    --------
    >>> spec = CombinatorialPurged(groups=6, test_groups=2)
    >>> spec.n_splits, spec.n_paths
    (15, 5)
    """

    groups: int
    test_groups: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", check_count("CombinatorialPurged.groups", self.groups, low=2))
        name, remedy = "CombinatorialPurged.test_groups", "The groups that are not tested are trained on."
        object.__setattr__(self, "test_groups", check_count(name, self.test_groups, low=1, remedy=remedy))
        if self.test_groups >= self.groups:
            raise InputError(name, f"below groups = {self.groups}", self.test_groups, remedy)
        if self.n_splits > MOST:
            rule, remedy = f"small enough for {MOST:,} splits", "Each split is a search of its own; 10 and 2 make 45."
            raise InputError("CombinatorialPurged", rule, f"{self!r}: {self.n_splits:,} splits", remedy)

    @property
    def n_splits(self) -> int:
        """``C(groups, test_groups)``."""
        return comb(self.groups, self.test_groups)

    @property
    def n_paths(self) -> int:
        """``C(groups, test_groups) test_groups / groups``."""
        return comb(self.groups - 1, self.test_groups - 1)

    def describe(self) -> dict[str, Any]:
        """The specification as plain data."""
        return {"windows": "CombinatorialPurged", "groups": self.groups, "test_groups": self.test_groups}

    def splits(self, sessions: object, purge: int = 0, embargo: int = 0) -> Splits:
        """The splits of these sessions, and their paths.

        Parameters
        ----------
        sessions : array_like of int64 or datetime64, shape (sessions,)
            UTC nanoseconds of the study's sessions, or their dates; rising.
        purge, embargo : int, default 0
            Sessions before and after each test block that leave the training set.

        Raises
        ------
        InputError
            If there are fewer sessions than groups, or a split has no session left to train on.
        """
        days = check_sessions(sessions)
        purge = check_count("purge", purge, remedy="It counts sessions.")
        embargo = check_count("embargo", embargo, remedy="It counts sessions.")
        if len(days) < self.groups:
            remedy = "Each group needs a session; take fewer groups or a longer history."
            raise InputError("CombinatorialPurged.groups", f"at most the {len(days)} sessions", self.groups, remedy)
        size = len(days) // self.groups
        edges = [*range(0, size * self.groups, size), len(days)]
        dates = dates_of(days)
        groups = tuple(make_segment(dates, first, stop) for first, stop in pairwise(edges))
        made: list[Split] = []
        for number, chosen in enumerate(combinations(range(self.groups), self.test_groups)):
            test = tuple(groups[group] for group in chosen)
            runs = _runs(_trainable(len(days), test, purge, embargo))
            if not len(runs):
                rule = f"low enough for sessions to train on; with test groups {chosen} none is left"
                remedy = f"A group has {size} sessions: lower purge or embargo, or take fewer groups."
                raise InputError("purge and embargo", rule, (purge, embargo), remedy)
            made.append(Split(number, chosen, tuple(make_segment(dates, *run) for run in runs.tolist()), test))
        title = ", ".join([repr(self), *(f"{k}={v}" for k, v in (("purge", purge), ("embargo", embargo)) if v)])
        return Splits(title, tuple(made), groups, _paths(made, self.groups), days)


def _trainable(count: int, test: Sequence[Segment], purge: int, embargo: int) -> BoolArray:
    """Sessions that are neither tested nor within purge before or embargo after a test."""
    kept = np.ones(count, dtype=np.bool_)
    for segment in test:
        kept[max(segment.first - purge, 0) : segment.stop + embargo] = False
    return kept


def _runs(kept: BoolArray) -> IntArray:
    """First and stop of each run of true values, shape (runs, 2)."""
    edges: IntArray = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def _paths(splits: Sequence[Split], groups: int) -> IntArray:
    """For each path and group the split that tests it: the j-th of the group's splits for path j."""
    testing = [[split.number for split in splits if group in split.groups] for group in range(groups)]
    return np.array(testing, dtype=np.int64).T.copy()
