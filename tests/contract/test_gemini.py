"""Gemini through both real libraries against a server on this machine, and what becomes of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from assignment_engine.adapters.gemini import Gemini, GeminiSettings, GenaiLibrary, LegacyLibrary
from assignment_engine.config import read_settings
from assignment_engine.domain.errors import RemoteModelError
from assignment_engine.domain.records import Employee, Task
from assignment_engine.features.skills import SkillMatcher
from assignment_engine.services.embeddings import EmbeddingFiller
from assignment_engine.services.triage.refine import Refiner
from assignment_engine.services.triage.triage import TriageWorker, rules_reader
from assignment_engine.store.database import Database
from assignment_engine.wiring import build_engine, build_ml_service
from tests.gemini_server import VECTORS, Fake, gemini_server

NOW = datetime(2026, 3, 2, tzinfo=UTC)
KEY = "a-key-that-is-secret"


@pytest.fixture
def fake() -> Iterator[Fake]:
    with gemini_server() as server:
        yield server


@pytest.fixture
def settings(fake: Fake) -> GeminiSettings:
    return GeminiSettings(KEY, "gemini-embedding-001", "gemini-flash-latest", 2.0, 3, 0.01, fake.url)


@pytest.fixture(params=[GenaiLibrary, LegacyLibrary])
def gemini(request: pytest.FixtureRequest, settings: GeminiSettings) -> Gemini:
    return Gemini(settings, request.param(settings))


def test_each_phrase_gets_a_vector_of_its_own(gemini: Gemini, fake: Fake) -> None:
    """Three phrases are asked for in one request and come back as three vectors in their order."""
    names = list(VECTORS)
    vectors = gemini.embed(names)
    assert [pytest.approx(list(vector), abs=1e-6) for vector in vectors] == list(VECTORS.values())
    ((path, body),) = fake.asked
    assert path.endswith("/models/gemini-embedding-001:batchEmbedContents")
    assert len(body["requests"]) == 3
    assert all(request["outputDimensionality"] == 768 for request in body["requests"])


def test_an_answer_is_json_as_text(gemini: Gemini, fake: Fake) -> None:
    fake.answer = [{"number": 0}]
    assert gemini.answer("a question") == '[{"number": 0}]'
    ((path, body),) = fake.asked
    assert path.endswith("/models/gemini-flash-latest:generateContent")
    assert body["contents"][0]["parts"][0]["text"] == "a question"
    assert body["generationConfig"]["responseMimeType"] == "application/json"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(gemini: Gemini, fake: Fake, status: int) -> None:
    fake.failures = [status, status]
    assert len(gemini.embed(["python"])) == 1
    assert len(fake.asked) == 3


def test_a_lasting_failure_is_told_without_key_and_text(gemini: Gemini, fake: Fake) -> None:
    fake.failures = [503] * 3
    with pytest.raises(RemoteModelError) as caught:
        gemini.answer("words of a ticket")
    assert "3 attempt(s)" in str(caught.value)
    assert KEY not in str(caught.value)
    assert "ticket" not in str(caught.value)


def test_a_refused_request_is_not_tried_again(gemini: Gemini, fake: Fake) -> None:
    fake.failures = [400]
    with pytest.raises(RemoteModelError):
        gemini.embed(["python"])
    assert len(fake.asked) == 1


@pytest.mark.parametrize("library", [GenaiLibrary, LegacyLibrary])
def test_a_slow_answer_is_not_waited_for(fake: Fake, settings: GeminiSettings, library: type) -> None:
    fake.delay_seconds = 1.0
    hasty = replace(settings, timeout_seconds=0.2, attempts=1)
    with pytest.raises(RemoteModelError):
        Gemini(hasty, library(hasty)).embed(["python"])


def test_the_key_is_not_shown(settings: GeminiSettings) -> None:
    assert KEY not in repr(settings)
    assert KEY not in repr(read_settings(gemini_api_key=KEY))


def test_vectors_are_asked_for_once_and_read_by_the_service(
    sqlite_database: Database, gemini: Gemini, fake: Fake
) -> None:
    """Pipe fitting is near to plumbing by its vector (0.9), not by its letters."""
    people = [Employee(employee_id="ana", skills=["Plumbing", "python"])]
    task = Task(task_id="t1", title="T", required_skills=["pipe fitting"])
    sqlite_database.run(lambda unit: unit.employees.add(people, unit.now()))
    sqlite_database.run(lambda unit: unit.tasks.add([task], unit.now()))
    filler = EmbeddingFiller(sqlite_database, gemini, SkillMatcher())
    assert filler.step(NOW) == 0.0
    assert filler.step(NOW) > 0
    assert len(fake.asked) == 1
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    service = build_ml_service(build_engine(read_settings(database_url=url)))
    with_vectors, _ = service.predict_proba(people[0], task, include_gemini=True, now=NOW)
    without, _ = service.predict_proba(people[0], task, now=NOW)
    assert with_vectors != without
    assert len(fake.asked) == 1  # scoring only reads


def test_without_an_answer_the_filler_waits(sqlite_database: Database, gemini: Gemini, fake: Fake) -> None:
    people = [Employee(employee_id="ana", skills=["python"])]
    sqlite_database.run(lambda unit: unit.employees.add(people, unit.now()))
    fake.failures = [503] * 3
    assert EmbeddingFiller(sqlite_database, gemini, SkillMatcher()).step(NOW) >= 60


def triaged(database: Database, gemini: Gemini, task: Task) -> tuple[Task, str | None]:
    people = [Employee(employee_id="ana", skills=["plumbing", "python"])]
    database.run(lambda unit: unit.employees.add(people, unit.now()))
    database.run(lambda unit: unit.tasks.add([task], unit.now()))
    matcher = SkillMatcher()
    TriageWorker(database, "w", partial(rules_reader, matcher), refine=Refiner(gemini, matcher)).run_once()
    with database.read() as unit:
        return unit.tasks.get(task.task_id), unit.triage.get(task.task_id).note


def test_the_model_fills_what_the_rules_left_open(sqlite_database: Database, gemini: Gemini, fake: Fake) -> None:
    """Only known skills and words that stand in the ticket count; what the rules know stays."""
    fake.answer = [
        {
            "number": 0,
            "required_skills": {"value": ["plumbing", "cooking"], "confidence": 0.95, "words": ["drips"]},
            "category": {"value": "leaks", "confidence": 0.9, "words": ["drips"]},
            "complexity_score": {"value": 0.9, "confidence": 0.9, "words": ["never written"]},
            "estimated_hours": {"value": 8.0, "confidence": 0.9, "words": ["drips"]},
        }
    ]
    task, note = triaged(sqlite_database, gemini, Task(task_id="a", title="The tap drips. Estimate: 2h"))
    assert (task.required_skills, task.category, task.complexity_score) == ({"plumbing": 1.0}, None, None)
    assert task.estimated_hours == 2.0
    assert note is None


@pytest.mark.parametrize("answer", ["no JSON", "{}", '[{"number": "x"}]', '[{"number": 0, "category": 5}]'])
def test_an_answer_of_another_form_leaves_the_rules_alone(
    sqlite_database: Database, gemini: Gemini, fake: Fake, answer: str
) -> None:
    fake.answer = answer
    task, note = triaged(sqlite_database, gemini, Task(task_id="a", title="The python job drips"))
    assert task.required_skills == {"python": 1.0}
    assert note == "gemini-flash-latest could not be asked (the answer has another form); rules alone"


def test_without_an_answer_the_rules_stand_and_the_note_says_so(
    sqlite_database: Database, gemini: Gemini, fake: Fake
) -> None:
    fake.failures = [503] * 3
    task, note = triaged(sqlite_database, gemini, Task(task_id="a", title="The python job drips"))
    assert (task.required_skills, task.processing_status) == ({"python": 1.0}, "processed")
    assert note is not None
    assert note.endswith("rules alone")
