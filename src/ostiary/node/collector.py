"""Python's collector of cycles, kept away from what a process builds once and never lets go."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def building_for_good() -> Iterator[None]:
    """
    Build something large that stays.

    The collector would walk through all of it again and again, which takes as long as building
    it does; and each time afterwards, while requests wait.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
