"""Breadth first through every state that the protocols can reach, each looked at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

from assignment_engine.domain.errors import DatabaseError, EngineError
from tests.model.protocol import TICK, Step, after, happenings, steps
from tests.model.states import BOTH, IDLE, Instance, Scope, State, View, canonical
from tests.model.world import Done, Rows, World, merged, records

BIRTHS, KEEPS = ("offer", "assign", "push"), ("accept", "reopen")


class BrokenInvariantError(AssertionError):
    """A state that must not be, and the way to it."""

    def __init__(self, wrong: list[str], trace: list[str]) -> None:
        self.wrong, self.trace = wrong, trace
        super().__init__("\n".join([*wrong, "after:", *trace]))


@dataclass(frozen=True)
class Explored:
    """How much was looked at; `is_closed` if there is nothing else."""

    states: int
    transitions: int
    meetings: int
    depth: int
    is_closed: bool


@dataclass(frozen=True)
class _Node:
    state: State
    name: str
    parent: _Node | None
    depth: int

    @property
    def trace(self) -> list[str]:
        return [*(self.parent.trace if self.parent else []), self.name]


class Search:
    """One search; every new state is checked, and every step that leads to it."""

    def __init__(self, world: World, scope: Scope = BOTH) -> None:
        self._world, self._scope = world, scope
        self._seen: set[str] = set()
        self._open: deque[_Node] = deque()
        self._transitions = self._meetings = 0

    def run(self, depth: int | None = None) -> Explored:
        """Everything that is at most so many steps away from the beginning.

        Raises
        ------
        BrokenInvariantError
        """
        self._reach(_Node(State(self._world.rows(), self._world.now, scope=self._scope), "the beginning", None, 0))
        reached = 0
        while self._open and (depth is None or self._open[0].depth < depth):
            node = self._open.popleft()
            reached = node.depth + 1
            for name, state in self._next(node):
                self._transitions += 1
                self._reach(_Node(state, name, node, reached))
        return Explored(len(self._seen), self._transitions, self._meetings, reached, not self._open)

    def _reach(self, node: _Node) -> None:
        key = canonical(node.state)
        if key not in self._seen:
            self._seen.add(key)
            self._open.append(node)
            self._refuse(node, wrong_in(node.state, self._world))

    def _refuse(self, node: _Node, wrong: list[str]) -> None:
        if wrong:
            raise BrokenInvariantError(wrong, node.trace)

    def _next(self, node: _Node) -> Iterator[tuple[str, State]]:
        state = replace(node.state, now=node.state.now + TICK)
        done = [(step, found) for step in steps(state) if (found := self._take(node, state, step)) is not None]
        yield from ((step.name, after(state, step, found)) for step, found in done)
        yield from self._meet(state, done)
        yield from happenings(state)

    def _take(self, node: _Node, state: State, step: Step) -> Done | None:
        """What the step does; None when the rules refuse it, which must change nothing."""
        here = replace(node, name=step.name, parent=node)
        try:
            done = self._world.do(state.rows, state.now, step.use)
        except DatabaseError as exc:
            raise BrokenInvariantError([f"{type(exc).__name__}: {exc}"], here.trace) from exc
        except EngineError:
            done = Done(self._world.rows(), None, None)
            self._refuse(here, [] if done.rows == state.rows else ["what was refused changed something"])
            return None
        self._refuse(here, wrong_with(state, step, done))
        return done

    def _meet(self, state: State, done: list[tuple[Step, Done]]) -> Iterator[tuple[str, State]]:
        """Two instances do something at the same instant, each before the other's commit."""
        first = [(step, found) for step, found in done if step.by == 0 and _may_meet(step, found, state.rows)]
        second = [(step, found) for step, found in done if step.by == 1 and _may_meet(step, found, state.rows)]
        if state.instances == (IDLE, IDLE):
            second = [(replace(step, by=1), found) for step, found in first]
        for (one, left), (other, right) in product(first, second):
            rows = merged(state.rows, left.rows, right.rows)
            if rows is not None:
                self._meetings += 1
                once = after(state, one, left)
                both = after(replace(once, rows=state.rows), other, right)
                yield f"at once: {one.name}, {other.name}", replace(both, rows=rows)


def _may_meet(step: Step, done: Done, before: Rows) -> bool:
    return step.meets and done.rows != before


def wrong_with(state: State, step: Step, done: Done) -> list[str]:
    """What a step must not do."""
    wrong = ["it changed something"] if step.must_change_nothing and done.rows != state.rows else []
    before = View.of(state.rows).sessions
    silent = {row["session_id"] for row in records(done.rows, "sessions") if row["close_reason"] == "silent"}
    out = [person for person, row in before.items() if row["session_id"] in silent and person not in state.unheard]
    return wrong + [f"{person} was logged out, whom nobody could have heard" for person in out]


def wrong_in(state: State, world: World) -> list[str]:
    """What must not be in any state."""
    world.put(state.rows)
    return [*world.findings(), *_given_twice(state.rows), *_left_over(state)]


def _given_twice(rows: Rows) -> Iterator[str]:
    """Work that was given out while somebody had it, and people who got more live than they can do at once."""
    holders: dict[str, str] = {}
    for row in records(rows, "audit_log"):
        task, person = row["task_id"], row["employee_id"]
        if row["event"] in BIRTHS:
            if task in holders:
                yield f"{task} was given to {person}, {holders[task]} had it"
            if row["event"] == "push" and person in holders.values():
                yield f"{person} was given {task} beside other work"
            holders[task] = person
        elif row["event"] not in KEEPS:
            holders.pop(task, None)


def _left_over(state: State) -> Iterator[str]:
    """A free person and a task that waits, when nobody is about to look any more."""
    view = View.of(state.rows)
    if not state.lost and not any(_is_about_to_look(instance) for instance in state.instances):
        yield from (f"{t} waits and {p} is free" for t, p in product(view.waiting(), view.free()))


def _is_about_to_look(instance: Instance) -> bool:
    return instance.look is not None
