"""An application on a fresh database, and clients with tokens."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask_openapi.openapi import OpenAPI
from werkzeug.test import TestResponse

from assignment_engine.config import read_settings
from tests.databases import KINDS, Servers
from webapp.app import create_app
from webapp.auth import make_token
from webapp.state import State
from webapp.streams import Streams

SECRET = "a secret for tests, 32 bytes or more"


@dataclass(frozen=True)
class Api:
    """Calls as somebody; by default as an admin."""

    app: OpenAPI
    subject: str | None = "boss"
    role: str = "admin"

    def as_(self, role: str, subject: str = "somebody") -> Api:
        return Api(self.app, subject, role)

    @property
    def nobody(self) -> Api:
        return Api(self.app, None)

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        token = {} if self.subject is None else {"Authorization": f"Bearer {self.token}"}
        return self.app.test_client().open(
            path, method=method, headers={**token, **(headers or {})}, buffered=True, **options
        )

    @property
    def token(self) -> str:
        return make_token(SECRET, self.role, self.subject or "", 1)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self.call("POST", path, **options)

    def put(self, path: str, **options: Any) -> TestResponse:
        return self.call("PUT", path, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)


@contextmanager
def served(url: str, **settings: object) -> Iterator[Api]:
    with tempfile.TemporaryDirectory(prefix="assignment-engine-") as data:
        given = {"jwt_secret": SECRET, "preview_ttl_seconds": 3600, "rate_limit": "off", "data_root": data, **settings}
        app = create_app(read_settings(database_url=url, **given))
        state: State = app.extensions["assignment_engine"]
        # A client here reads to the end.
        app.extensions["assignment_engine"] = replace(state, streams=Streams(seconds=0.3))
        yield Api(app)
        state.engine.database.dispose()


@pytest.fixture
def api(servers: Servers) -> Iterator[Api]:
    with servers["sqlite"].migrated() as url, served(url) as api:
        yield api


@pytest.fixture(params=KINDS)
def every_api(request: pytest.FixtureRequest, servers: Servers) -> Iterator[Api]:
    """The application on each kind of database."""
    with servers[request.param].migrated() as url, served(url) as api:
        yield api


@pytest.fixture
def planned(api: Api) -> Api:
    """Two people, three tasks."""
    fill(api)
    return api


def fill(api: Api) -> None:
    for person, level in (("ana", 0.9), ("bo", 0.5)):
        body = {"employee_id": person, "skills": {"python": level}, "experience_years": 5}
        assert api.post("/api/employees", json=body).status_code == 201
    for number in range(3):
        body = {"task_id": f"t{number}", "title": f"Task {number}", "required_skills": ["python"], "estimated_hours": 2}
        assert api.post("/tasks", json=body).status_code == 201


def pointers(response: TestResponse) -> list[str]:
    """Where the problem says the errors are."""
    assert response.content_type == "application/problem+json"
    assert response.json is not None
    return [error["pointer"] for error in response.json["errors"]]
