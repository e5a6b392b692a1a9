"""Loading modules leaves the garbage collector as it was."""

import gc
import weakref

import pytest

from rustybt_ray._loading import undisturbed


class Node:
    """Something that can be garbage."""


def cycle():
    node = Node()
    node.itself = node
    return weakref.ref(node)


@pytest.fixture
def collecting():
    was = gc.isenabled()
    gc.enable()
    yield
    (gc.enable if was else gc.disable)()


def test_nothing_is_collected_meanwhile_and_everything_later(collecting):
    with undisturbed():
        assert not gc.isenabled()
        garbage = cycle()
    assert gc.isenabled()
    gc.collect(1)
    assert garbage() is not None, "it is in the oldest generation"
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert garbage() is None


def test_a_collector_that_is_off_stays_off(collecting):
    gc.disable()
    with undisturbed():
        pass
    assert not gc.isenabled()


def test_it_is_on_again_after_a_failure(collecting):
    with pytest.raises(ImportError), undisturbed():
        raise ImportError
    assert gc.isenabled()


def test_what_others_froze_stays_frozen(collecting):
    gc.freeze()
    try:
        count = gc.get_freeze_count()
        with undisturbed():
            pass
        assert gc.get_freeze_count() == count > 0
    finally:
        gc.unfreeze()
