"""Compiled loops: what numba turns into machine code and keeps on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """The same function as machine code; compiled at its first call, read from disk afterwards."""
    return cast("Loop", numba.njit(cache=True, nogil=True, error_model="numpy")(loop))
