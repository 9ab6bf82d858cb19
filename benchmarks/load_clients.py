"""One client of the load: people who work through the API, and those who watch over them, in one process."""

from __future__ import annotations

import http.client
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.load_history import SCHEDULED, SKILLS
from webapp.auth import make_token

SECRET = "a-secret-that-all-instances-share-0123456789"
INSTANCES = 2
JSON = {"Content-Type": "application/json"}
TOKEN_HOURS = 2.0
PRESENT = 30
FEED = 100

# How often each call is made, in thousandths.
MIX = {
    "complete, next": 270,
    "heartbeat": 160,
    "new task": 270,
    "my jobs": 100,
    "events": 60,
    "queue page": 40,
    "task with history": 30,
    "log in": 15,
    "log out": 15,
    "tasks page": 12,
    "status": 12,
    "metrics": 12,
    "preview of 50": 4,
}


@dataclass(frozen=True)
class Call:
    """One call: when it began, what it was, how long it took, and what was answered instead of what should be."""

    at: float
    name: str
    seconds: float
    trouble: str | None


@dataclass
class Client:
    """Calls in the proportions of `MIX`, one after another; nobody else acts for its people.

    Parameters
    ----------
    people : numbers of the employees that belong to this client.
    position : of the last event when the client begins.
    completed : is called after each completion.
    """

    port: int
    number: int
    people: list[int]
    position: int
    completed: Callable[[], None] = lambda: None
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.number)
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        self._tokens: dict[str, str] = {}
        self._held: dict[str, str | None] = {}
        self._made: list[str] = []
        self._last = ""
        self._acts: dict[str, Callable[[], bool]] = {
            "complete, next": self._complete,
            "heartbeat": self._heartbeat,
            "new task": self._new_task,
            "my jobs": lambda: self._get("/api/v1/assignments/me", self._someone()),
            "events": self._events,
            "queue page": lambda: self._get("/tasks/queue"),
            "task with history": self._look_at_task,
            "log in": self._log_in,
            "log out": self._log_out,
            "tasks page": lambda: self._get("/tasks?sort=-created_at"),
            "status": lambda: self._get("/status"),
            "metrics": lambda: self._get("/metrics"),
            "preview of 50": self._preview,
        }

    def begin(self) -> None:
        """Log people in; plan once with each instance, because the first plan of a process waits for its compiler."""
        self.log_in_people(PRESENT)
        if self.number < INSTANCES:
            self._preview()

    def log_in_people(self, count: int) -> None:
        for _ in range(count):
            self._log_in()

    def repeat(self, name: str, times: int) -> list[Call]:
        """Make one sort of call so many times."""
        for _ in range(times):
            self._timed(name)
        return self.calls

    def run(self, rate: float, stop: Callable[[], bool]) -> list[Call]:
        """Make calls until `stop`, so many in a second (0: as fast as they are answered)."""
        names, weights, turn, begun = list(MIX), list(MIX.values()), 0, time.monotonic()
        while not stop():
            if rate:
                time.sleep(max(0.0, begun + turn / rate - time.monotonic()))
            turn += 1
            self._timed(self._chance.choices(names, weights)[0])
        self._connection.close()
        return self.calls

    def _timed(self, name: str) -> None:
        at, start = time.time(), time.perf_counter()
        is_good = self._acts[name]()
        self.calls.append(Call(at, name, time.perf_counter() - start, None if is_good else self._last))

    def _complete(self) -> bool:
        person = self._someone(busy=True)
        task = self._held[person]
        if task is None:
            return self._heartbeat()
        status, answer = self._call("POST", f"/tasks/{task}/complete", {}, person)
        self._held[person] = answer["next"]["ticket_id"] if status == 200 and answer["next"] else None
        if status == 200:
            self.completed()
        return status == 200

    def _heartbeat(self) -> bool:
        person = self._someone()
        status, answer = self._call("POST", f"/personnel/{person}/heartbeat", {}, person)
        if status == 200:
            self._hold(person, answer["assignments"])
        return status == 200

    def _new_task(self) -> bool:
        name = f"n{os.getpid()}-{self.number}-{len(self._made):07d}"
        skills = {self._chance.choice(SKILLS): 1.0}
        priority = self._chance.choice(("low", "medium", "medium", "high", "critical"))
        body = {"task_id": name, "title": "Something is to be done", "required_skills": skills, "priority": priority}
        self._made.append(name)
        return self._call("POST", "/tasks", {**body, "estimated_hours": 1.0})[0] == 201

    def _look_at_task(self) -> bool:
        name = self._chance.choice(self._made) if self._made else "w0"
        return self._get(f"/tasks/{name}") and self._get(f"/api/v1/assignments?ticket_id={name}")

    def _events(self) -> bool:
        """The next events of the feed, as a reader who keeps up sees them."""
        status, answer = self._call("GET", f"/api/v1/events?after={self.position}&limit={FEED}")
        if status == 200:
            self.position = answer["next_after"]
        return status == 200

    def _log_in(self) -> bool:
        absent = [n for n in self._chance.sample(self.people, 50) if _name(n) not in self._held]
        if not absent:
            return self._heartbeat()
        person = _name(absent[0])
        status, answer = self._call("POST", "/personnel/login", {"person_id": person}, person)
        if status == 200:
            self._hold(person, answer["assignments"])
        return status == 200

    def _log_out(self) -> bool:
        if len(self._held) < PRESENT:
            return self._log_in()
        person = self._someone()
        del self._held[person]
        return self._call("POST", f"/personnel/{person}/logout", {}, person)[0] == 200

    def _preview(self) -> bool:
        """A plan of fifty tasks among everybody."""
        body = {"method": "balanced", "task_ids": [f"s{n}" for n in range(SCHEDULED)]}
        return self._call("POST", "/api/assignments/preview", body)[0] == 201

    def _someone(self, *, busy: bool = False) -> str:
        present = [person for person, task in self._held.items() if task or not busy]
        return self._chance.choice(present or list(self._held))

    def _hold(self, person: str, assignments: list[dict[str, Any]]) -> None:
        accepted = [job["ticket_id"] for job in assignments if job["status"] == "accepted"]
        self._held[person] = accepted[0] if accepted else None

    def _get(self, path: str, person: str | None = None) -> bool:
        return self._call("GET", path, None, person)[0] == http.client.OK

    def _call(self, method: str, path: str, body: object = None, person: str | None = None) -> tuple[int, Any]:
        headers = {**JSON, "Authorization": f"Bearer {self._token(person)}"}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._last = f"{answer.status} {content[:300]!r}"
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(content) if is_json else content

    def _token(self, person: str | None) -> str:
        role, subject = ("technician", person) if person else ("admin", f"admin-{self.number}")
        if subject not in self._tokens:
            self._tokens[subject] = make_token(SECRET, role, subject, TOKEN_HOURS)
        return self._tokens[subject]


def _name(number: int) -> str:
    return f"e{number:05d}"
