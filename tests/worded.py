"""Finished tasks of which the words say what they are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from assignment_engine.learning.finished import Finished
from assignment_engine.learning.seats import Seat, SeatChange
from assignment_engine.learning.triage_bundle import KIND, TriageBundle, train_triage_bundle

WORDS = {
    "network": (("router", "vpn", "switch"), 8.0),
    "printing": (("printer", "toner", "paper"), 1.0),
    "accounts": (("password", "login", "token"), 0.5),
}
FILLER = ("please", "look", "at", "the", "again", "broken", "office", "today")


def finished(count: int, seed: int) -> Finished:
    """Each kind of work has its words and its usual hours; one task comes every hour and is done in two."""
    rng = np.random.default_rng(seed)
    names = [str(name) for name in rng.choice(list(WORDS), count)]
    texts = [
        " ".join([*rng.choice(FILLER, 3), str(rng.choice(WORDS[name][0])), *rng.choice(FILLER, 2)]) for name in names
    ]
    hours = np.array([WORDS[name][1] for name in names]) * rng.lognormal(0.0, 0.2, count)
    came = np.datetime64("2026-01-01", "s") + np.arange(count) * np.timedelta64(3600, "s")
    known = came + np.timedelta64(7200, "s")
    return Finished(texts, names, np.clip(hours / 10.0, 0.0, 1.0), hours, came, known)


@lru_cache(maxsize=1)
def category_bundle() -> TriageBundle:
    """A model that reads the category alone, which is quick to learn."""
    tasks = finished(400, 2)
    nothing = np.full(len(tasks), np.nan)
    return train_triage_bundle(replace(tasks, complexity=nothing, hours=nothing), "words", data="a test")


def promoted(models: Path, name: str) -> None:
    """That model under this name, as the champion."""
    bundle = category_bundle()
    TriageBundle(bundle.manifest.model_copy(update={"version": name}), bundle.model).save(models / name)
    seat, now = Seat(models, KIND), datetime(2026, 3, 2, tzinfo=UTC)
    seat.give(SeatChange(at=now, kind=KIND, action="promote", bundle=name, previous=seat.holder()))
