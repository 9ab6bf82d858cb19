"""The application keeps what its OpenAPI document promises, to everybody and to nobody, whatever is sent."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Config, GenerationMode

from tests.databases import Servers
from tests.web.conftest import Api, fill, served
from tests.web.test_watching import see_worker, state_of

CONFIGURATION = Path(__file__).parents[2] / "schemathesis.toml"
STREAMS = {"/api/v1/events/stream"}  # stays open for half a minute; it has tests of its own
TIMES = int(os.environ.get("SCHEMATHESIS_TIMES", "1"))  # so many times as many examples
EXAMPLES = {"admin": 4, "planner": 1, "technician": 1, None: 1}


@pytest.fixture
def stocked(servers: Servers) -> Iterator[Api]:
    """People, tasks, an assignment and a preview, so that not every id is unknown."""
    with servers["sqlite"].migrated() as url, served(url, log_level="CRITICAL") as api:
        fill(api)
        see_worker(state_of(api).engine.database, seconds_ago=-3600)  # it is there however slow this is
        assert api.post("/api/v1/assignments", json={"ticket_id": "t0", "technician_id": "ana"}).status_code == 201
        yield api


def known_ids(api: Api) -> dict[str, str]:
    """A record that is there, for each kind of id in an address."""
    (assignment,) = api.get("/api/v1/assignments").json["items"]  # type: ignore[index]
    preview = api.post("/api/assignments/preview", json={}).json["preview_id"]  # type: ignore[index]
    return {
        "employee_id": "ana",
        "person_id": "ana",
        "task_id": "t0",
        "assignment_id": assignment["id"],
        "preview_id": preview,
        "name": "default",
    }


def strategy(operation: Any, ids: dict[str, str]) -> st.SearchStrategy[Any]:
    """Valid and invalid calls, to records that are there and to others."""
    names = {parameter.name for parameter in operation.path_parameters}
    here = {name: ids[name] for name in names & ids.keys()}
    kinds = [operation.as_strategy(mode) for mode in GenerationMode]
    if here:
        kinds += [operation.as_strategy(mode, path_parameters=here) for mode in GenerationMode]
    return st.one_of(kinds).filter(is_sent_as_reported)


def is_sent_as_reported(case: Any) -> bool:
    """An object as a parameter is sent as one text, which may be valid, but reported and judged as several."""
    return not any(isinstance(value, dict) for value in (case.query or {}).values())


@pytest.mark.slow
@pytest.mark.parametrize("role", EXAMPLES, ids=str)
def test_the_document_holds(stocked: Api, role: str | None) -> None:
    ids = known_ids(stocked)
    caller = stocked.nobody if role is None else stocked.as_(role, "ana")
    headers = {} if role is None else {"Authorization": f"Bearer {caller.token}"}
    broken = []
    document = schemathesis.openapi.from_wsgi("/openapi.json", stocked.app, config=Config.from_path(CONFIGURATION))
    for result in document.get_all_operations():
        operation = result.ok()
        if operation.path in STREAMS:
            continue

        @given(strategy(operation, ids))
        @settings(
            max_examples=TIMES * EXAMPLES[role],
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def holds(case: Any) -> None:
            case.call_and_validate(headers=headers)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what its libraries are going to change is no concern of this test
            try:
                holds()
            except (AssertionError, BaseExceptionGroup) as failure:
                broken.append(f"{operation.label}: {failure}")
    assert not broken, "\n\n".join(broken)
