"""Models by HTTP: which there are, promotion on evidence from the log, rollback, and what is served afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import pytest

from assignment_engine.learning.promotion import promote
from assignment_engine.scoring.bundle import Bundle, load_bundle, save_bundle
from assignment_engine.scoring.registry import shipped_models
from tests.databases import Servers
from tests.web.conftest import Api, fill, pointers, served
from tests.worded import promoted


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two bundles, of which `one` is the champion."""
    bundle = load_bundle(shipped_models() / "default")
    for name in ("one", "two"):
        named = Bundle(bundle.manifest.model_copy(update={"version": name}), bundle.model_text)
        save_bundle(named, tmp_path / name)
    promote(tmp_path, "one", data=None, now=datetime(2026, 1, 1, tzinfo=UTC), force=True, reason="the first one")
    return tmp_path


@pytest.fixture
def office(servers: Servers, models: Path) -> Iterator[Api]:
    with servers["sqlite"].migrated() as url, served(url, model_dir=models) as api:
        fill(api)
        yield api


def in_use(api: Api) -> str:
    return api.get("/api/models").json["in_use"]["version"]


def champions(api: Api) -> list[str]:
    return [model["version"] for model in api.get("/api/models").json["items"] if model["is_champion"]]


def force(api: Api, name: str) -> dict:
    answer = api.post(f"/api/models/{name}/promote", json={"force": True, "reason": "a trial"})
    assert answer.status_code == 200, answer.json
    return answer.json


def test_the_list_shows_every_bundle_and_what_is_in_use(office: Api) -> None:
    page = office.get("/api/models").json
    assert {model["version"] for model in page["items"]} == {"one", "two"}
    assert page["total"] == 2
    assert page["in_use"] == {"name": "lightgbm", "version": "one", "warning": None}
    assert all(len(model["features"]) == 17 and model["kind"] == "success" for model in page["items"])


def test_a_bundle_that_cannot_be_used_says_why(office: Api, models: Path) -> None:
    (models / "two" / "model.txt").write_text("tree\n")
    (broken,) = [model for model in office.get("/api/models").json["items"] if model["version"] == "two"]
    assert "sha256" in broken["problem"]
    answer = office.post("/api/models/two/promote", json={"force": True, "reason": "a trial"})
    assert answer.status_code == 409
    assert in_use(office) == "one"


def test_what_is_promoted_scores_the_next_plan_candidates_and_dispatch(office: Api) -> None:
    """Every way to a decision says the same model."""
    assert office.post("/api/assignments/preview", json={}).json["scorer"]["version"] == "one"
    assert force(office, "two")["previous"] == "one"
    assert (champions(office), in_use(office)) == (["two"], "two")
    assert office.get("/tasks/t0/candidates").json["scorer"]["version"] == "two"
    assert office.post("/api/assignments/preview", json={}).json["scorer"]["version"] == "two"
    (given,) = office.post("/personnel/login", json={"person_id": "ana"}).json["assignments"]
    assert given["scorer"] == "lightgbm two"


def test_rollback_brings_the_champion_before_back(office: Api) -> None:
    force(office, "two")
    answer = office.post("/api/models/rollback", json={"reason": "complaints"})
    assert answer.status_code == 200
    assert (answer.json["bundle"], answer.json["reason"]) == ("one", "complaints")
    assert in_use(office) == "one"
    assert office.post("/api/models/rollback").status_code == 409


def test_a_report_says_what_the_log_cannot_tell_yet(office: Api) -> None:
    """What it was trained on is known all the same."""
    told = office.as_("planner").get("/api/models/one").json
    assert (told["version"], told["is_champion"], told["report"]) == ("one", True, None)
    assert "cannot judge" in told["why_not"]
    assert told["training"]["rows"] == 22245
    assert office.get("/api/models/none").status_code == 404


def test_the_version_that_plans_carry_is_shown_and_finds_the_bundle(api: Api) -> None:
    (shown,) = [model for model in api.get("/api/models").json["items"] if model["is_champion"]]
    assert shown["scorer_version"] == in_use(api) == "default-1"
    named = [api.get(f"/api/models/{name}").json for name in ("default", "default-1")]
    assert [(report["version"], report["scorer_version"]) for report in named] == [("default", "default-1")] * 2


def test_a_version_that_several_bundles_have_finds_none(office: Api, models: Path) -> None:
    for name in ("first-copy", "second-copy"):
        copytree(models / "two", models / name)
    (models / "two").rename(models / "another")
    assert office.post("/api/models/two/promote", json={"force": True, "reason": "a trial"}).status_code == 404


def test_the_latest_changes_are_listed(office: Api) -> None:
    force(office, "two")
    changes = office.get("/api/models").json["changes"]
    assert [(change["action"], change["bundle"], change["forced"]) for change in changes] == [
        ("promote", "two", True),
        ("promote", "one", True),
    ]


def test_without_evidence_in_the_log_nothing_is_promoted(office: Api) -> None:
    answer = office.post("/api/models/two/promote")
    assert answer.status_code == 409
    assert answer.content_type == "application/problem+json"
    assert (champions(office), in_use(office)) == (["one"], "one")


def test_force_needs_a_reason_and_a_bundle_that_is_there(office: Api) -> None:
    answer = office.post("/api/models/two/promote", json={"force": True})
    assert (answer.status_code, pointers(answer)) == (422, ["/reason"])
    assert office.post("/api/models/three/promote", json={"force": True, "reason": "why not"}).status_code == 404


def test_the_models_that_come_with_the_engine_are_not_changed(api: Api) -> None:
    before = champions(api)
    assert api.post("/api/models/default/promote", json={"force": True, "reason": "why not"}).status_code == 409
    assert api.post("/api/models/rollback").status_code == 409
    assert champions(api) == before


def test_models_that_read_tickets_are_listed_promoted_and_taken_back(office: Api, models: Path) -> None:
    """They have a champion of their own, beside the one that scores pairs."""
    promoted(models, "words")
    promoted(models, "more-words")
    shown = {model["version"]: model for model in office.get("/api/models").json["items"]}
    assert (shown["words"]["kind"], shown["words"]["features"]) == ("triage", ["category"])
    assert shown["words"]["metrics"]["category"]["gain"] > 0.4
    assert [name for name, model in shown.items() if model["is_champion"]] == ["one", "more-words"]
    assert office.post("/api/models/words/promote").status_code == 409, "no finished tasks show that it is better"
    assert force(office, "words")["kind"] == "triage"
    back = office.post("/api/models/rollback", json={"kind": "triage"})
    assert (back.status_code, back.json["bundle"]) == (200, "more-words")
    assert (champions(office), in_use(office)) == (["one", "more-words"], "one")
