"""A worker process for tests: jobs that write down what they do, and triage. ``python -m tests.job_process …``"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

from assignment_engine.domain.background import JobKind, Lane
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.jobs.engine import JobEngine, new_executor_id
from assignment_engine.jobs.handover import Handover
from assignment_engine.jobs.kinds import JobContext, JobResult, JobTable, JobWork
from assignment_engine.jobs.running import Runner
from assignment_engine.jobs.worker import Loop, Worker
from assignment_engine.services.triage.triage import TriageSettings, TriageWorker, rules_reader
from assignment_engine.store.database import Database

LIMIT = 5
LOOKING_SECONDS = 0.1
TIMEOUT_SECONDS = 60.0


def work(log: Path, context: JobContext) -> JobResult:
    """Steps of a given length; each is written down when it begins and when it ends."""
    request = context.request
    write(log, context.job_id, "begin")
    try:
        for number in range(request["steps"]):
            context.progress(number / request["steps"])
            context.step(f"step {number}", partial(one_step, log, context.job_id, number, request["seconds"]))
            if request.get("fails"):
                raise ValueError("secret words of a ticket")
    finally:
        write(log, context.job_id, "end")
    return JobResult({"steps": request["steps"]}, {"rows": request["steps"], "issues_found": 1})


def one_step(log: Path, job_id: str, number: int, seconds: float) -> int:
    time.sleep(seconds)
    write(log, job_id, f"step {number}")
    return number


def write(log: Path, job_id: str, what: str) -> None:
    line = json.dumps({"at": time.monotonic(), "process": os.getpid(), "job": job_id, "what": what})
    with log.open("a") as stream:  # one short line is appended whole
        stream.write(line + "\n")


def read(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def table(log: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> JobTable:
    return {JobKind.FILE: JobWork(partial(work, log), timeout_seconds)}


def handover(
    database: Database, jobs_url: str, log: Path, dead_after: float, timeout_seconds: float = TIMEOUT_SECONDS
) -> Handover:
    executor_id = new_executor_id()
    jobs = table(log, timeout_seconds)
    limits = {Lane.FILES: LIMIT, Lane.PIPELINES: 2, Lane.TRAINING: 1}
    engine = JobEngine(jobs_url, limits, executor_id, Runner(database, jobs, executor_id), LOOKING_SECONDS)
    return Handover(database, engine, jobs, dead_after)


def main(url: str, jobs_url: str, log: str, dead_after: str, lease: str) -> None:
    database = Database(url)
    jobs = handover(database, jobs_url, Path(log), float(dead_after))
    settings = TriageSettings(batch=50, lease=_seconds(lease), pause_seconds=0.2)
    triage = TriageWorker(database, f"test-{os.getpid()}", partial(rules_reader, SkillMatcher()), settings=settings)
    loops = [Loop("jobs", jobs.step, jobs.close), Loop("triage", triage.step)]
    worker = Worker(database, f"test-{os.getpid()}", loops, threading.Event())
    sys.stdout.write("started\n")
    sys.stdout.flush()
    worker.run()


def _seconds(text: str) -> Any:
    from datetime import timedelta  # noqa: PLC0415

    return timedelta(seconds=float(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
