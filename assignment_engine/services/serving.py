"""The core of a process, which follows the champion from one decision to the next."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import monotonic

from assignment_engine.domain.holdout import NOTHING_HELD_OUT, Holdout
from assignment_engine.features.skills import SkillMatcher, read_aliases
from assignment_engine.scoring.registry import shipped_models
from assignment_engine.scoring.served import LOOK_SECONDS, ServedScorer
from assignment_engine.services.core import DecisionCore

_log = logging.getLogger(__name__)


class ServedCore:
    """Holds one core at a time; threads may share it.

    Loading a model takes up to seconds, in which no transaction may hold its locks: transactions use `present`, and
    whoever is about to begin one calls `follow` before. Loads nothing before its first use.
    """

    def __init__(
        self,
        model_dir: Path | None = None,
        aliases: Path | None = None,
        threads: int = 1,
        *,
        holdout: Holdout = NOTHING_HELD_OUT,
        seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._holdout = holdout
        self._model_dir, self._aliases, self._threads = model_dir or shipped_models(), aliases, threads
        self._seconds, self._clock = seconds, clock
        self._lock = Lock()
        self._scorers: ServedScorer | None = None
        self._core: DecisionCore | None = None

    @property
    def present(self) -> DecisionCore:
        """The core in use, whatever was promoted meanwhile."""
        return self._core or self._first()

    def follow(self, *, at_once: bool = False) -> DecisionCore:
        """The core to use from now on; every few seconds, or `at_once`, this looks whether another was promoted.

        Call it outside of transactions. While one thread loads, the others go on with the present core.
        """
        if self._core is None:
            return self._first()
        if self._lock.acquire(blocking=False):
            try:
                self._look(at_once)
            finally:
                self._lock.release()
        return self._core

    def _first(self) -> DecisionCore:
        with self._lock:
            if self._core is None:
                self._scorers = ServedScorer(
                    self._model_dir, threads=self._threads, seconds=self._seconds, clock=self._clock
                )
                served = self._scorers.now()
                matcher = SkillMatcher(read_aliases(self._aliases)) if self._aliases else SkillMatcher()
                self._core = DecisionCore(served.scorer, matcher, served.warning, self._holdout)
                _tell(self._core)
            return self._core

    def _look(self, at_once: bool) -> None:
        if self._core is None or self._scorers is None:
            return
        served = self._scorers.now(at_once=at_once)
        if served.scorer is not self._core.scorer or served.warning != self._core.warning:
            fresh = replace(self._core, scorer=served.scorer, warning=served.warning)
            fresh.warm_up()
            self._core = fresh
            _tell(fresh)


def _tell(core: DecisionCore) -> None:
    if core.warning:
        _log.warning("%s", core.warning)
    else:
        _log.info("scores are those of %s %s", core.scorer.name, core.scorer.version)
