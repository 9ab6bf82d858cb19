"""Dispatch and finalize, as everything that two instances can do to two tasks and two people: no state is wrong.

``MODEL_DEPTH=all pytest -s tests/model`` goes on until there is no other state of either protocol, in eight minutes;
``MODEL_DEPTH=6`` looks at those of both together that are six steps away, in about a minute.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from assignment_engine.services import finalizing
from assignment_engine.services.dispatch import work
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.store import recording
from assignment_engine.store.cycles import Cycles
from assignment_engine.store.sessions import Sessions
from tests.model.search import BrokenInvariantError, Search
from tests.model.states import BOTH, DISPATCH, FINALIZE, Scope
from tests.model.world import World

DEPTH = os.environ.get("MODEL_DEPTH", "3")
SCOPES = {"dispatch": DISPATCH, "finalize": FINALIZE} if DEPTH == "all" else {"both": BOTH}
FAR_ENOUGH = 6
Patch = pytest.MonkeyPatch


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.close()


@pytest.mark.slow
@pytest.mark.timeout(300 if DEPTH == "3" else 0)
@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES.keys())
def test_no_state_is_wrong(world: World, scope: Scope) -> None:
    """Whatever happens in whatever order, two at the same instant and crashes among it."""
    explored = Search(world, scope).run(None if DEPTH == "all" else int(DEPTH))
    sys.stdout.write(f"{explored}\n")
    assert explored.states > 50
    assert explored.is_closed == (DEPTH == "all")


def _no_second_look(patch: Patch) -> None:
    patch.setattr(Dispatcher, "look_again", lambda *_: None)


def _silence_always_counts(patch: Patch) -> None:
    patch.setattr(Cycles, "listens", lambda *_: True)


def _any_session(patch: Patch) -> None:
    seen, require_session = Sessions.seen, work._require_session
    patch.setattr(Sessions, "seen", lambda self, person, _session, now: seen(self, person, None, now))
    patch.setattr(work, "_require_session", lambda held, actor: require_session(held, replace(actor, session=None)))


def _nothing_conflicts(patch: Patch) -> None:
    """Neither the check at finalize nor the one where assignments are written; the unique key remains."""
    patch.setattr(finalizing._Conflicts, "find", lambda _self: [])
    patch.setattr(recording, "_refuse_taken", lambda *_: None)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("break_it", "scope", "said"),
    [
        (_no_second_look, DISPATCH, "waits and p"),
        (_silence_always_counts, DISPATCH, "whom nobody could have heard"),
        (_any_session, DISPATCH, "it changed something"),
        (_nothing_conflicts, FINALIZE, "ConstraintError"),
    ],
    ids=["second look", "outage rule", "session fence", "finalize check"],
)
def test_a_broken_guard_is_found(
    world: World, monkeypatch: Patch, break_it: Callable[[Patch], None], scope: Scope, said: str
) -> None:
    """A search that finds nothing when a guard is broken would show nothing."""
    break_it(monkeypatch)
    with pytest.raises(BrokenInvariantError, match=said) as found:
        Search(world, scope).run(FAR_ENOUGH)
    sys.stdout.write(f"{found.value}\n")
