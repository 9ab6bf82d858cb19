"""The document says what the application does, and its page needs no network."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.web.conftest import Api


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    document = api.nobody.get("/openapi.json").json
    assert isinstance(document, dict)
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, o) for path, item in document["paths"].items() for method, o in item.items()]


def test_version_and_security(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


def test_every_rule_is_documented_and_every_operation_exists(api: Api, document: dict[str, Any]) -> None:
    rules = {
        (method.lower(), re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith(("/docs", "/openapi", "/board")) and rule.rule != "/"
    }
    assert {(method, path) for method, path, _ in operations(document)} == rules


def test_problems_are_documented_as_problems(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        expected = {"500", "503"} if path.startswith("/health") else {"401", "403", "422", "500", "503"}
        assert expected <= operation["responses"].keys(), (method, path)
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]


def test_all_references_lead_somewhere(document: dict[str, Any]) -> None:
    names = set(re.findall(r"#/components/schemas/([\w.-]+)", repr(document)))
    assert names <= document["components"]["schemas"].keys()


def test_operation_ids_differ(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["EmployeeRecord", "ReadTask"])
def test_answers_have_exactly_the_documented_fields(planned: Api, document: dict[str, Any], name: str) -> None:
    answer = planned.get({"EmployeeRecord": "/api/employees/ana", "ReadTask": "/tasks/t0"}[name]).json
    assert isinstance(answer, dict)
    assert answer.keys() == document["components"]["schemas"][name]["properties"].keys()


def test_the_page_loads_nothing_from_elsewhere(api: Api) -> None:
    page = api.nobody.get("/docs")
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sources
    assert all(source.startswith("/docs/") for source in sources)
    assert {api.nobody.get(source).status_code for source in sources} == {200}
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_the_page_shows_only_its_own_files(api: Api) -> None:
    assert api.nobody.get("/docs/../__init__.py").status_code == 404
    assert api.nobody.get("/docs/%2e%2e/__init__.py").status_code == 404
