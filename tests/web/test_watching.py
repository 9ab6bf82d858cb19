"""Health, status and numbers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from assignment_engine.store.database import Database
from assignment_engine.store.tables import tasks, workers
from tests.databases import Servers
from tests.redis_server import running_redis
from tests.web.conftest import Api, fill, served
from webapp.state import State


def state_of(api: Api) -> State:
    state: State = api.app.extensions["assignment_engine"]
    return state


def see_worker(
    database: Database, kind: str = "dispatch", seconds_ago: float = 0, busy_with: str | None = None
) -> None:
    """What a worker writes of itself."""
    with database.unit() as unit:
        now = unit.now()
        row = {"worker_id": f"w-{kind}", "instance_id": "i1", "kind": kind, "busy_with": busy_with, "started_at": now}
        unit.connection.execute(insert(workers).values(**row, last_seen_at=now - timedelta(seconds=seconds_ago)))
        unit.commit()


def readiness(api: Api) -> tuple[int, set[str]]:
    """The status, and what the answer says is wrong."""
    response = api.nobody.get("/health/ready")
    assert response.json is not None
    return response.status_code, {error["pointer"] for error in response.json.get("errors", ())}


def test_ready(every_api: Api) -> None:
    see_worker(state_of(every_api).engine.database)
    response = every_api.nobody.get("/health/ready")
    assert response.status_code == 200
    assert response.json == {
        "status": "ready",
        "checks": [{"name": name, "ok": True} for name in ("database", "migrations", "worker")],
    }


def test_a_first_instance_becomes_ready_by_itself(servers: Servers) -> None:
    """On a database without tables the question makes them."""
    with servers["postgresql"].empty() as url, served(url) as api:
        assert readiness(api) == (503, {"/worker"})
        see_worker(state_of(api).engine.database)
        assert readiness(api) == (200, set())


def test_no_worker_or_a_silent_one_is_not_ready(api: Api) -> None:
    assert readiness(api) == (503, {"/worker"})
    see_worker(state_of(api).engine.database, seconds_ago=61)
    response = api.nobody.get("/health/ready")
    assert (response.status_code, response.content_type) == (503, "application/problem+json")
    assert response.headers["Retry-After"]
    assert response.json is not None
    assert response.json["detail"] == "not ready: worker"


def test_no_database_is_not_ready(servers: Servers) -> None:
    with served("postgresql://nobody:hidden-password@127.0.0.1:9/none") as api:
        assert readiness(api) == (503, {"/database"})
        assert "hidden-password" not in api.nobody.get("/health/ready").text
        assert api.nobody.get("/health").status_code == 200


def test_tables_of_newer_code_are_not_ready(api: Api) -> None:
    with state_of(api).engine.database.unit() as unit:
        unit.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        unit.commit()
    assert readiness(api) == (503, {"/migrations"})


def test_redis_counts_where_it_is_configured(servers: Servers) -> None:
    with (
        running_redis() as server,
        servers["sqlite"].migrated() as url,
        served(url, redis_url=server.url) as api,
    ):
        see_worker(state_of(api).engine.database)
        assert readiness(api) == (200, set())
        server.stop()
        assert readiness(api) == (503, {"/redis"})


def test_status(every_api: Api) -> None:
    """This instance, live workers, tasks by status and by processing; a deleted task is none."""
    fill(every_api)
    every_api.post("/api/trigger_pipeline", json={"task_ids": ["t0"], "finalize": True})
    every_api.delete("/tasks/t2")
    database = state_of(every_api).engine.database
    see_worker(database, "triage", busy_with="t1")
    see_worker(database, "relay", seconds_ago=3600)
    shown = every_api.get("/status").json
    assert isinstance(shown, dict)
    counted = {"tasks", "processing", "waiting", "dispatch"}
    assert shown.keys() == {"instance_id", "started_at", "workers", "scorer", *counted}
    assert [(w["kind"], w["busy_with"], w.keys()) for w in shown["workers"]] == [
        ("triage", "t1", {"kind", "busy_with", "last_seen"})
    ]
    assert shown["tasks"] == {"assigned": 1, "pending": 1}
    assert shown["processing"] == {"pending": 2}
    (waits,) = shown["waiting"]
    assert {**waits, "oldest_seconds": 0} == {"queue": "default", "priority": "medium", "tasks": 1, "oldest_seconds": 0}
    assert 0 <= waits["oldest_seconds"] < 100
    assert every_api.get("/status").json["instance_id"] == shown["instance_id"]  # type: ignore[index]


def numbers(api: Api) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample, by name and labels."""
    response = api.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain")
    return {
        (sample.name.removeprefix("assignment_engine_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def labels(**given: str) -> frozenset[tuple[str, str]]:
    return frozenset(given.items())


def test_metrics(every_api: Api) -> None:
    fill(every_api)
    every_api.put("/tasks/t1", json={"priority": "critical", "queue": "night"})
    every_api.post("/api/trigger_pipeline", json={"task_ids": ["t0"], "finalize": True})
    database = state_of(every_api).engine.database
    see_worker(database)
    with database.unit() as unit:
        hour_ago = unit.now() - timedelta(hours=1)
        unit.connection.execute(update(tasks).where(tasks.c.task_id == "t2").values(enqueued_at=hour_ago))
        unit.commit()
    found = numbers(every_api)
    assert found["queue_length", labels(queue="night", priority="critical")] == 1
    assert found["queue_length", labels(queue="default", priority="medium")] == 1
    assert 3600 <= found["oldest_waiting_seconds", labels(queue="default")] < 3700
    assert 0 <= found["oldest_waiting_seconds", labels(queue="night")] < 100
    assert found["assignments", labels(status="assigned")] == 1
    assert found["assignments", labels(status="completed")] == 0
    assert found["outbox_lag_events", labels()] == 1
    assert 0 <= found["outbox_lag_seconds", labels()] < 100
    assert found["workers", labels()] == 1
    (scorer,) = [dict(key[1]) for key in found if key[0] == "scorer_info"]
    assert scorer.keys() == {"name", "version", "is_fallback"}
    assert found["request_seconds_count", labels(method="PUT", endpoint="/tasks/<id:task_id>", status="2xx")] == 1


def test_dispatch_is_seen(api: Api) -> None:
    """Whoever dispatches tells it, and the histogram has it."""
    watcher: Any = state_of(api).engine.observed
    watcher.dispatched("night", 0.03)
    watcher.dispatched("night", 0.3)
    watcher.dispatch_failed("night")
    latency = api.get("/status").json["dispatch"]  # type: ignore[index]
    assert latency == {"window_seconds": 3600, "dispatches": 2, "median_seconds": 0.03, "p95_seconds": 0.3}
    found = numbers(api)
    assert found["dispatch_seconds_count", labels(queue="night")] == 2
    assert found["dispatch_seconds_sum", labels(queue="night")] == pytest.approx(0.33)
    assert found["dispatch_seconds_bucket", labels(queue="night", le="0.05")] == 1
    assert found["dispatch_failures_total", labels(queue="night")] == 1


def test_applications_do_not_share_their_numbers(servers: Servers) -> None:
    with servers["sqlite"].migrated() as url, served(url) as one, served(url) as other:
        one.get("/tasks")
        key = ("request_seconds_count", labels(method="GET", endpoint="/tasks", status="2xx"))
        assert numbers(one)[key] == 1
        assert key not in numbers(other)


def test_metrics_need_a_token_and_their_failure_is_a_problem(api: Api) -> None:
    assert api.nobody.get("/metrics").status_code == 401
    with served("postgresql://nobody@127.0.0.1:9/none") as away:
        response = away.get("/metrics")
        assert (response.status_code, response.content_type) == (503, "application/problem+json")


def test_every_number_is_described(api: Api) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    api.get("/tasks")
    watcher: Any = state_of(api).engine.observed
    watcher.dispatched("night", 0.03)
    watcher.dispatch_failed("night")
    names = {
        family.name.removesuffix("_created") for family in text_string_to_metric_families(api.get("/metrics").text)
    }
    assert len(names) > 8
    assert {name for name in names if name not in page} == set()
