"""Splits and paths against the table of the book, and what must hold for any of them."""

from collections import Counter
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import rustybt_ray as rb
from rustybt_ray.exceptions import InputError


def days(count):
    return np.datetime64("2020-01-01") + np.arange(count)


def inside(segments):
    return [position for segment in segments for position in range(segment.first, segment.stop)]


def left_out(test, purge, embargo):
    """Positions from purge before to embargo after any tested one."""
    return {at + move for at in inside(test) for move in range(-purge, embargo + 1)}


def test_six_groups_of_which_two_are_tested():
    """Figures 12.1 and 12.2 of Advances in Financial Machine Learning: 15 splits, 5 paths; path 1 is S1, S1, S2, S3, S4, S5."""
    splits = rb.CombinatorialPurged(groups=6, test_groups=2).splits(days(62))
    assert len(splits) == 15
    assert [split.groups for split in splits] == list(combinations(range(6), 2))
    assert (splits.paths + 1).tolist() == [
        [1, 1, 2, 3, 4, 5],
        [2, 6, 6, 7, 8, 9],
        [3, 7, 10, 10, 11, 12],
        [4, 8, 11, 13, 13, 14],
        [5, 9, 12, 14, 15, 15],
    ]
    assert [group.n_sessions for group in splits.groups] == [10, 10, 10, 10, 10, 12]
    assert [(str(run.start), str(run.end)) for run in splits[6].train] == [
        ("2020-01-01", "2020-01-10"), ("2020-01-21", "2020-01-30"), ("2020-02-10", "2020-03-02"),
    ]  # fmt: skip
    assert splits[6].test == (splits.groups[1], splits.groups[3])
    assert splits[:2] == (splits[0], splits[1])


def test_purge_and_embargo_around_each_block():
    split = rb.CombinatorialPurged(groups=5, test_groups=2).splits(days(50), purge=2, embargo=3)[5]
    assert split.groups == (1, 3)
    assert [(run.first, run.last) for run in split.train] == [(0, 7), (23, 27), (43, 49)]
    joined = rb.CombinatorialPurged(groups=5, test_groups=2).splits(days(50), purge=2, embargo=3)[4]
    assert joined.groups == (1, 2)
    assert [(run.first, run.last) for run in joined.train] == [(0, 7), (33, 49)]


@given(st.integers(2, 8), st.integers(1, 7), st.integers(2, 200), st.integers(0, 12), st.integers(0, 12))
def test_by_construction(groups, test_groups, count, purge, embargo):
    assume(test_groups < groups <= count)
    spec = rb.CombinatorialPurged(groups=groups, test_groups=test_groups)
    try:
        splits = spec.splits(days(count), purge=purge, embargo=embargo)
    except InputError:
        whole = spec.splits(days(count))
        assert any(left_out(split.test, purge, embargo) >= set(range(count)) for split in whole)
        return
    assert len(splits) == spec.n_splits == comb(groups, test_groups)
    assert splits.paths.shape == (spec.n_paths, groups) == (comb(groups, test_groups) * test_groups // groups, groups)
    assert inside(splits.groups) == list(range(count))
    for split in splits:
        left = left_out(split.test, purge, embargo)
        assert inside(split.train) == [position for position in range(count) if position not in left]
        assert all(later.first > before.stop for before, later in zip(split.train, split.train[1:], strict=False))
    used = Counter()
    for path in splits.paths.tolist():
        assert all(group in splits[split].groups for group, split in enumerate(path))  # each group once
        used.update((split, group) for group, split in enumerate(path))
    assert used == Counter((split.number, group) for split in splits for group in split.groups)  # each test in one path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"groups": 1}, r"CombinatorialPurged\.groups must be a whole number of at least 2; received 1"),
        (
            {"groups": 6, "test_groups": 0},
            r"test_groups must be a whole number of at least 1; received 0\. The groups that are not",
        ),
        ({"groups": 6, "test_groups": 6}, r"test_groups must be below groups = 6; received 6"),
        (
            {"groups": 40, "test_groups": 20},
            r"small enough for 100,000 splits; received .*137,846,528,820 splits.* 10 and 2 make 45",
        ),
    ],
)
def test_says_what_is_wrong_with_counts(given, message):
    with pytest.raises(InputError, match=message):
        rb.CombinatorialPurged(**given)


@pytest.mark.parametrize(
    ("count", "more", "message"),
    [
        (5, {}, r"groups must be at most the 5 sessions; received 6\. Each group needs a session"),
        (60, {"purge": -1}, r"purge must be a whole number of at least 0"),
        (60, {"embargo": 1.5}, r"embargo must be a whole number of at least 0; received 1\.5\. It counts sessions"),
        (60, {"purge": 20, "embargo": 20}, (r"purge and embargo must be low enough for sessions to train on; with test groups "
         r"\(0, 3\) none is left; received \(20, 20\)\. A group has 10 sessions")),
    ],
)  # fmt: skip
def test_says_what_does_not_fit(count, more, message):
    with pytest.raises(InputError, match=message):
        rb.CombinatorialPurged(groups=6).splits(days(count), **more)


def test_describes_itself():
    spec = rb.CombinatorialPurged(groups=6)
    assert spec.describe() == {"windows": "CombinatorialPurged", "groups": 6, "test_groups": 2}
    assert spec.splits(days(60), embargo=3).title == "CombinatorialPurged(groups=6, test_groups=2), embargo=3"
