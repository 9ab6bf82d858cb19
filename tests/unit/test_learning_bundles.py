"""From a file of decisions to a champion, and back, through the commands that people run."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from assignment_engine.cli import main
from assignment_engine.domain.errors import BundleError, InvalidInputError, PromotionRefusedError, TrainingError
from assignment_engine.features.definition import FEATURE_NAMES, feature_names
from assignment_engine.learning import promotion
from assignment_engine.learning.dataset import read_dataset
from assignment_engine.learning.judging import drift, gain, report
from assignment_engine.learning.organisation import simulate
from assignment_engine.learning.promotion import changes, current, listed, promote, rollback
from assignment_engine.learning.recipes import Recipe
from assignment_engine.learning.training import Training, train
from assignment_engine.scoring.bundle import load_bundle, save_bundle
from assignment_engine.scoring.lightgbm_scorer import LightGbmScorer
from assignment_engine.scoring.registry import load_scorer

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SMALL = Recipe(objective="binary", learning_rate=0.1, leaves=7, min_data=20, rounds=40, patience=0, monotone=True)


def frame_of(decisions) -> pd.DataFrame:
    """The documented form, one pair for each decision."""
    frame = pd.DataFrame(decisions.features, columns=FEATURE_NAMES)
    return frame.assign(
        decision_id=[f"d{i}" for i in range(len(frame))],
        decided_at=decisions.decided_at,
        known_at=decisions.known_at,
        outcome=np.where(decisions.good, "good", "bad"),
        department=np.where(np.arange(len(frame)) % 2, "north", "south"),
        control=np.where(np.arange(len(frame)) % 10, 0, 1),
    )


@pytest.fixture(scope="module")
def frame():
    return frame_of(simulate(31, people=25, decisions=3000).decisions)


@pytest.fixture(scope="module")
def data(frame):
    return read_dataset(frame)


def trained(data, **options):
    return train(data, Training(**{"model": "trees", "recipe": SMALL, **options}), created_at=NOW)


@pytest.fixture(scope="module")
def bundle(data):
    return trained(data)


@pytest.fixture(scope="module")
def worthless(data):
    """Learned from outcomes that were mostly drawn by lot."""
    rng = np.random.default_rng(1)
    lot = np.where(rng.random(len(data)) < 0.7, rng.random(len(data)) < 0.5, data.good)
    mixed = read_dataset_like(data, good=lot.astype(float))
    return trained(mixed, version="worthless", recipe=SMALL.model_copy(update={"rounds": 5}))


def read_dataset_like(data, **changes):
    return type(data)(**{**{name: getattr(data, name) for name in data.__dataclass_fields__}, **changes})


def test_a_bundle_learns_and_can_be_served(bundle, tmp_path):
    assert bundle.manifest.metrics["model"]["auc"] > bundle.manifest.metrics["fallback"]["auc"]
    save_bundle(bundle, tmp_path / "new")
    assert LightGbmScorer(load_bundle(tmp_path / "new")).features == FEATURE_NAMES


def test_few_outcomes_are_learned_by_logistic_regression(data, tmp_path):
    few = data.take(np.arange(len(data)) >= len(data) - 1500)
    made = train(few, Training(), created_at=NOW)
    assert made.manifest.metrics["parameters"] == {"logistic": 1.0}
    assert made.manifest.metrics["model"]["auc"] > 0.7
    save_bundle(made, tmp_path / "small")
    assert load_bundle(tmp_path / "small") == made


def test_logistic_regression_as_trees_stays_monotone(data):
    made = train(data, Training(model="logistic"), created_at=NOW)
    features = np.repeat(data.features[:30], 11, axis=0)
    features[:, FEATURE_NAMES.index("skill_match")] = np.tile(np.linspace(0, 1, 11), 30)
    scores = LightGbmScorer(made).score(features).scores.reshape(30, 11)
    assert np.all(np.diff(scores, axis=1) >= -1e-12)


def test_a_search_keeps_the_recipe_that_is_best_on_later_rows(data):
    made = trained(data, trials=4, recipe=SMALL.model_copy(update={"learning_rate": 0.001, "rounds": 1}))
    assert made.manifest.metrics["search"]["trials"] == 4.0
    assert made.manifest.metrics["parameters"]["learning_rate"] > 0.001


def test_outcomes_that_come_late_leave_the_newest_days_out(data, bundle):
    """Trained until 70 % of the decisions, less the days that most outcomes take."""
    judged = data.judged
    end = np.sort(judged.decided_at)[int(0.7 * len(judged))]
    assert np.datetime64(int(bundle.manifest.training.end.timestamp()), "s") < end


def test_declared_sets_are_taken_and_what_is_not_logged_is_missing(data, tmp_path):
    made = trained(data, sets=("recency",))
    assert made.manifest.features == feature_names(("recency",))
    save_bundle(made, tmp_path / "wide")
    scorer = LightGbmScorer(load_bundle(tmp_path / "wide"))
    assert scorer.features == feature_names(("recency",))
    assert len(scorer.explain(data.take(np.arange(1)).columns(scorer.features))[0].terms) == len(scorer.features)


def test_choices_of_people_are_learned_and_never_served(tmp_path):
    """People take the most skilled of four; the engine's own decisions are left out."""
    rng, rows = np.random.default_rng(2), []
    for decision in range(1000):
        skills = rng.random(4)
        for person in range(4):
            values = dict.fromkeys(FEATURE_NAMES, 0.5) | {"skill_match": skills[person], "experience_years": 2.0}
            engine = decision % 4 == 0
            best = person == (int(np.argmin(skills)) if engine else int(np.argmax(skills)))
            known = {"decision_id": decision, "chosen": int(best), "decided_by": "engine" if engine else "human"}
            rows.append({**values, **known, "decided_at": np.datetime64("2025-01-01", "s") + 3600 * decision})
    data = read_dataset(pd.DataFrame(rows).assign(outcome=None))
    made = train(data, Training(kind="choice", version="choice"), created_at=NOW)
    assert made.manifest.metrics["model"]["top1"] > 0.95
    assert made.manifest.training.rows == 4 * int(0.7 * 750)
    save_bundle(made, tmp_path / "choice")
    with pytest.raises(BundleError, match="not served"):
        promote(tmp_path, "choice", data=None, now=NOW, force=True, reason="try")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda f: f.drop(columns="performance"), "/performance"),
        (lambda f: f.drop(columns="decision_id"), "/decision_id"),
        (lambda f: f.drop(columns="outcome"), "/outcome"),
        (lambda f: f.assign(outcome="fine"), "/rows/0/outcome"),
        (lambda f: f.assign(known_at=None), "/rows/0/known_at"),
        (lambda f: f.assign(decided_at="yesterday"), "/decided_at"),
        (lambda f: f.assign(chosen="maybe"), "/rows/0/chosen"),
        (lambda f: f.assign(propensity=1.5), "/rows/0/propensity"),
        (lambda f: f.assign(priority="urgent"), "/rows/0/priority"),
    ],
)
def test_what_a_file_lacks_is_named(frame, change, pointer):
    with pytest.raises(InvalidInputError) as caught:
        read_dataset(change(frame.head(50)))
    assert caught.value.errors[0].pointer == pointer


def test_overdue_work_without_an_outcome_is_bad_from_its_deadline_on(frame):
    rows = frame.head(3).assign(outcome=["good", None, None], deadline=["2026-01-01", "2026-02-01", "2026-04-01"])
    data = read_dataset(rows, now=NOW)
    assert data.good[:2].tolist() == [1.0, 0.0]
    assert np.isnan(data.good[2])
    assert data.known_at[1] == np.datetime64("2026-02-01", "s")


def test_too_few_outcomes_are_refused(data):
    with pytest.raises(TrainingError, match="too few"):
        train(data.take(np.arange(50)), Training(), created_at=NOW)


def test_the_report_says_what_for_whom_and_why(bundle, data):
    found = report(bundle, data, champion=bundle)
    assert found["success"]["champion"] == found["success"]["model"]
    assert found["success"]["model"]["auc"] > found["success"]["least loaded"]["auc"]
    assert set(found["departments"]) == {"north", "south"}
    assert sum(row["decisions"] for row in found["experience"].values()) == found["decisions"]
    covered = [row["coverage"] for row in found["abstaining"]]
    assert covered == sorted(covered, reverse=True)
    assert found["abstaining"][-1]["precision"] > found["abstaining"][0]["precision"]
    assert next(iter(found["importance"])) in {"skill_match", "success_rate", "experience_complexity_ratio"}
    assert json.loads(json.dumps(found)) == found


def test_drift_is_seen_where_it_is(data):
    features = data.features.copy()
    late = np.arange(len(data)) > 0.7 * len(data)
    features[late, FEATURE_NAMES.index("estimated_hours")] *= 3
    found = drift(read_dataset_like(data, features=features))
    assert next(iter(found["features"])) == "estimated_hours"
    assert found["features"]["estimated_hours"] > 0.25 > found["features"]["skill_match"]


def test_a_better_bundle_is_promoted_and_rolled_back(bundle, worthless, data, tmp_path):
    save_bundle(worthless, tmp_path / "old")
    save_bundle(bundle, tmp_path / "new")
    promote(tmp_path, "old", data=None, now=NOW, force=True, reason="the first one")
    change = promote(tmp_path, "new", data=data, now=NOW)
    assert change.evidence.gain > change.evidence.standard_error > 0
    assert (current(tmp_path), load_scorer(tmp_path)[0].version) == ("new", bundle.manifest.version)
    assert rollback(tmp_path, now=NOW, reason="a complaint").bundle == "old"
    assert current(tmp_path) == "old"
    assert [entry.action for entry in changes(tmp_path)] == ["promote", "promote", "rollback"]
    with pytest.raises(BundleError, match="no earlier champion"):
        rollback(tmp_path, now=NOW)


@pytest.mark.parametrize("metric", ["log_loss", "brier", "auc"])
def test_a_bundle_is_not_better_than_itself(bundle, data, metric):
    assert gain(bundle, bundle, data, metric)["gain"] == 0.0


def test_a_worse_bundle_is_refused_unless_forced_with_a_reason(bundle, worthless, data, tmp_path):
    save_bundle(bundle, tmp_path / "good")
    save_bundle(worthless, tmp_path / "worse")
    promote(tmp_path, "good", data=data, now=NOW)
    with pytest.raises(PromotionRefusedError, match="standard error"):
        promote(tmp_path, "worse", data=data, now=NOW)
    with pytest.raises(PromotionRefusedError, match="no data"):
        promote(tmp_path, "worse", data=None, now=NOW)
    with pytest.raises(InvalidInputError, match="/reason"):
        promote(tmp_path, "worse", data=data, now=NOW, force=True)
    assert current(tmp_path) == "good"
    forced = promote(tmp_path, "worse", data=data, now=NOW, force=True, reason="an audit asks for it")
    assert (forced.forced, changes(tmp_path)[-1]) == (True, forced)


def test_a_bundle_is_compared_with_whatever_is_the_champion_in_the_end(bundle, worthless, data, tmp_path, monkeypatch):
    """While it is compared with the one, somebody promotes another that is as good as it is."""
    for name, made in (("old", worthless), ("twin", bundle), ("new", bundle)):
        save_bundle(made, tmp_path / name)
    promote(tmp_path, "old", data=None, now=NOW, force=True, reason="the first one")
    compared = []

    def meanwhile(challenger, champion, *rest):
        compared.append(champion.manifest.version)
        if len(compared) == 1:
            promote(tmp_path, "twin", data=None, now=NOW, force=True, reason="somebody else")
        return gain(challenger, champion, *rest)

    monkeypatch.setattr(promotion, "gain", meanwhile)
    with pytest.raises(PromotionRefusedError, match="better than that of"):
        promote(tmp_path, "new", data=data, now=NOW)
    assert compared == [worthless.manifest.version, bundle.manifest.version]
    assert current(tmp_path) == "twin"


def test_a_damaged_bundle_is_listed_with_its_problem_and_never_promoted(bundle, tmp_path):
    save_bundle(bundle, tmp_path / "broken")
    (tmp_path / "broken" / "model.txt").write_text("tree\n")
    assert "sha256" in listed(tmp_path)[0].problem
    with pytest.raises(BundleError, match="sha256"):
        promote(tmp_path, "broken", data=None, now=NOW, force=True, reason="try")


def test_the_commands_take_a_file_to_a_champion(frame, tmp_path):
    path = tmp_path / "decisions.csv"
    frame.to_csv(path, index=False)
    models = ["--model-dir", str(tmp_path / "models")]

    def run(*arguments):
        return CliRunner().invoke(main, [*arguments, *models])

    done = run("train", str(path), "--name", "spring", "--model", "trees")
    assert done.exit_code == 0, done.output
    found = json.loads(run("evaluate", str(path), "--name", "spring").stdout)
    assert found["success"]["model"]["auc"] > 0.7
    assert json.loads(run("promote", "spring", "--data", str(path)).stdout)["bundle"] == "spring"
    assert run("models").stdout.startswith("* spring: success")
    refused = run("promote", "spring", "--data", str(path))
    assert refused.exit_code == 2
    assert "not promoted" in refused.stderr
    refused = run("evaluate", str(path), "--name", "spring", "--off-policy")
    assert refused.exit_code == 2
    assert "without the probability of their choice" in refused.stderr
    assert run("rollback").exit_code == 2


def test_the_commands_mean_the_models_that_the_server_uses(bundle, tmp_path, monkeypatch):
    def run(*arguments):
        return CliRunner().invoke(main, arguments)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODEL_DIR", raising=False)
    assert run("models").stdout.startswith("* default: success, default-1 in plans, ")
    save_bundle(bundle, tmp_path / "ours" / "spring")
    monkeypatch.setenv("MODEL_DIR", "ours")
    assert run("models").stdout.startswith("  spring: success")
    assert run("promote", "spring", "--force", "--reason", "the first one").exit_code == 0
    assert current(tmp_path / "ours") == "spring"


def test_the_models_that_come_with_the_engine_are_not_changed(monkeypatch):
    monkeypatch.delenv("MODEL_DIR", raising=False)
    for words in (["train", "--name", "x"], ["promote", "x"], ["rollback"]):
        refused = CliRunner().invoke(main, words)
        assert (refused.exit_code, "MODEL_DIR" in refused.stderr) == (2, True)


@pytest.mark.parametrize("words", [["models"], ["compile"], ["evaluate", "--name", "x"]], ids=" ".join)
def test_a_directory_of_models_that_is_not_there_is_an_error(words):
    for arguments, environment in ([*words, "--model-dir", "nope"], {}), (words, {"MODEL_DIR": "nope"}):
        refused = CliRunner().invoke(main, arguments, env=environment)
        assert (refused.exit_code, "'nope' does not exist" in refused.stderr) == (2, True)
