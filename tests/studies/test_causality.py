"""The random numbers of the causality check; what it finds is tested with `optimize`."""

import numpy as np

from rustybt_ray.studies.causality import uniform


def test_the_numbers_drawn_are_those_of_splitmix64():
    # first outputs for the state 0, from the reference implementation (Vigna, splitmix64.c)
    expected = (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    assert (uniform(0, 3) * 2.0**53).astype(np.uint64).tolist() == [value >> 11 for value in expected]
    many = uniform(7, 100_000)
    assert ((many >= 0.0) & (many < 1.0)).all()
    assert abs(many.mean() - 0.5) < 0.005
