"""The steps of dispatch and finalize, each of them the real code, and what happens beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from assignment_engine.domain.actors import Actor
from assignment_engine.domain.errors import SessionClosedError
from assignment_engine.domain.records import Task
from assignment_engine.services.dispatch import presence, work
from assignment_engine.services.dispatch.cycle import Cycle
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.intake import submit_task
from assignment_engine.services.finalizing import OnConflict
from assignment_engine.services.planning import PlanRequest
from assignment_engine.store.unit import UnitOfWork
from tests.model.states import IDLE, Instance, Scope, State, View, text_of
from tests.model.world import PEOPLE, TASKS, TIMEOUT, Done, Look, Rows, World, records

TICK = timedelta(milliseconds=10)
LONG = TIMEOUT + timedelta(seconds=10)
OUTAGE = timedelta(minutes=2)
Use = Callable[[World], Any]


@dataclass(frozen=True)
class Step:
    """One thing that may happen in a state.

    Parameters
    ----------
    use : what an instance does; None for what only time does.
    by : which instance.
    meets : whether another one may do something at the same instant.
    must_change_nothing : whether the rules refuse it, or it was done before.
    """

    name: str
    use: Use
    by: int
    meets: bool = True
    must_change_nothing: bool = False


def steps(state: State) -> Iterator[Step]:
    """Everything that an instance can do next."""
    view = View.of(state.rows)
    for number, instance in enumerate(state.instances):
        if instance.look is not None:
            yield Step(f"{number} looks again", partial(_look_again, instance.look), number)
        elif instance.begun:
            yield from (Step(f"{number} closes {p}", partial(_close, p), number) for p in view.silent(state.now))
        elif number == 0 or state.instances[0] != IDLE:  # of two that are idle, it does not matter which
            yield from _clients(view, state.scope, number)
            yield from _loop(view, state, number)


def _clients(view: View, scope: Scope, by: int) -> Iterator[Step]:
    """What requests ask for."""
    new = [task for task in TASKS if task not in view.tasks]
    yield from (Step(f"{by} takes in {task}", partial(_submit, task), by) for task in new[:1])
    for person in PEOPLE:
        yield Step(f"{by} logs {person} in", partial(_log_in, person), by)
        if person in view.sessions:
            yield Step(f"{by} logs {person} out", partial(_log_out, person), by)
        if person in view.older:
            late = partial(_late, person, view.older[person])
            yield Step(f"{by} hears an older session of {person}", late, by, meets=False, must_change_nothing=True)
    for person in view.sessions if scope.time else ():
        yield Step(f"{by} hears {person}", partial(_beat, person), by)
    for task, held in view.active.items():
        yield Step(f"{by} completes {task}", partial(_complete, task, held["employee_id"]), by)
    if len(view.previews) < scope.previews and any(row["status"] == "pending" for row in view.tasks.values()):
        yield Step(f"{by} previews", _preview, by)
    for row in view.previews:
        again = row["finalized_at"] is not None
        for choice in OnConflict:
            use = partial(_finalize, row["preview_id"], choice)
            yield Step(f"{by} finalizes ({choice})", use, by, must_change_nothing=again)


def _loop(view: View, state: State, by: int) -> Iterator[Step]:
    """What rounds of the loop consist of, and a whole round after something was lost."""
    if state.lost:
        yield Step(f"{by} makes a round", _whole_round, by, meets=False)
    if state.scope.time:
        yield Step(f"{by} begins a round", _begin, by)
    yield from (Step(f"{by} fills {person}", partial(_fill, person), by) for person in view.free())
    if any(row["due_at"] is not None and row["due_at"] <= text_of(state.now) for row in view.tasks.values()):
        yield Step(f"{by} places what is due", _place_due, by)


def _log_in(person: str, world: World) -> None:
    dispatcher = world.dispatcher()
    world.database.run(lambda unit: presence.login(unit, dispatcher, person))


def _log_out(person: str, world: World) -> None:
    dispatcher, who = world.dispatcher(), Actor(person, person)
    world.database.run(lambda unit: presence.logout(unit, dispatcher, person, None, who))


def _beat(person: str, world: World) -> None:
    """A sign of life."""
    dispatcher = world.dispatcher()
    world.database.run(lambda unit: presence.heartbeat(unit, dispatcher, person, None))


def _late(person: str, older: str, world: World) -> None:
    """A sign of life, and a completion, by a client that does not know of the newer session."""
    dispatcher, who = world.dispatcher(), Actor(person, person, older)
    with suppress(SessionClosedError):
        world.database.run(lambda unit: presence.heartbeat(unit, dispatcher, person, older))
    for task, held in View.of(world.rows()).active.items():
        if held["employee_id"] == person:
            with suppress(SessionClosedError):
                world.database.run(partial(_completed, dispatcher, task, who))


def _submit(task: str, world: World) -> None:
    new, dispatcher = Task(task_id=task, title="Work", required_skills=[]), world.dispatcher()
    world.database.run(lambda unit: submit_task(unit, dispatcher, new))


def _complete(task: str, person: str, world: World) -> None:
    world.database.run(partial(_completed, world.dispatcher(), task, Actor(person, person)))


def _completed(dispatcher: Dispatcher, task: str, who: Actor, unit: UnitOfWork) -> None:
    work.complete_task(unit, dispatcher, task, who)


def _preview(world: World) -> None:
    world.scheduler.preview(PlanRequest(), "planner")


def _finalize(preview_id: str, choice: OnConflict, world: World) -> None:
    world.scheduler.finalize_assignments(preview_id, choice)


def _begin(world: World) -> bool:
    cycle = Cycle(world.dispatcher())
    return world.database.run(cycle._begin)


def _close(person: str, world: World) -> None:
    cycle = Cycle(world.dispatcher())
    world.database.run(partial(cycle._close, person))


def _fill(person: str, world: World) -> None:
    cycle = Cycle(world.dispatcher())
    world.database.run(partial(cycle._fill, person))


def _place_due(world: World) -> None:
    Cycle(world.dispatcher())._place_due()


def _look_again(look: Look, world: World) -> None:
    world.dispatcher().look_again(look.people, look.tasks)


def _whole_round(world: World) -> None:
    """A round of the loop from beginning to end, and what it leaves to be looked at."""
    Cycle(world.dispatcher()).run()
    for action in list(world.database.parked):
        action()


def after(state: State, step: Step, done: Done) -> State:
    """The state that a step leads to."""
    changed = list(state.instances)
    begun = state.instances[step.by].begun
    changed[step.by] = Instance(done.look, begun=begun if done.look is None else False)
    if step.use is _begin:
        changed[step.by] = Instance(begun=bool(done.answer))
    closed = View.of(state.rows).sessions.keys() - View.of(done.rows).sessions.keys()
    unheard = state.unheard - _heard(state.rows, done.rows) - closed
    lost = state.lost and step.use is not _whole_round
    return replace(state, rows=done.rows, instances=(changed[0], changed[1]), unheard=unheard, lost=lost)


def happenings(state: State) -> Iterator[tuple[str, State]]:
    """What nobody does: a process dies, and time passes."""
    for number, instance in enumerate(state.instances):
        if instance != IDLE:
            first, second = state.instances
            left = (IDLE, second) if number == 0 else (first, IDLE)
            yield f"{number} crashes", replace(state, instances=left, lost=state.lost or instance.look is not None)
    sessions = View.of(state.rows).sessions if state.scope.time else {}
    for person in sorted(sessions.keys() - state.unheard):
        yield f"{person} falls silent", _silence(state, person)
    if sessions:
        yield "everything stops for two minutes", replace(state, now=state.now + OUTAGE)


def _silence(state: State, person: str) -> State:
    """The loop runs, everybody else is heard, and this person is not."""
    now, unheard = state.now + LONG, state.unheard | {person}
    rows = _changed(state.rows, "cycles", lambda _row: {"last_at": text_of(now)})
    seen = {"last_seen_at": text_of(now)}
    rows = _changed(rows, "sessions", lambda row: {} if row["employee_id"] in unheard else seen)
    return replace(state, rows=rows, now=now, unheard=unheard)


def _changed(rows: Rows, table: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Rows:
    found = [{**row, **change(row)} for row in records(rows, table)]
    return {**rows, table: tuple(tuple(row.values()) for row in found)}


def _heard(before: Rows, rows: Rows) -> set[str]:
    """Whoever gave a sign of life."""
    old, new = View.of(before).sessions, View.of(rows).sessions
    return {p for p, row in new.items() if p not in old or row["last_seen_at"] != old[p]["last_seen_at"]}
