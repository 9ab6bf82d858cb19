"""Who may call what."""

from __future__ import annotations

import re
import time

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from werkzeug.test import TestResponse

from assignment_engine.config import read_settings
from assignment_engine.domain.errors import ConfigurationError
from tests.web.conftest import SECRET, Api
from webapp.app import create_app
from webapp.auth import access_of, make_token

READERS = {"planner", "admin"}
EVERYBODY = {"technician", "planner", "admin"}
MATRIX = {
    ("POST", "/api/assignments/preview"): READERS,
    ("GET", "/api/assignments/preview/{preview_id}"): READERS,
    ("POST", "/api/assignments/finalize/{preview_id}"): READERS,
    ("GET", "/api/assignments/finalize/{preview_id}"): READERS,
    ("POST", "/api/trigger_pipeline"): READERS,
    ("POST", "/api/employees"): {"admin"},
    ("GET", "/api/employees"): READERS,
    ("GET", "/api/employees/{employee_id}"): EVERYBODY,
    ("PUT", "/api/employees/{employee_id}"): {"admin"},
    ("DELETE", "/api/employees/{employee_id}"): {"admin"},
    ("POST", "/tasks"): {"admin"},
    ("GET", "/tasks"): READERS,
    ("GET", "/tasks/{task_id}"): EVERYBODY,
    ("PUT", "/tasks/{task_id}"): {"admin"},
    ("DELETE", "/tasks/{task_id}"): {"admin"},
    ("GET", "/tasks/{task_id}/candidates"): READERS,
    ("POST", "/tasks/{task_id}/conversations"): {"admin"},
    ("GET", "/tasks/{task_id}/conversations"): EVERYBODY,
    ("PUT", "/conversations/{conversation_id}"): {"admin"},
    ("GET", "/tasks/{task_id}/triage"): READERS,
    ("POST", "/tasks/{task_id}/triage"): READERS,
    ("GET", "/batch/jobs"): READERS,
    ("GET", "/batch/status/{job_ids}"): READERS,
    ("POST", "/batch/jobs/{job_id}/cancel"): {"admin"},
    ("POST", "/batch/jobs/{job_id}/retry"): {"admin"},
    ("GET", "/batch/stuck-jobs"): {"admin"},
    ("POST", "/batch/recover-jobs"): {"admin"},
    ("GET", "/batch/concurrency-info"): {"admin"},
    ("POST", "/upload"): {"admin"},
    ("POST", "/batch/process-directory"): {"admin"},
    ("GET", "/batch/jobs/{job_id}/files/{name}"): READERS,
    ("POST", "/batch/jobs/{job_id}/import"): {"admin"},
    ("POST", "/reference-files"): {"admin"},
    ("GET", "/reference-files"): {"admin"},
    ("DELETE", "/reference-files/{reference_id}"): {"admin"},
    ("GET", "/stats"): READERS,
    ("GET", "/stats/health"): READERS,
    ("GET", "/api/models"): READERS,
    ("GET", "/api/models/{version}"): READERS,
    ("POST", "/api/models/{version}/promote"): {"admin"},
    ("POST", "/api/models/rollback"): {"admin"},
    ("POST", "/api/import/employees"): {"admin"},
    ("POST", "/api/import/tasks"): {"admin"},
    ("POST", "/api/import/history"): {"admin"},
    ("GET", "/api/v1/events"): EVERYBODY,
    ("GET", "/api/v1/events/stream"): EVERYBODY,
    ("POST", "/api/v1/events"): {"admin"},
    ("GET", "/api/v1/events/received"): {"admin"},
    ("POST", "/api/v1/assignments"): {"admin"},
    ("GET", "/api/v1/assignments"): READERS,
    ("GET", "/api/v1/assignments/me"): {"technician"},
    ("GET", "/api/v1/assignments/{assignment_id}"): EVERYBODY,
    ("GET", "/api/v1/assignments/{assignment_id}/history"): EVERYBODY,
    ("POST", "/api/v1/assignments/{assignment_id}/accept"): {"technician", "admin"},
    ("POST", "/api/v1/assignments/{assignment_id}/reject"): {"technician", "admin"},
    ("POST", "/api/v1/assignments/{assignment_id}/complete"): {"technician", "admin"},
    ("POST", "/api/v1/assignments/{assignment_id}/fail"): {"technician", "admin"},
    ("POST", "/api/v1/assignments/{assignment_id}/release"): READERS,
    ("POST", "/api/v1/assignments/{assignment_id}/cancel"): READERS,
    ("POST", "/personnel/login"): {"technician", "admin"},
    ("GET", "/personnel/{person_id}/session"): {"technician", "admin"},
    ("POST", "/personnel/{person_id}/heartbeat"): {"technician", "admin"},
    ("POST", "/personnel/{person_id}/logout"): {"technician", "admin"},
    ("POST", "/personnel/{person_id}/pause"): {"technician", "admin"},
    ("POST", "/personnel/{person_id}/resume"): {"technician", "admin"},
    ("GET", "/personnel/status"): READERS,
    ("POST", "/tasks/{task_id}/complete"): {"technician", "admin"},
    ("POST", "/tasks/{task_id}/reopen"): READERS,
    ("GET", "/tasks/queue"): EVERYBODY,
    ("GET", "/api/queues"): {"admin"},
    ("GET", "/api/queues/{name}"): {"admin"},
    ("PUT", "/api/queues/{name}"): {"admin"},
    ("GET", "/api/v1/alerts"): READERS,
    ("GET", "/status"): READERS,
    ("GET", "/metrics"): READERS,
    ("DELETE", "/api/session"): EVERYBODY,
}
OPEN = {("GET", "/health"), ("GET", "/health/ready"), ("GET", "/api/session"), ("POST", "/api/session")}
BOARD = {"/", "/board", "/board/sign-in", "/board/static/<version>/<path:name>", "/api/session"}


BODIES = {"/reject": {"rejection_reason": "no"}, "/fail": {"reason": "no"}}


def called(api: Api, call: tuple[str, str], **ids: str) -> TestResponse:
    """The answer to a call about these records; ids that are not given are those of nothing."""
    method, path = call
    address = re.sub(r"\{(\w+)\}", lambda name: ids.get(name[1], "none"), path)
    body = next((body for end, body in BODIES.items() if path.endswith(end)), None)
    return api.call(method, address, json=body) if body else api.call(method, address)


@pytest.mark.parametrize("role", sorted(EVERYBODY))
def test_roles(api: Api, role: str) -> None:
    """A role that an endpoint is for gets past the door, another is refused, whatever is behind it."""
    statuses = {call: called(api.as_(role), call, person_id="somebody").status_code for call in MATRIX}
    assert {call for call, status in statuses.items() if status != 403} == {c for c in MATRIX if role in MATRIX[c]}
    assert 401 not in statuses.values()


def test_without_token(api: Api) -> None:
    for call in MATRIX:
        response = called(api.nobody, call)
        assert (response.status_code, response.content_type) == (401, "application/problem+json"), call
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_with_the_token_of_somebody_else(planned: Api) -> None:
    """What is another technician's cannot be told from what is not there, and cannot be done for them."""
    assignment = planned.post("/api/v1/assignments", json={"ticket_id": "t0", "technician_id": "ana"}).json
    assert assignment is not None
    ids = {"employee_id": "ana", "person_id": "ana", "task_id": "t0", "assignment_id": assignment["id"]}
    personal = [call for call, roles in MATRIX.items() if "technician" in roles and "{" in call[1]]
    assert len(personal) > 10
    for call in personal:
        foreign = called(planned.as_("technician", "bo"), call, **ids)
        assert foreign.status_code == (403 if call[1].startswith("/personnel/") else 404), call
    assert planned.get(f"/api/v1/assignments/{assignment['id']}").json == assignment


def test_the_matrix_is_complete(api: Api) -> None:
    """Every operation of the document is in the matrix or open, and asks for a token accordingly."""
    document = api.nobody.get("/openapi.json").json
    assert document
    operations = {(m.upper(), p): o for p, item in document["paths"].items() for m, o in item.items()}
    assert operations.keys() == {*MATRIX, *OPEN}
    assert {call for call, operation in operations.items() if operation.get("security")} == MATRIX.keys()


def test_every_rule_declares_its_roles(api: Api) -> None:
    open_rules = set()
    for rule in api.app.url_map.iter_rules():
        access = access_of(api.app.view_functions[rule.endpoint])
        assert access.is_open or access.roles, rule
        if access.is_open:
            open_rules.add(rule.rule)
    assert open_rules == {"/health", "/health/ready", "/openapi.json", "/docs", "/docs/<path:name>", *BOARD}


def test_an_undeclared_endpoint_is_closed(api: Api) -> None:
    api.app.add_url_rule("/forgotten", view_func=lambda: "secret")
    assert api.nobody.get("/forgotten").status_code == 401
    assert api.get("/forgotten").status_code == 403


def signed(claims: dict[str, object], secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode({"alg": algorithm}, dict(claims), OctKey.import_key(secret), algorithms=[algorithm])


NOW = int(time.time())
A_DAY = 86_400  # longer than the whole suite takes, between collecting a test and running it
GOOD = {"sub": "boss", "role": "admin", "exp": NOW + A_DAY}


def unsigned() -> str:
    return "eyJhbGciOiJub25lIn0." + signed(GOOD).split(".")[1] + "."


@pytest.mark.parametrize(
    "token",
    [
        signed({**GOOD, "exp": NOW - 1}),
        signed({"sub": "boss", "role": "admin"}),
        signed({**GOOD, "exp": "soon"}),
        signed({**GOOD, "nbf": NOW + A_DAY}),
        signed({**GOOD, "role": "root"}),
        signed({**GOOD, "role": ["admin"]}),
        signed({**GOOD, "sub": 5}),
        signed({**GOOD, "sub": "x" * 256}),
        signed({"role": "technician", "exp": NOW + A_DAY}),
        signed(GOOD, secret="another secret that is long enough"),
        signed(GOOD, algorithm="HS512"),
        pytest.param(unsigned(), id="unsigned"),
        signed(GOOD)[:-2],
        "a.b.c",
        "not-a-token",
        "\xff",
    ],
)
def test_bad_tokens(api: Api, token: str) -> None:
    response = api.nobody.get("/tasks", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 401
    assert token not in response.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_good_token(api: Api, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {make_token(SECRET, 'planner', 'pia', 0.1)}"}
    assert api.nobody.get("/tasks", headers=headers).status_code == 200


def test_short_secrets_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="32"):
        make_token("short", "admin", "boss", 1)


def test_no_secret_no_application(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    with pytest.raises(ConfigurationError, match="JWT_SECRET"):
        create_app(read_settings(database_url="sqlite:///never-opened.db"))


def test_technicians_see_themselves_and_their_tasks(planned: Api) -> None:
    """What is somebody else's is not there."""
    planned.post("/api/trigger_pipeline", json={"task_ids": ["t0"], "employee_ids": ["ana"], "finalize": True})
    ana, bo = planned.as_("technician", "ana"), planned.as_("technician", "bo")
    assert [ana.get("/api/employees/ana").status_code, bo.get("/api/employees/ana").status_code] == [200, 404]
    assert [ana.get("/tasks/t0").status_code, bo.get("/tasks/t0").status_code] == [200, 404]
    assert ana.get("/tasks/t1").status_code == 404
    assert bo.get("/tasks/t0").json == {**bo.get("/tasks/gone").json, "detail": "there is no task 't0'"}  # type: ignore[dict-item]
