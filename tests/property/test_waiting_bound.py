"""Nobody waits longer than the bound that `docs/dispatch.md` derives, on a clock that is moved."""

from __future__ import annotations

import heapq
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assignment_engine.domain.records import Task
from tests.builders import NOW, employee
from tests.databases import Servers
from tests.dispatching import Office
from tests.moved_clock import MovedClock, clocked

SKILLS = ("sql", "python")
MAX_WAIT = timedelta(hours=1)
NOTHING = timedelta()


@dataclass
class Job:
    """One task: when it comes, how long it takes, who can do it, and what became of it."""

    task: Task
    comes: datetime
    takes: timedelta
    able: list[str]
    begins: datetime | None = None
    by: str | None = None

    @property
    def age(self) -> tuple[datetime, str]:
        return self.comes, self.task.task_id

    @property
    def ends(self) -> datetime:
        assert self.begins is not None
        return self.begins + self.takes


def random_jobs(random: Random, count: int, people: dict[str, set[str]]) -> list[Job]:
    """More work than can be done for a while, most of it more urgent than the rest."""
    jobs = []
    for number in range(count):
        asked = set(random.sample(SKILLS, random.choice([0, 0, 1, 1, 2])))
        comes = NOW + timedelta(minutes=random.randint(0, 5 * count))
        task = Task(
            task_id=f"t{number:03}",
            title="Work",
            required_skills={random.choice(SKILLS): 1.0},
            minimum_levels=dict.fromkeys(asked, 0.5),
            priority=random.choice(["critical", "critical", "high", "low"]),
            estimated_hours=0.1,
        )
        able = [name for name, skills in people.items() if asked <= skills]
        jobs.append(Job(task, comes, timedelta(minutes=random.randint(5, 30)), able))
    return jobs


@dataclass
class Simulation:
    """People who always work, and jobs that come; the real dispatcher decides who does what."""

    office: Office
    clock: MovedClock
    jobs: dict[str, Job]
    events: list[tuple[datetime, int, str, str]] = field(default_factory=list)

    def run(self) -> None:
        for job in self.jobs.values():
            self._at(job.comes, "comes", job.task.task_id)
        while self.events:
            self.clock.at, _, what, task_id = heapq.heappop(self.events)
            if what == "comes":
                self.office.submit(self.jobs[task_id].task)
                self._begun([task_id])
            else:
                following = self.office.complete(task_id, self.jobs[task_id].by).next
                self._begun([] if following is None else [following.task_id])

    def _at(self, moment: datetime, what: str, task_id: str) -> None:
        heapq.heappush(self.events, (moment, len(self.events), what, task_id))

    def _begun(self, task_ids: list[str]) -> None:
        for task_id in task_ids:
            who = self.office.holder(task_id)
            if who is not None:
                job = self.jobs[task_id]
                job.begins, job.by = self.clock.at, who
                self._at(job.ends, "ends", task_id)

    def bound(self, job: Job, who: str, max_wait: timedelta) -> datetime:
        """max_wait, then what the person has in hand at that moment, then the older tasks they could do."""
        late = job.comes + max_wait
        in_hand = [j.ends - late for j in self.jobs.values() if j.by == who and j.begins <= late < j.ends]
        older = [
            j.takes
            for j in self.jobs.values()
            if j.age < job.age and who in j.able and (j.begins is None or j.begins > late)
        ]
        return late + sum(in_hand, NOTHING) + sum(older, NOTHING)

    def late_ones(self, max_wait: timedelta) -> list[str]:
        """Tasks that began after the bound of anybody who could do them."""
        return [
            job.task.task_id
            for job in self.jobs.values()
            if job.able and (job.begins is None or job.begins > min(self.bound(job, who, max_wait) for who in job.able))
        ]


@contextmanager
def simulated(servers: Servers, seed: int, count: int, max_wait: timedelta):
    random = Random(seed)
    names = ["ana", "bo"][: random.randint(1, 2)]
    people = {name: set(random.sample(SKILLS, random.randint(1, 2))) for name in names}
    jobs = random_jobs(random, count, people)
    with servers["sqlite"].migrated() as url, clocked(url, NOW) as clock:
        office = Office(clock)
        office.queue(max_wait_hours=max_wait / timedelta(hours=1), window=3)
        office.has(*(employee(name, skills=dict.fromkeys(sorted(skills), 1.0)) for name, skills in people.items()))
        for name in people:
            office.login(name)
        simulation = Simulation(office, clock, {job.task.task_id: job for job in jobs})
        simulation.run()
        yield simulation


@pytest.mark.slow
@settings(settings.get_profile("ci"), max_examples=8, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_nobody_waits_beyond_the_bound(servers: Servers, seed: int) -> None:
    """A task begins before `max_wait`, what is in hand and the older tasks of anybody who could do it are over."""
    with simulated(servers, seed, 50, MAX_WAIT) as simulation:
        assert simulation.late_ones(MAX_WAIT) == []
        assert all(job.begins is not None for job in simulation.jobs.values() if job.able)
        assert simulation.office.findings() == []


def test_without_the_limit_the_bound_does_not_hold(servers: Servers) -> None:
    """The same work keeps low tasks waiting for longer when nothing limits their wait."""
    with simulated(servers, 1, 50, timedelta(days=30)) as simulation:
        assert simulation.late_ones(MAX_WAIT) != []
