"""When the compiled forest is used: never where somebody would wait for a compiler longer than for LightGBM itself.

A problem of n · m pairs goes to the compiled forest
- from 2,000 pairs where its code is loaded in this process already;
- from 200,000 pairs where its code lies on disk (loading takes as long as LightGBM takes for about that many);
- from 2,000,000 pairs otherwise: it is compiled then, once for an installation, and kept on disk.

Below that LightGBM predicts. The directory is the one numba chooses: beside the sources if that can be written, else
the user's cache directory, or `NUMBA_CACHE_DIR`. Where none can be written, each process compiles for itself.
"""

from __future__ import annotations

import sys

from assignment_engine.scoring.forest.tables import Forest

PAIRS_WORTH_PREPARING = 2_000
PAIRS_WORTH_LOADING = 200_000
PAIRS_WORTH_COMPILING = 2_000_000


def pays(forest: Forest, pairs: int) -> bool:
    """Whether a problem of that many pairs is for the compiled forest, by the rule above."""
    if _is_loaded(forest):
        return pairs >= PAIRS_WORTH_PREPARING
    if pairs < PAIRS_WORTH_LOADING:
        return False
    return pairs >= PAIRS_WORTH_COMPILING or _is_on_disk(forest)


def _is_loaded(forest: Forest) -> bool:
    if "assignment_engine.scoring.forest.kernels" not in sys.modules:
        return False
    from assignment_engine.scoring.forest.kernels import kernels  # noqa: PLC0415  (numba takes half a second)

    return kernels(forest.bits).are_compiled


def _is_on_disk(forest: Forest) -> bool:
    from assignment_engine.scoring.forest.kernels import kernels  # noqa: PLC0415  (numba takes half a second)

    stamp = kernels(forest.bits).stamp
    return stamp is not None and stamp.exists()
