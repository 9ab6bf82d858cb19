"""What a process that runs for long does before it begins."""

from __future__ import annotations

import gc

NEW_OBJECTS = 10_000


def collect_seldom() -> None:
    """Look for cyclic garbage seldom: records hold no cycles, and Python would look through them again and again.

    By default it looks after every 700 new objects, which takes as long as reading thousands of people does.
    """
    gc.set_threshold(NEW_OBJECTS)
