"""The clients of planners, admins and other services: tasks, plans, manual work, files, events."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from chaos.calls import ADMIN, PLANNER, Line, Reply, Who
from chaos.people import PEOPLE, QUEUES, SKILLS, person_id

BOSS, PLAN = Who(ADMIN, "boss"), Who(PLANNER, "planner")
EVERYBODY = [person_id(number) for number in range(PEOPLE)]
MOST_WAITING = 40
_BACKLOG_LIVES_SECONDS = 1.0
_FORM = "multipart/form-data; boundary=boundary"


@dataclass
class Known:
    """What all these clients know together."""

    tasks: deque[str] = field(default_factory=lambda: deque(maxlen=60))
    waiting: int = 0
    looked_at: float = 0.0


class Bureau:
    """One client that does everything which is not a technician's."""

    def __init__(self, line: Line, name: str, known: Known, tell: Callable[[Mapping[str, str]], None]) -> None:
        self._line, self._name, self._known, self._tell = line, name, known, tell
        self._count = 0
        self.skew = timedelta()

    @property
    def _random(self) -> Random:
        return self._line.random

    def act(self) -> None:
        """One random thing; new tasks only while few wait."""
        names = list(_ACTS)
        name = self._random.choices(names, [_ACTS[name] for name in names])[0]
        if name in _MAKES_WORK and self._is_enough():
            name = "_read"
        getattr(self, name)()

    def _is_enough(self) -> bool:
        if time.monotonic() - self._known.looked_at > _BACKLOG_LIVES_SECONDS:
            self._known.looked_at = time.monotonic()
            reply = self._line.call("backlog", PLAN, "GET", "/tasks?status=pending&limit=1")
            self._known.waiting = reply.body["total"] if reply.is_success else 0
        return self._known.waiting > MOST_WAITING

    def _new_name(self) -> str:
        self._count += 1
        return f"{self._name}-{self._count}"

    def _now(self) -> datetime:
        """The time as this client sees it."""
        return datetime.now(UTC) + self.skew

    def task(self, name: str | None = None) -> dict[str, Any]:
        """A task that somebody can do; without a name the installation gives it one."""
        tag, skill = name or self._new_name(), self._random.choice(SKILLS)
        chance = self._random.random
        return {
            **({"task_id": name} if name else {}),
            "title": tag,
            **({"required_skills": {skill: 0.9}} if chance() < 0.7 else {"required_skills": []}),
            **({"minimum_levels": {skill: 0.5}} if chance() < 0.3 else {}),
            "priority": self._random.choice(["critical", "high", "medium", "low"]),
            "queue": self._random.choice([*QUEUES, "default", "default"]),
            "estimated_hours": self._random.choice([0.5, 1.0, 3.0]),
            **({"deadline": (self._now() + timedelta(hours=9)).isoformat()} if chance() < 0.2 else {}),
            **({"preferred_employee": self.anybody()} if chance() < 0.1 else {}),
        }

    def anybody(self) -> str:
        return person_id(self._random.randrange(PEOPLE))

    def some_task(self) -> str | None:
        return self._random.choice(self._known.tasks) if self._known.tasks else None

    def _new_task(self) -> None:
        """Half of them without an id of their own: only the key keeps a second sending from making a second task."""
        named = self._random.random() < 0.5
        task = self.task(self._new_name() if named else None)
        key = {"Idempotency-Key": f"task {task['title']}"}
        reply = self._post("new task", "/tasks", task, key)
        if reply.is_success:
            self._known.tasks.append(reply.body["task_id"])
            if self._random.random() < 0.2:
                self._same_again("/tasks", task, key, reply)

    def _same_again(self, path: str, body: object, headers: Mapping[str, str], first: Reply) -> None:
        again = self._line.call("same again", BOSS, "POST", path, body, headers)
        if again.status != first.status or again.body != first.body:
            self._line.office.ledger.wrong(f"POST {path} with the same key was answered otherwise the second time")

    def _import_tasks(self) -> None:
        """The loop gives these out."""
        tasks = [self.task(self._new_name()) for _ in range(3)]
        key = {"Idempotency-Key": f"import {tasks[0]['title']}"}
        if self._post("import", "/api/import/tasks", tasks, key, note=[task["task_id"] for task in tasks]).is_success:
            self._known.tasks.extend(str(task["task_id"]) for task in tasks)

    def _plan(self) -> None:
        """Preview and finalize, the second time on any instance: it answers what it answered first."""
        wanted = sorted({task for task in (self.some_task() for _ in range(3)) if task})
        body = {"task_ids": wanted, "employee_ids": EVERYBODY, "method": self._random.choice(["greedy", "balanced"])}
        preview = self._line.call("preview", PLAN, "POST", "/api/assignments/preview", body)
        if not preview.is_success:
            return
        self._line.office.ledger.accept("preview", PLAN.subject, preview.body)
        self.finalize(preview.body["preview_id"], self._random.choice(["skip", "refuse"]))

    def finalize(self, preview_id: str, on_conflict: str) -> Reply:
        path = f"/api/assignments/finalize/{preview_id}"
        first = self._line.call("finalize", PLAN, "POST", path, {"on_conflict": on_conflict})
        if first.is_success:
            self._line.office.ledger.accept("finalize", PLAN.subject, first.body)
            again = self._line.call("finalize again", PLAN, "POST", path, {"on_conflict": on_conflict})
            if again.is_success and again.body != first.body:
                self._line.office.ledger.wrong(f"{path} said something else the second time")
        return first

    def _pipeline(self) -> None:
        wanted = sorted({task for task in (self.some_task() for _ in range(2)) if task})
        key = {"Idempotency-Key": f"pipeline {self._new_name()}"}
        body = {"task_ids": wanted, "employee_ids": EVERYBODY, "finalize": True}
        reply = self._line.call("pipeline", PLAN, "POST", "/api/trigger_pipeline", body, key)
        if reply.is_success:
            self._line.office.ledger.accept("finalize", PLAN.subject, reply.body)

    def _by_hand(self) -> None:
        task = self.some_task()
        if task is not None:
            self.assign(task, self.anybody())

    def assign(self, task: str, person: str) -> Reply:
        body = {"ticket_id": task, "technician_id": person}
        key = {"Idempotency-Key": f"assign {self._new_name()}"}
        return self._post("assign", "/api/v1/assignments", body, key)

    def _take_back(self) -> None:
        """Release or cancel what somebody has."""
        found = self._line.call("list", PLAN, "GET", "/api/v1/assignments?status=accepted&limit=20")
        if found.is_success and found.body["items"]:
            job, what = self._random.choice(found.body["items"]), self._random.choice(["release", "release", "cancel"])
            self._post(what, f"/api/v1/assignments/{job['id']}/{what}", {"reason": "taken back"})

    def _reopen(self) -> None:
        task = self.some_task()
        if task is not None:
            self._post("reopen", f"/tasks/{task}/reopen", None, note=task)

    def _change(self) -> None:
        task = self.some_task()
        if task is not None:
            self._line.call("change", BOSS, "PUT", f"/tasks/{task}", {"priority": self._random.choice(["high", "low"])})

    def _event(self) -> None:
        """What another service tells by HTTP, sometimes twice."""
        event = self._event_data()
        reply = self._post("event", "/api/v1/events", event)
        if reply.is_success and self._random.random() < 0.3:
            again = self._line.call("event again", BOSS, "POST", "/api/v1/events", event)
            if again.is_success and again.body["status"] != reply.body["status"]:
                self._line.office.ledger.wrong(f"event {event['event_id']} ended otherwise the second time")

    def _event_by_stream(self) -> None:
        self._tell(self._event_data())

    def _event_data(self) -> dict[str, str]:
        name, task = self._new_name(), self.some_task()
        told = {"event_id": f"e-{name}", "timestamp": self._now().isoformat()}
        if task is None or self._random.random() < 0.6:
            return {**told, "event_type": "TicketCreated", "ticket_id": f"k-{name}", "title": f"k-{name}"}
        status = self._random.choice(["completed", "cancelled", "waiting"])
        return {**told, "event_type": "TicketStatusChanged", "ticket_id": task, "status": status}

    def _upload(self) -> None:
        """A small file with one row twice."""
        name = self._new_name()
        rows = [f"u{n},Look after door {n} of {name},{n % 7 + 1}" for n in range(20)]
        content = "\n".join(["task_id,title,estimated_hours", *rows, rows[3], ""])
        parts = (("file", f'; filename="{name}.csv"', content), ("selected_ucs", "", "UC1,UC4"))
        form = "".join(
            f'--boundary\r\nContent-Disposition: form-data; name="{field}"{more}\r\n\r\n{value}\r\n'
            for field, more, value in parts
        )
        headers = {"Idempotency-Key": f"file {name}", "Content-Type": _FORM}
        self._post("upload", "/upload", f"{form}--boundary--\r\n".encode(), headers)

    def _read(self) -> None:
        task = self.some_task()
        paths = ["/tasks/queue", "/personnel/status", *([f"/tasks/{task}/candidates?live=true"] if task else [])]
        self._line.call("read", PLAN, "GET", self._random.choice(paths))

    def _post(
        self,
        what: str,
        path: str,
        body: object,
        headers: Mapping[str, str] | None = None,
        note: object = None,
    ) -> Reply:
        reply = self._line.call(what, BOSS, "POST", path, body, headers)
        if reply.is_success:
            self._line.office.ledger.accept(what, BOSS.subject, reply.body if note is None else note)
        return reply


_MAKES_WORK = ("_new_task", "_import_tasks")
_ACTS = {
    "_new_task": 60,
    "_plan": 10,
    "_read": 8,
    "_by_hand": 5,
    "_take_back": 5,
    "_event": 5,
    "_event_by_stream": 4,
    "_import_tasks": 6,
    "_pipeline": 3,
    "_reopen": 3,
    "_change": 3,
    "_upload": 1,
}
