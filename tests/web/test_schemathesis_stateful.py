"""Chains of calls, each made with what an earlier one answered: the document still holds, and so do the tables."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from schemathesis import Config, GenerationMode

from tests.databases import Servers
from tests.web.conftest import Api, fill, served
from tests.web.test_schemathesis import CONFIGURATION, is_sent_as_reported
from tests.web.test_watching import see_worker, state_of
from webapp.links import CHAINS

SETTINGS = settings(
    max_examples=int(os.environ.get("STATEFUL_SCENARIOS", "20")),
    stateful_step_count=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def office(servers: Servers) -> Iterator[Api]:
    with servers["sqlite"].migrated() as url, served(url, log_level="CRITICAL") as api:
        fill(api)
        see_worker(state_of(api).engine.database)
        yield api


def beginnings(api: Api) -> dict[str, Any]:
    """Sound bodies by operation, made when asked for, so that chains get going; what follows is generated."""
    numbers = count()

    def ticket() -> str:
        task_id = f"ticket-{next(numbers)}"
        assert api.post("/tasks", json={"task_id": task_id, "title": "x"}).status_code == 201
        return task_id

    return {
        "create_employee": lambda: {"employee_id": f"person-{next(numbers)}", "skills": {"python": 0.5}},
        "create_task": lambda: {"task_id": f"task-{next(numbers)}", "title": "x", "required_skills": ["python"]},
        "create_assignment": lambda: {"ticket_id": ticket(), "technician_id": "ana"},
        "preview_assignments": lambda: {"task_ids": [ticket()]},
        "create_conversation": lambda: {"content": "still broken"},
    }


@pytest.mark.slow
def test_chains_of_calls_keep_the_document_and_the_tables(office: Api) -> None:
    """STATEFUL_SCENARIOS=1000 for a long run."""
    begin, headers = beginnings(office), {"Authorization": f"Bearer {office.token}"}
    followed: Counter[str] = Counter()
    document = schemathesis.openapi.from_wsgi("/openapi.json", office.app, config=Config.from_path(CONFIGURATION))

    class Chains(document.as_state_machine()):  # type: ignore[misc]  # made at run time
        def before_call(self, case: Any) -> None:
            assume(is_sent_as_reported(case))
            name = case.operation.definition.raw["operationId"]
            if name in begin and case.meta.generation.mode is GenerationMode.POSITIVE:
                case.body = begin[name]()
                case.headers.pop("Idempotency-Key", None)  # when it is tried again, it comes with another body

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": headers}

        def after_call(self, response: Any, case: Any) -> None:
            followed[f"{case.operation.label} {response.status_code}"] += 1
            super().after_call(response, case)

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            case.validate_response(response, headers=headers, recorder=self.recorder)

        def teardown(self) -> None:
            with state_of(office).engine.database.read() as unit:
                assert unit.doctor() == []

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its libraries are going to change is no concern of this test
        Chains.run(settings=SETTINGS)
    assert len([call for call in followed if "{" in call and call.endswith((" 200", " 201", " 204"))]) >= 3, followed


def test_each_link_reads_what_the_answer_holds_and_fills_what_the_call_takes(api: Api) -> None:
    """Where they lead is checked when the document is made."""
    document: Any = api.nobody.get("/openapi.json").json
    operations = {one["operationId"]: one for item in document["paths"].values() for one in item.values()}
    links = [
        (name, link, answer["content"]["application/json"]["schema"])
        for operation in operations.values()
        for answer in operation["responses"].values()
        for name, link in answer.get("links", {}).items()
    ]
    assert len(links) == sum(len(chain.then) for chain in CHAINS)
    for name, link, schema in links:
        held = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        values = {**link.get("parameters", {}), **link.get("requestBody", {})}
        assert {value.split("#/")[1].split("/")[0] for value in values.values()} <= held.keys(), name
        taken = {parameter["name"] for parameter in operations[name].get("parameters", ())}
        assert set(link.get("parameters", {})) <= taken, name
        assert values, name
