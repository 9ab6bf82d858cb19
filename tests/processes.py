"""Processes of their own for tests: one imports everything once, and all others are forks of it."""

from __future__ import annotations

import multiprocessing

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["alembic.command", "tests.racing", "tests.promoting"])
