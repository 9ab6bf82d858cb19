"""The devices of the people who work: they log in, say that they are there, take work, finish and refuse it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chaos.calls import ADMIN, TECHNICIAN, Line, Reply, Who

PEOPLE = 12
SKILLS = ("sql", "python", "java")
CAPACITIES = (4.0, 8.0, 40.0)
QUEUES: Mapping[str, Mapping[str, object]] = {
    "default": {},
    "offers": {"mode": "offer", "offer_timeout_seconds": 2.0},
    "rests": {"policy": "fifo", "wrap_up_seconds": 0.1},
}
_BOSS = Who(ADMIN, "boss")
_REFUSES_EVERY = 5


def person_record(number: int) -> dict[str, Any]:
    """Somebody who differs from the others in what they can and how much they can carry."""
    levels = {skill: (1.0, 0.6, 0.8)[(number + n) % 3] for n, skill in enumerate(SKILLS)}
    some: Sequence[str] = (["rests", "offers", "default"], ["default", "offers"], ["rests", "default"])[number % 3]
    return {
        "employee_id": person_id(number),
        "skills": levels,
        "queues": some if number else [],
        "max_units": 1 + number % 3,
        "max_workload": CAPACITIES[number % 3],
    }


def person_id(number: int) -> str:
    return f"p{number:02}"


def session_header(session: str | None) -> dict[str, str]:
    return {} if session is None else {"X-Session": session}


@dataclass
class Desk:
    """What the device of one person knows."""

    person: str
    session: str | None = None
    fence: int = 0
    older: str | None = None
    paused: bool = False
    signed_at: float = 0.0
    held: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def who(self) -> Who:
        return Who(TECHNICIAN, self.person)

    def take(self, assignments: Sequence[Mapping[str, Any]]) -> None:
        """What the person has now."""
        self.held = {assignment["id"]: assignment for assignment in assignments}


class Device:
    """The clients of some people, in one thread."""

    def __init__(self, line: Line, people: Sequence[str], timeout_seconds: float) -> None:
        self._line, self._timeout = line, timeout_seconds
        self._desks = [Desk(person) for person in people]
        self.only_works = False

    @property
    def _random(self) -> Random:
        return self._line.random

    def act(self) -> None:
        """One thing for one of the people; signs of life first."""
        present = [desk for desk in self._desks if desk.session is not None]
        silent = min(present, key=lambda desk: desk.signed_at, default=None)
        if silent is not None and time.monotonic() - silent.signed_at > self._timeout / 4:
            self._heartbeat(silent)
            return
        desk = self._random.choice(self._desks)
        if desk.session is None:
            self._log_in(desk)
        elif desk.paused:
            self._go_on(desk)
        else:
            self._work(desk)

    def _work(self, desk: Desk) -> None:
        chance = self._random.random()
        if not self.only_works and chance < 0.1:
            self._random.choice((self._leave, self._log_in, self._pause, self._fail, self._look))(desk)
        elif any(assignment["status"] == "offered" for assignment in desk.held.values()):
            self._answer_offer(desk)
        elif desk.held:
            self._complete(desk)
        else:
            self._heartbeat(desk)

    def _log_in(self, desk: Desk) -> None:
        """A new session; what an older one still says must be refused."""
        reply = self._call(desk, "login", "/personnel/login", {"person_id": desk.person})
        if not reply.is_success:
            return
        if reply.body["fence"] <= desk.fence:
            self._wrong(f"{desk.person}: the fence went from {desk.fence} to {reply.body['fence']}")
        desk.older, desk.fence = desk.session, reply.body["fence"]
        self._present(desk, reply)
        if desk.older is not None:
            self._speak_as_older(desk, desk.older)

    def _speak_as_older(self, desk: Desk, older: str) -> None:
        headers, held = session_header(older), list(desk.held.values())
        late = self._call(desk, "late heartbeat", f"/personnel/{desk.person}/heartbeat", headers=headers)
        if late.is_success:
            self._wrong(f"{desk.person}: the heartbeat of a session that was superseded was taken")
        if held:
            path = f"/tasks/{held[0]['ticket_id']}/complete"
            if self._call(desk, "late complete", path, headers=headers).is_success:
                self._wrong(f"{desk.person}: a session that was superseded completed {held[0]['ticket_id']}")

    def _heartbeat(self, desk: Desk) -> None:
        self._presence_call(desk, "heartbeat")

    def _pause(self, desk: Desk) -> None:
        self._presence_call(desk, "pause")

    def _go_on(self, desk: Desk) -> None:
        self._presence_call(desk, "resume")

    def _presence_call(self, desk: Desk, what: str) -> None:
        path = f"/personnel/{desk.person}/{what}"
        reply = self._call(desk, what, path, headers=session_header(desk.session))
        if reply.is_success:
            self._present(desk, reply)
        else:
            desk.session, desk.held = None, {}

    def _present(self, desk: Desk, reply: Reply) -> None:
        desk.session, desk.paused = reply.body["session"], reply.body["paused"]
        desk.signed_at = time.monotonic()
        self._line.office.ledger.sign(reply.body["session"], reply.sent_at)
        desk.take(reply.body["assignments"])

    def _leave(self, desk: Desk) -> None:
        path = f"/personnel/{desk.person}/logout"
        self._call(desk, "logout", path, headers=session_header(desk.session))
        desk.session, desk.held = None, {}

    def _look(self, desk: Desk) -> None:
        """Read one's own jobs."""
        self._line.call("my jobs", desk.who, "GET", "/api/v1/assignments/me?limit=10")

    def _complete(self, desk: Desk) -> None:
        job = self._random.choice(list(desk.held.values()))
        path, headers = f"/tasks/{job['ticket_id']}/complete", session_header(desk.session)
        reply = self._call(desk, "complete", path, headers=headers)
        desk.held.pop(job["id"], None)
        if not reply.is_success:
            return
        following = reply.body["next"]
        if following is not None:
            desk.held[following["id"]] = following
        if self._random.random() < 0.1:
            self._complete_again(desk, path, reply)

    def _complete_again(self, desk: Desk, path: str, first: Reply) -> None:
        again = self._line.call("complete again", desk.who, "POST", path)
        if again.is_success and again.body["completed"] != first.body["completed"]:
            self._wrong(f"{path} said something else the second time")

    def _answer_offer(self, desk: Desk) -> None:
        job = next(a for a in desk.held.values() if a["status"] == "offered")
        desk.held.pop(job["id"])
        headers, path = session_header(desk.session), f"/api/v1/assignments/{job['id']}"
        refuses = hash_of(job["ticket_id"]) % _REFUSES_EVERY == hash_of(desk.person) % _REFUSES_EVERY
        if refuses and not self.only_works and self._random.random() < 0.5:
            self._call(desk, "reject", f"{path}/reject", {"rejection_reason": "declined"}, headers)
            return
        reply = self._call(desk, "accept", f"{path}/accept", {}, headers)
        if reply.is_success:
            desk.held[job["id"]] = reply.body

    def _fail(self, desk: Desk) -> None:
        for job in [a for a in desk.held.values() if a["status"] == "accepted"][:1]:
            desk.held.pop(job["id"])
            headers = session_header(desk.session)
            self._call(desk, "fail", f"/api/v1/assignments/{job['id']}/fail", {"reason": "broken"}, headers)

    def _call(
        self, desk: Desk, what: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        reply = self._line.call(what, desk.who, "POST", path, {} if body is None and "/api/" in path else body, headers)
        if reply.is_success:
            self._line.office.ledger.accept(what, desk.person, reply.body)
        return reply

    def _wrong(self, finding: str) -> None:
        self._line.office.ledger.wrong(finding)


def hash_of(text: str) -> int:
    """A number that is the same in every process."""
    return sum(text.encode())


def people_and_queues(line: Line) -> None:
    """What the installation begins with."""
    for number in range(PEOPLE):
        assert line.call("new person", _BOSS, "POST", "/api/employees", person_record(number)).is_success
    for name, settings in QUEUES.items():
        assert line.call("queue", _BOSS, "PUT", f"/api/queues/{name}", settings).is_success
