"""How modules are loaded when they are first needed."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """No garbage is collected meanwhile, and what was loaded is not looked through for any right afterwards.

    What modules are made of stays: to look through all of it again and again is up to half of their loading time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            if not gc.get_freeze_count():  # somebody's frozen objects would be thawed
                gc.freeze()
                gc.unfreeze()  # everything is now in the oldest generation, as if it had been looked through
            gc.enable()
