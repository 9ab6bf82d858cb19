"""A whole installation under load, with faults: nothing is lost, doubled, beyond capacity or given to the absent.

``make chaos`` does so for minutes; ``CHAOS_SEED`` repeats the choices of an earlier run.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

import pytest

from chaos.plans import short_plan
from chaos.run import carry_out
from tests.databases import missing


def say(text: str) -> None:
    """For a test that failed."""
    sys.stdout.write(f"{text}\n")


@pytest.mark.slow
def test_faults_break_no_promise() -> None:
    """Killed and frozen processes, a crashed PostgreSQL, everything stopped for longer than anybody may be silent."""
    if shutil.which("redis-server") is None:
        missing("redis", "there is no redis-server on this machine")
    seed = os.environ.get("CHAOS_SEED") or str(Random().randrange(10**9))
    say(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="chaos-") as directory:
        verdict = carry_out(short_plan(seed), Path(directory), say)
    say(f"{verdict.counts}\n{dict(verdict.unexpected)}")
    assert verdict.findings == []
    assert len(verdict.blows) == 6
    assert min(verdict.counts[what] for what in ("tasks", "assignments", "events")) > 3
