"""Plateaus against their definition in plain Python."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rustybt_ray.exceptions import InputError
from rustybt_ray.validation.plateau import plateau_nearby, plateau_on_grid

NAN = math.nan
ROWS = st.lists(st.one_of(st.just(NAN), st.floats(-9, 9)), min_size=60, max_size=60)


def mean_with(near, objective, own, most, sign):
    """Mean of a trial and its neighbours by the rule, or NaN."""
    known = [value for value in objective if not math.isnan(value)]
    if math.isnan(objective[own]) or 2 * len(near) < most:
        return NAN
    worst = min(known, key=lambda value: sign * value)
    values = [worst if math.isnan(objective[i]) else objective[i] for i in (own, *near)]
    return sum(values) / len(values)


@st.composite
def grids(draw):
    """Places on a grid with holes, in any order, and choices."""
    dimensions = draw(st.integers(1, 3))
    points = list(
        itertools.product(*[range(draw(st.integers(1, 4))) for _ in range(dimensions)], range(draw(st.integers(1, 2))))
    )
    kept = draw(st.permutations(points))[: draw(st.integers(1, 60))]
    places = np.array(kept, dtype=np.int64)
    scale = draw(st.sampled_from([1, 1, 2]))  # two steps apart are no neighbours
    return places[:, :-1] * scale + draw(st.integers(0, 10**12)), places[:, -1:]


@given(grids(), st.lists(ROWS, min_size=1, max_size=3), st.sampled_from(["maximize", "minimize"]))
def test_on_a_grid(grid, rows, direction):
    places, choices = grid
    objective = np.array(rows)[:, : len(places)]
    points = [(*place, choice) for place, (choice,) in zip(places.tolist(), choices.tolist(), strict=True)]
    near = [
        [
            j
            for j, q in enumerate(points)
            if q != p and q[-1] == p[-1] and max(abs(a - b) for a, b in zip(p, q, strict=True)) <= 1
        ]
        for p in points
    ]
    most = 3 ** places.shape[1] - 1
    if all(2 * len(found) < most for found in near):
        with pytest.raises(
            InputError, match=rf"must be used where some trial has at least half of its {most} neighbours"
        ):
            plateau_on_grid(objective, places, choices, direction=direction)
        return
    found = plateau_on_grid(objective, places, choices, direction=direction)
    sign = 1 if direction == "maximize" else -1
    expected = [[mean_with(near[i], row, i, most, sign) for i in range(len(places))] for row in objective.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.integers(0, 1)), min_size=1, max_size=40),
    st.lists(ROWS, min_size=1, max_size=3),
    st.sampled_from(["maximize", "minimize"]),
)
def test_off_the_grid(points, rows, direction):
    units = np.array([point[:2] for point in points]) / 8  # sums of squares are exact, so that ties are ties
    choices = np.array([point[2:] for point in points])
    objective = np.array(rows)[:, : len(points)]
    near = []
    for i, p in enumerate(points):
        others = [j for j, q in enumerate(points) if j != i and q[2] == p[2]]
        near.append(
            sorted(others, key=lambda j: (sum((a - b) ** 2 for a, b in zip(points[j][:2], p[:2], strict=True)), j))[:4]
        )
    if all(len(found) < 2 for found in near):
        with pytest.raises(InputError, match="at least half of its 4 neighbours"):
            plateau_nearby(objective, units, choices, direction=direction)
        return
    found = plateau_nearby(objective, units, choices, direction=direction)
    sign = 1 if direction == "maximize" else -1
    expected = [[mean_with(near[i], row, i, 4, sign) for i in range(len(points))] for row in objective.tolist()]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_lone_peak_loses():
    grid = np.array(list(itertools.product(range(7), range(7))))
    objective = -((grid - [2, 2]) ** 2).sum(axis=1) / 10.0
    peak = int(np.flatnonzero((grid == [5, 5]).all(axis=1))[0])
    objective[peak] = 2.0
    scores = plateau_on_grid(objective[None], grid)[0]
    assert objective.argmax() == peak
    assert grid[np.nanargmax(scores)].tolist() == [2, 2]
    corners = [0, 6, 42, 48]  # three of eight neighbours; an edge has five
    assert np.flatnonzero(np.isnan(scores)).tolist() == corners


def test_a_failed_neighbour_is_the_worst_of_its_window():
    objective = [[1.0, NAN, 3.0, -5.0], [1.0, 2.0, 3.0, 4.0], [NAN] * 4]
    expected = [[-2.0, NAN, (3 - 5 - 5) / 3, -1.0], [1.5, 2.0, 3.0, 3.5], [NAN] * 4]
    np.testing.assert_allclose(plateau_on_grid(objective, np.arange(4)[:, None]), expected)
    upwards = plateau_on_grid(objective, np.arange(4)[:, None], direction="minimize")
    assert upwards[0, 0] == (1.0 + 3.0) / 2


@given(st.permutations(range(20)))
def test_the_order_of_other_trials_does_not_matter(order):
    random = np.random.default_rng(0)
    grid = np.array(list(itertools.product(range(5), range(4))))
    objective = random.integers(0, 9, (2, 20)).astype(float)  # sums are exact
    expected = plateau_on_grid(objective, grid)[:, list(order)]
    np.testing.assert_array_equal(plateau_on_grid(objective[:, list(order)], grid[list(order)]), expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plateau_on_grid([[1.0]], np.zeros((1, 0))), r"select='plateau' must be used with an ordered parameter, an Int"),
        (lambda: plateau_on_grid([[1.0] * 4], list(itertools.product(range(2), range(2)))),
         (r"select='plateau' must be used where some trial has at least half of its 8 neighbours; received '4 trials with 3 at "
          r"most'\. Use select='best', or a finer space")),
        (lambda: plateau_on_grid([[1.0, 2.0]], [[1]]), r"coordinates must be of the shape \(2, dimensions\); received \(1, 1\)"),
        (lambda: plateau_on_grid([[1.0, 2.0]], [[1], [2]], [[1]]), r"choices must be of the shape \(2, dimensions\)"),
        (lambda: plateau_on_grid([[1.0, 2.0]], [[1], [2]], direction="up"), r"direction must be one of"),
        (lambda: plateau_on_grid(np.zeros((1, 2**11)), np.tile(np.arange(2**11)[:, None] * 3, 6)),
         r"must be used on a smaller grid; received 'one of"),
        (lambda: plateau_nearby([[1.0, 2.0]], [[0.1], [NAN]]), r"units must be finite; received \(1, 0, nan\)\. The pair is"),
        (lambda: plateau_nearby([[1.0]], [[0.1]]), r"at least half of its 2 neighbours; received '1 trials with 0 at most'"),
    ],
)  # fmt: skip
def test_says_what_is_wrong(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_study_of_many_trials_keeps_its_neighbours():
    random = np.random.default_rng(1)
    units = random.random((2000, 2))
    objective = units.sum(axis=1)[None]
    found = plateau_nearby(objective, units)
    distance = ((units[:, None] - units[None]) ** 2).sum(axis=2)
    near = np.argsort(distance, axis=1, kind="stable")[:, :5]  # itself and four
    np.testing.assert_allclose(found[0], objective[0][near].mean(axis=1), rtol=1e-12)
