"""What ends the process that runs it, once; a module of its own, so that workers load little of the tests."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from assignment_engine.features.pairs import Loads, Pairs
from assignment_engine.scoring.fallback import WeightedFallback
from assignment_engine.scoring.protocol import Scores


@dataclass(frozen=True)
class DeadlyScorer(WeightedFallback):
    """Ends the process that uses it first; the file `marker` remembers that."""

    marker: str = ""

    def prepare(self, pairs: Pairs, loads: Loads) -> Scores:
        die_once(self.marker)
        return super().prepare(pairs, loads)


def fitted_by_one(marker: str) -> str:
    """Answers, the second time it is asked."""
    die_once(marker)
    return "fitted"


def die_once(marker: str) -> None:
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
