"""The champion as it is now: a process that serves for weeks notices a promotion within seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import monotonic

from assignment_engine.domain.errors import BundleError
from assignment_engine.scoring.bundle import MANIFEST_FILE
from assignment_engine.scoring.champion import CHAMPION_FILE
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.protocol import Scorer
from assignment_engine.scoring.registry import champion_name, load_champion, load_scorer

LOOK_SECONDS = 5.0
Stamp = tuple[str, int, int, int]


@dataclass(frozen=True)
class Served:
    """The scorer in use; `warning` says why it is not the one that was promoted last."""

    scorer: Scorer
    warning: str | None = None


class ServedScorer:
    """Gives the scorer of `model_dir`; looks for another champion at most every `seconds`.

    A champion that cannot be used leaves the present scorer in its place, with a warning. Threads may share it.
    """

    def __init__(
        self,
        model_dir: Path,
        *,
        threads: int = 1,
        seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._model_dir, self._threads, self._seconds, self._clock = model_dir, threads, seconds, clock
        self._lock = Lock()
        self._stamp = self._read_stamp()
        self._served = Served(*load_scorer(model_dir, threads))
        self._looked_at = clock()

    def now(self, *, at_once: bool = False) -> Served:
        """The scorer to use for the next decision; `at_once` looks however short the last look is past."""
        if (at_once or self._clock() - self._looked_at >= self._seconds) and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._served

    def _look(self) -> None:
        self._looked_at = self._clock()
        stamp = self._read_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._served = Served(LightGbmScorer(load_champion(self._model_dir), self._threads))
        except BundleError as exc:
            warning = (
                f"the new champion cannot be used, scores are still those of {self._served.scorer.version!r}: {exc}"
            )
            self._served = Served(self._served.scorer, warning)

    def _read_stamp(self) -> Stamp | None:
        """What changes when another champion is named, or the bundle of that name is replaced."""
        try:
            name = champion_name(self._model_dir)
            named = (self._model_dir / CHAMPION_FILE).stat()
            manifest = (self._model_dir / name / MANIFEST_FILE).stat()
        except (BundleError, OSError):
            return None
        return name, named.st_mtime_ns, named.st_ino, manifest.st_ino
