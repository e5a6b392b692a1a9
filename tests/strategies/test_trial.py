"""What an objective function is given: its parameters, and a seed that is the trial's own."""

import dataclasses
import subprocess
import sys

import pytest

from rustybt_ray.strategies.trial import Trial


def test_carries_what_it_was_made_with_and_stays_so():
    params, data = {"fast": 5}, object()
    trial = Trial(3, params, data)
    assert (trial.number, trial.params, trial.data, trial.study_seed) == (3, params, data, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        trial.number = 4


def test_seeds_depend_on_study_and_number_alone():
    assert Trial(7, {"a": 1}, None, 3).seed == Trial(7, {"a": 2}, object(), 3).seed
    seeds = {(study, number): Trial(number, {}, None, study).seed for study in (-1, 0, 1) for number in range(50)}
    assert len(set(seeds.values())) == 150
    assert seeds[1, 0] != seeds[0, 1]
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds.values())


def test_a_seed_is_the_same_in_every_process():
    code = "from rustybt_ray.strategies.trial import Trial; print([Trial(n, {}, None, 42).seed for n in range(5)])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str([Trial(number, {}, None, 42).seed for number in range(5)])
