"""A seeded order of the whole numbers below n, without a list of them where n is large."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rustybt_ray._typing import IntArray

WordArray: TypeAlias = NDArray[np.uint64]
LISTED = 1 << 20
LARGEST = 1 << 60
ROUNDS = 8


def shuffled(size: int, generator: np.random.Generator, stride: int) -> Iterator[IntArray]:
    """Each of 0..size-1 once, `stride` at a time, in an order that `generator` decides.

    Small ranges are listed and permuted. Large ones go through a Feistel network on the next larger square of a power
    of two, walking on from numbers that lie beyond the range (Black & Rogaway 2002, "Ciphers with Arbitrary Finite
    Domains", cycle walking), which is a permutation of the range.
    """
    if size <= LISTED:
        listed = generator.permutation(size)
        yield from (listed[low : low + stride] for low in range(0, size, stride))
        return
    half = ((size - 1).bit_length() + 1) // 2
    keys = generator.integers(0, 2**64, size=ROUNDS, dtype=np.uint64)
    for low in range(0, size, stride):
        places = _permute(np.arange(low, min(low + stride, size), dtype=np.uint64), half, keys)
        while (beyond := places >= size).any():
            places[beyond] = _permute(places[beyond], half, keys)
        yield places.astype(np.int64)


def _permute(places: WordArray, half: int, keys: WordArray) -> WordArray:
    width, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = places >> width, places & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right + key) & mask)
    return left << width | right


def _mixed(words: WordArray) -> WordArray:
    """The finalizer of splitmix64: every bit of a word moves half of the bits of the result."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
