"""Requests that meet at the same instant, each aimed at one guard: the rules say what may come of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from chaos.calls import TECHNICIAN, GaveUpError, Line, Reply, Who
from chaos.desk import BOSS, PLAN

AT_ONCE = 4
QUEUE = "stampedes"
AIMS = (
    *("one_task_for_all", "one_task_for_the_free", "all_tasks_for_one", "one_key", "one_preview", "work_for_one"),
    *("work_for_a_leaver", "two_log_ins", "many_ends", "older_session"),
)
Call = Callable[[Line], Reply]


class Stampedes:
    """One client with several hands, one for each line. It has people of its own, whom no device speaks for.

    Parameters
    ----------
    people : their ids; each gets one unit and four hours, and serves a queue of their own.
    aims : which of `AIMS` there are; none: all.
    """

    def __init__(self, lines: Sequence[Line], people: Sequence[str], aims: Sequence[str] = ()) -> None:
        self._lines, self._people = lines, people
        self._line, self._person = lines[0], people[0]
        self._pool = ThreadPoolExecutor(len(lines))
        self._count = 0
        self._made: list[str] = []
        self._aims = aims or AIMS

    def hire(self) -> None:
        """The people of this client."""
        for person in self._people:
            body = {"employee_id": person, "max_units": 1, "max_workload": 4.0, "queues": [QUEUE]}
            assert self._line.call("new person", BOSS, "POST", "/api/employees", body).is_success

    def act(self) -> None:
        """One stampede; what it leaves behind is cancelled."""
        getattr(self, self._line.random.choice(self._aims))()
        for task in self._made:
            self._cancel(task)
        self._made.clear()

    def close(self) -> None:
        """Let go of the hands."""
        self._pool.shutdown()

    def one_task_for_all(self) -> None:
        """Several people are given the same task: one gets it."""
        task = self._add()
        replies = self._at_once(*(self._assign(task, person) for person in self._people))
        self._at_most_one("one task, several people", replies)

    def one_task_for_the_free(self) -> None:
        """Several people log in while one task waits: one gets it, and all of them are answered."""
        task = self._add()
        replies = self._at_once(*(self._log_in(person) for person in self._people))
        given = [a["ticket_id"] for reply in replies if reply.is_success for a in reply.body["assignments"]]
        if given.count(task) > 1:
            self._wrong(f"one task, several free people: {given.count(task)} got it")
        for person in self._people:
            self._log_out(person)(self._line)

    def all_tasks_for_one(self) -> None:
        """Somebody with four hours is given more: only what fits."""
        tasks = [self._add(hours=3.0) for _ in range(AT_ONCE)]
        replies = self._at_once(*(self._assign(task, self._person) for task in tasks))
        self._at_most_one("three hours of four, several times", replies)

    def one_key(self) -> None:
        """The same request with the same key: one effect, one answer."""
        task = self._task()
        del task["task_id"]
        key = {"Idempotency-Key": task["title"]}
        replies = self._at_once(*(self._call("new task", "/tasks", task, headers=key) for _ in range(2)))
        self._made += {reply.body["task_id"] for reply in replies if reply.is_success}
        self._the_same("one key", replies)

    def one_preview(self) -> None:
        """Both instances finalize the same preview: one result."""
        body = {"task_ids": [self._add()], "employee_ids": list(self._people)}
        preview = self._line.call("preview", PLAN, "POST", "/api/assignments/preview", body)
        if preview.is_success:
            path = f"/api/assignments/finalize/{preview.body['preview_id']}"
            self._the_same("one preview", self._at_once(*(self._call("finalize", path, {}) for _ in range(2))))

    def work_for_one(self) -> None:
        """Several tasks come while one person is free."""
        self._log_in()(self._line)
        self._at_once(*self._new_tasks(AT_ONCE))
        self._log_out()(self._line)

    def work_for_a_leaver(self) -> None:
        """Work comes while somebody leaves."""
        self._log_in()(self._line)
        self._at_once(self._log_out(), *self._new_tasks(AT_ONCE - 1))

    def two_log_ins(self) -> None:
        """Somebody logs in twice at once: two sessions, one after the other."""
        replies = [reply for reply in self._at_once(self._log_in(), self._log_in()) if reply.is_success]
        if len({reply.body["fence"] for reply in replies}) != len(replies):
            self._wrong(f"{self._person}: two sessions with the same fence")
        self._log_out()(self._line)

    def older_session(self) -> None:
        """Somebody logs in elsewhere, and the device that they had before goes on: nothing of it is taken."""
        first = self._log_in()(self._line)
        task = self._add()
        if not (first.is_success and self._log_in()(self._line).is_success):
            return
        who, older = Who(TECHNICIAN, self._person), {"X-Session": first.body["session"]}
        paths = {"late heartbeat": f"/personnel/{self._person}/heartbeat", "late complete": f"/tasks/{task}/complete"}
        for what, path in paths.items():
            if self._line.call(what, who, "POST", path, headers=older).is_success:
                self._wrong(f"fence: a {what} of an older session was taken")
        self._log_out()(self._line)

    def many_ends(self) -> None:
        """What somebody has is finished, taken back and cancelled at once: one of it happens."""
        job = self._assign(self._add(), self._person)(self._line)
        if job.is_success:
            path = f"/api/v1/assignments/{job.body['id']}"
            ends = (self._call(what, f"{path}/{what}", {}) for what in ("complete", "release", "cancel"))
            self._at_most_one("complete, release and cancel", self._at_once(*ends))

    def _at_once(self, *calls: Call) -> list[Reply]:
        """All of them at the same instant, over different instances."""
        found = [self._pool.submit(_quietly, call, line) for call, line in zip(calls, self._lines, strict=False)]
        return [reply for one in found if (reply := one.result()) is not None]

    def _call(
        self, what: str, path: str, body: object = None, who: Who = BOSS, headers: dict[str, str] | None = None
    ) -> Call:
        def call(line: Line) -> Reply:
            port = line.office.ports[self._lines.index(line) % len(line.office.ports)]
            reply = line.call(what, who, "POST", path, body, headers, port)
            if reply.is_success:
                line.office.ledger.accept(what, who.subject, reply.body)
            return reply

        return call

    def _new_name(self) -> str:
        self._count += 1
        return f"s{self._line.random.randrange(10**9)}-{self._count}"

    def _task(self, hours: float = 1.0) -> dict[str, Any]:
        name = self._new_name()
        return {"task_id": name, "title": name, "queue": QUEUE, "required_skills": [], "estimated_hours": hours}

    def _add(self, hours: float = 1.0) -> str:
        task = self._task(hours)
        self._made.append(task["task_id"])
        key = {"Idempotency-Key": task["title"]}
        self._call("new task", "/tasks", task, headers=key)(self._line)
        return str(task["task_id"])

    def _new_tasks(self, count: int) -> list[Call]:
        tasks = [self._task() for _ in range(count)]
        self._made += [task["task_id"] for task in tasks]
        return [self._call("new task", "/tasks", task, headers={"Idempotency-Key": task["title"]}) for task in tasks]

    def _assign(self, task: str, person: str) -> Call:
        body, key = {"ticket_id": task, "technician_id": person}, {"Idempotency-Key": self._new_name()}
        return self._call("assign", "/api/v1/assignments", body, headers=key)

    def _log_in(self, person: str | None = None) -> Call:
        who = Who(TECHNICIAN, person or self._person)
        return self._call("login", "/personnel/login", {"person_id": who.subject}, who)

    def _log_out(self, person: str | None = None) -> Call:
        who = Who(TECHNICIAN, person or self._person)
        return self._call("logout", f"/personnel/{who.subject}/logout", who=who)

    def _cancel(self, task: str) -> None:
        """As a service does that has no more use for a ticket, whoever has it."""
        told = {"event_id": f"e-{self._new_name()}", "timestamp": datetime.now(UTC).isoformat(), "ticket_id": task}
        event = {**told, "event_type": "TicketStatusChanged", "status": "cancelled"}
        self._call("event", "/api/v1/events", event)(self._line)

    def _at_most_one(self, what: str, replies: Sequence[Reply]) -> None:
        done = sum(reply.is_success for reply in replies)
        if done > 1:
            self._wrong(f"{what}: {done} were taken")

    def _the_same(self, what: str, replies: Sequence[Reply]) -> None:
        if len({str(reply.body) for reply in replies if reply.is_success}) > 1:
            self._wrong(f"{what}, two answers")

    def _wrong(self, finding: str) -> None:
        self._line.office.ledger.wrong(finding)


def _quietly(call: Call, line: Line) -> Reply | None:
    try:
        return call(line)
    except GaveUpError:
        return None
