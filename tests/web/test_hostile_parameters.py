"""Cursors, versions and keys that nobody was given: refused, or without effect, whatever they hold."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import Api, fill, pointers

SORTS = ("created_at", "title", "priority", "estimated_hours", "complexity_score")  # one of each type
VALUES: tuple[Any, ...] = (
    *(None, 1, 10**30, -(10**30), 1.5, 1e308, float("nan"), True, [], {}),
    *("x", "\ud800", "a\0b", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
)
IDS: tuple[Any, ...] = ("\ud800", "a\0b", 5, None)


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_a_cursor_of_anything_is_refused_or_leads_to_a_page(every_api: Api) -> None:
    fill(every_api)
    for sort in SORTS:
        for value, row_id in [(value, "t0") for value in VALUES] + [(None, row_id) for row_id in IDS]:
            answer = every_api.get("/tasks", query_string={"sort": sort, "after": cursor(sort, value, row_id)})
            assert answer.status_code in (200, 422), (sort, value, row_id, answer.text)
            assert answer.status_code == 200 or pointers(answer) == ["/after"]
            assert answer.status_code == 422 or row_id == "t0"


@pytest.mark.parametrize("after", ["x", "é", "====", "W10", "bnVsbA", "[" * 200, "W" * 255], ids=range(7))
def test_a_cursor_that_is_none_is_refused(api: Api, after: str) -> None:
    assert pointers(api.get("/tasks", query_string={"after": after})) == ["/after"]


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=300)
ODD = st.sampled_from(["*", '"1"', 'W/"1"', '"1", "2"', '"' * 9, "1", ",", '"1', "", "-1", "\u00a0"])


@given(version=HEADER | ODD, key=HEADER | ODD)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True, deadline=None)
def test_versions_and_keys_of_anything_are_answered(planned: Api, version: str, key: str) -> None:
    changed = planned.put("/tasks/t0", json={"title": "y"}, headers={"If-Match": version})
    created = planned.post("/tasks", json={"title": "x"}, headers={"Idempotency-Key": key})
    assert changed.status_code in (200, 412), changed.text
    assert created.status_code == 201 or pointers(created) == ["/Idempotency-Key"]
