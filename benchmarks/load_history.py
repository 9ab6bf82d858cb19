"""A year of finished work, written by SQL: what a PostgreSQL database looks like long after the first day.

Finished tasks with assignments, audit, numbered events, training log, triage, outcomes and sessions, all as the engine
leaves them, so that the doctor finds nothing; beside them tasks that wait. Rows of the training log are without the
candidates that were compared, which nobody reads while work goes on.
"""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from sqlalchemy import text

from assignment_engine.domain.records import Task
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.services.dispatch.places import find_places
from assignment_engine.store.database import Database

SKILLS = ("python", "sql", "java", "network", "billing", "printer", "mail", "phone", "access", "backup")
PART = 5000
DAYS = 365
SESSIONS_OF_TASKS = 5
SCHEDULED = 50

# The n-th of N tasks was finished `{at}`: the first a year ago, the last yesterday.
_AT = f"now() - interval '1 day' - interval '{DAYS} days' * (1 - n / CAST(:tasks AS double precision))"
_WHO = "'e' || lpad(CAST(CAST(n AS bigint) * 7919 % :people AS text), 5, '0')"
_TASK, _WORK = "'h' || lpad(CAST(n AS text), 8, '0')", "'a' || lpad(CAST(n AS text), 8, '0')"
_LATER = "interval '2 hours'"
_DATA = f"""jsonb_build_object('event_type', {{kind}}, 'assignment_id', {_WORK}, 'ticket_id', {_TASK},
    'technician_id', {_WHO}, 'timestamp', CAST({_AT} AS text))"""
_FEATURES = "CAST(:features AS jsonb)"
_EACH = "FROM generate_series(1, :tasks) n"

_PEOPLE = """
INSERT INTO employees (employee_id, name, skills, experience_years, max_seconds, availability_status, queues,
    created_at, updated_at)
SELECT 'e' || lpad(CAST(n AS text), 5, '0'), 'Person ' || n,
    jsonb_build_object({skill}, 0.9, {other}, 0.6), n % 20, 144000, 'available', '[]', now(), now()
FROM generate_series(0, :people - 1) n
"""
_TASKS = f"""
INSERT INTO tasks (task_id, title, description, required_skills, minimum_levels, priority, priority_level,
    estimated_seconds, complexity_score, status, category, dependencies, queue, context, processing_status,
    processed_at, created_at, updated_at, enqueued_at)
SELECT {_TASK}, 'Something was to be done', 'A text of some length that says what was to be done, and where it was',
    jsonb_build_object({{skill}}, 1.0), '{{{{}}}}', 'medium', 2, 3600, 0.5, 'completed', 'category ' || n % 20, '[]',
    'default', '{{{{}}}}', 'processed', {_AT}, {_AT}, {_AT} + {_LATER}, {_AT} {_EACH}
"""
_ASSIGNMENTS = f"""
INSERT INTO task_assignments (assignment_id, task_id, employee_id, assignment_method, assignment_score, confidence,
    scorer, assigned_by, status, assigned_at, accepted_at, completed_at, seconds, allow_overload, load_seconds,
    capacity_seconds, created_at, updated_at)
SELECT {_WORK}, {_TASK}, {_WHO}, 'push', 0.7, 0.85, 'lightgbm default-1', 'engine', 'completed', {_AT}, {_AT},
    {_AT} + {_LATER}, 3600, false, 3600, 144000, {_AT}, {_AT} + {_LATER} {_EACH}
"""
_AUDIT = f"""
INSERT INTO audit_log (at, actor, event, assignment_id, task_id, employee_id, from_status, to_status)
SELECT CASE k WHEN 0 THEN {_AT} ELSE {_AT} + {_LATER} END, CASE k WHEN 0 THEN 'engine' ELSE {_WHO} END,
    CASE k WHEN 0 THEN 'push' ELSE 'complete' END, {_WORK}, {_TASK}, {_WHO},
    CASE k WHEN 0 THEN NULL ELSE 'accepted' END, CASE k WHEN 0 THEN 'accepted' ELSE 'completed' END
{_EACH}, generate_series(0, 1) k ORDER BY n, k
"""
_OUTBOX = f"""
INSERT INTO outbox (event_id, event_type, data, created_at, position, employee_id)
SELECT 'v' || lpad(CAST(2 * n + k AS text), 9, '0'), CASE k WHEN 0 THEN 'JobAssigned' ELSE 'JobCompleted' END,
    {_DATA.format(kind="CASE k WHEN 0 THEN 'JobAssigned' ELSE 'JobCompleted' END")},
    CASE k WHEN 0 THEN {_AT} ELSE {_AT} + {_LATER} END, 2 * n + k - 1, {_WHO}
{_EACH}, generate_series(0, 1) k ORDER BY n, k
"""
_TRAINING = f"""
INSERT INTO ml_training_data (log_id, decision_id, assignment_id, task_id, employee_id, features, assignment_score,
    confidence, method, scorer, logged_at, rank, outcome, acceptance)
SELECT 'l' || lpad(CAST(n AS text), 8, '0'), 'd' || lpad(CAST(n AS text), 8, '0'), {_WORK}, {_TASK}, {_WHO},
    {_FEATURES}, 0.7, 0.85, 'push', 'lightgbm default-1', {_AT}, 1, 1, 1 {_EACH}
"""
_PAST = f"""
INSERT INTO past_assignments (task_id, employee_id, assigned_at, category, started_at, completed_at, worked_seconds,
    outcome)
SELECT {_TASK}, {_WHO}, {_AT}, 'category ' || n % 20, {_AT}, {_AT} + {_LATER}, 7200, 'good' {_EACH}
"""
_COUNTED = """
INSERT INTO employee_history (employee_id, category, department, completed, completed_seconds, good, judged)
SELECT employee_id, category, '', count(*), sum(worked_seconds), count(*), count(*) FROM past_assignments GROUP BY 1, 2
"""
_TRIAGE = f"INSERT INTO task_triage (task_id, findings, runs, triaged_at) SELECT {_TASK}, '[]', 1, {_AT} {_EACH}"
_SESSIONS = f"""
INSERT INTO sessions (session_id, employee_id, fence, opened_at, last_seen_at, closed_at, close_reason)
SELECT 's' || lpad(CAST(n AS text), 8, '0'), {_WHO}, 1, {_AT}, {_AT} + {_LATER}, {_AT} + {_LATER}, 'logout'
{_EACH} WHERE n % {SESSIONS_OF_TASKS} = 0
"""
_POSITION = "INSERT INTO cursors (name, position) VALUES ('outbox', 2 * :tasks)"
_AT_ONCE = (
    (_PEOPLE, _TASKS, _PAST, _COUNTED, _TRIAGE, _SESSIONS),
    (_ASSIGNMENTS, _AUDIT, _OUTBOX, _TRAINING, _POSITION),
)


def fill(address: str, tasks: int, people: int, pending: int) -> None:
    """So many finished tasks and people, and tasks that wait in their places or for their date."""
    database = Database(address)
    database.upgrade()
    with ThreadPoolExecutor(len(_AT_ONCE)) as threads:
        for done in [threads.submit(_execute, database, part, tasks, people) for part in _AT_ONCE]:
            done.result()
    chance = random.Random(1)
    waiting = [_waiting_task(f"w{number}", chance) for number in range(pending)]
    waiting += [_waiting_task(f"s{number}", chance, date(2100, 1, 1)) for number in range(SCHEDULED)]
    for start in range(0, len(waiting), PART):
        database.run(lambda unit, start=start: _add(unit, waiting[start : start + PART]))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    database.dispose()


def _execute(database: Database, statements: tuple[str, ...], tasks: int, people: int) -> None:
    names = "ARRAY[" + ", ".join(f"'{name}'" for name in SKILLS) + "]"
    words = {"skill": f"({names})[1 + n % {len(SKILLS)}]", "other": f"({names})[1 + (n + 3) % {len(SKILLS)}]"}
    with database.unit() as unit:
        # Rows are consistent by construction: keys need not be looked up, nor is there anything to lose in a crash.
        unit.connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            query = text(statement.format(**words))
            given = {"tasks": tasks, "people": people, "features": json.dumps(dict.fromkeys(FEATURE_NAMES, 0.5))}
            unit.connection.execute(query, {name: given[name] for name in query.compile().params})
        unit.connection.execute(text("SET session_replication_role = DEFAULT"))
        unit.commit()


def _add(unit, part: list[Task]) -> None:
    unit.tasks.add(part, unit.now())
    find_places(unit, [task.task_id for task in part], unit.now())


def _waiting_task(task_id: str, chance: random.Random, scheduled_date: date | None = None) -> Task:
    """A task that somebody has to do, now or on that date; those who plan have the latter for themselves."""
    return Task(
        task_id=task_id,
        scheduled_date=scheduled_date,
        title="Something is to be done",
        required_skills={chance.choice(SKILLS): 1.0},
        priority=chance.choice(("low", "medium", "medium", "high", "critical")),
        estimated_hours=chance.choice((0.5, 1.0, 2.0)),
        complexity_score=chance.choice((0.2, 0.5, 0.8)),
        category=f"category {chance.randrange(20)}",
    )
