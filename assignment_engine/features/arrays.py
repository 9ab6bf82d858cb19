"""The array types of the numeric core."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def floats(values: object) -> Floats:
    """float64 array of `values`; None becomes NaN."""
    return np.asarray(values, dtype=np.float64)
