"""What processes do that promote models: a module that is quick to load."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from assignment_engine.learning import promotion
from assignment_engine.learning.promotion import Change, promote
from assignment_engine.scoring import champion
from assignment_engine.scoring.champion import read_champion

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def forced(models: Path, name: str) -> Change:
    return promote(models, name, data=None, now=NOW, force=True, reason="a test")


def _do_not_load() -> None:
    """What is raced for is the champion; loading LightGBM for each would take seconds and show nothing."""
    promotion.check_servable = lambda *_: None


def promotes(models: Path, names: Sequence[str], seed: int, times: int) -> None:
    _do_not_load()
    dice = Random(seed)
    for _ in range(times):
        forced(models, dice.choice(names))


def dies(models: Path, where: str) -> None:
    """Promote, and be killed before the champion is named, after it, or in the middle of the line of the record."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def write_half(path: Path, content: bytes, mode: str) -> None:
        path.open(mode).write(content[: len(content) // 2])
        die()

    _do_not_load()
    if where == "before":
        champion.write_durably = write_half
    elif where == "after":
        promotion._complete_record = lambda _: None if read_champion(models).name == "one" else die()
    else:
        promotion.write_durably = write_half
    forced(models, "two")
