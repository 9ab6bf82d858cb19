"""How long work takes: shapes of hours, the plain rule, and answers that become no more often."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from assignment_engine.domain.errors import BundleError
from assignment_engine.domain.going import FinishedWork
from assignment_engine.features.definition import FEATURE_NAMES
from assignment_engine.learning.eta import EtaModel, Work, coverage_of, train_eta
from assignment_engine.learning.eta_promotion import evidence_of
from assignment_engine.learning.falling import KEPT_AT, RAISED_AT, fall_of
from assignment_engine.learning.shape import LEVELS, LOG_NORMAL, Shape
from assignment_engine.learning.usual import UsualHours

ONE = np.ones(1)
ESTIMATE = FEATURE_NAMES.index("estimated_hours")


def drawn(count: int, seed: int, seen_for: float = np.inf) -> tuple[Work, np.ndarray]:
    """Hours spread around the estimate by a heavy-tailed law; `seen_for` is how long work was watched at most."""
    rng = np.random.default_rng(seed)
    features = rng.random((count, len(FEATURE_NAMES)))
    estimate = features[:, ESTIMATE] = rng.uniform(2.0, 20.0, count)
    true = estimate * rng.lognormal(0.0, 0.8, count)
    kind = np.zeros(count, dtype=np.int64)
    return Work(features, np.minimum(true, seen_for), true <= seen_for, kind), true


@pytest.fixture(scope="module")
def model() -> EtaModel:
    return train_eta(drawn(3000, 1)[0])


def test_work_that_goes_on_is_among_the_longer_half(model: EtaModel) -> None:
    """p50 and p90 stay enough for a half and nine tenths of what is still going on, however long it has lasted."""
    work, true = drawn(6000, 2)
    p50, p90 = model.hours(work.features)
    for passed in (0.5, 1.0, 2.0):
        going = true > passed * p50
        half, most = model.hours(work.features[going], passed * p50[going])
        assert np.mean(true[going] <= half) == pytest.approx(0.5, abs=0.07), passed
        assert np.mean(true[going] <= most) == pytest.approx(0.9, abs=0.05), passed
    assert np.mean(true <= p90) == pytest.approx(0.9, abs=0.04)


def test_calibration_counts_what_is_unfinished() -> None:
    """Nearly a quarter of the work was watched for too short a time; p50 is enough for half of it all the same."""
    work = drawn(4000, 3, seen_for=20.0)[0]
    unseen, hours = drawn(4000, 4)
    assert np.mean(hours <= train_eta(work).hours(unseen.features)[0]) == pytest.approx(0.5, abs=0.04)
    assert np.mean(hours <= train_eta(work.take(work.ended)).hours(unseen.features)[0]) < 0.42
    p50 = np.median(hours) * np.ones(4000)
    assert coverage_of(work, p50) == pytest.approx(0.5, abs=0.02)


def test_chances_are_those_of_the_quantiles() -> None:
    """Half of all work like this lasts longer than its p50, and a tenth longer than its p90."""
    p50, p90 = 4.0 * ONE, 12.0 * ONE
    assert LOG_NORMAL.chance_beyond(p50, p90, 0.0 * ONE, p50) == pytest.approx(0.5, abs=0.01)
    assert LOG_NORMAL.chance_beyond(p50, p90, 0.0 * ONE, p90) == pytest.approx(0.1, abs=0.005)
    assert LOG_NORMAL.chance_beyond(p50, p90, p50, p90) == pytest.approx(0.2, abs=0.01)
    assert LOG_NORMAL.chance_beyond(p50, p90, p90, p50) == 1.0


def test_a_shape_has_p50_at_0_and_p90_at_1() -> None:
    shape = Shape.of(3.0 + 2.0 * np.log(LEVELS / (1.0 - LEVELS)))
    assert np.interp([0.5, 0.9], LEVELS, shape.knots) == pytest.approx([0.0, 1.0])
    half, most = shape.hours(4.0 * ONE, 12.0 * ONE, 0.0 * ONE)
    assert (half[0], most[0]) == (pytest.approx(4.0, rel=0.05), pytest.approx(12.0, rel=0.05))


def test_far_out_work_ends_some_time_after_now_but_not_beyond_the_longest() -> None:
    shape = Shape(LOG_NORMAL.knots, longest=500.0)
    for elapsed in (50.0, 400.0, 1e6):
        half, most = shape.hours(4.0 * ONE, 12.0 * ONE, elapsed * ONE)
        assert elapsed <= half[0] <= most[0] <= max(500.0, elapsed)
    assert shape.hours(4.0 * ONE, 12.0 * ONE, 50.0 * ONE)[0][0] > 51.0


def test_a_damaged_model_is_refused(model: EtaModel, tmp_path) -> None:
    """By its hashes, and by what it says where somebody has made them fit."""
    for name, change in (("half", ("half.txt", b"tree", b"Tree")), ("shape", ("manifest.json", b'"shape"', b'"form"'))):
        model.save(tmp_path / name)
        path = tmp_path / name / change[0]
        path.write_bytes(path.read_bytes().replace(change[1], change[2], 1))
        with pytest.raises(BundleError):
            EtaModel.load(tmp_path / name)
    other = EtaModel(model.names[::-1], model.half, model.most, model.offsets, model.shape, {})
    other.save(tmp_path / "other")
    with pytest.raises(BundleError, match="not the parts"):
        EtaModel.load(tmp_path / "other")


def test_a_model_is_measured_against_what_is_in_use() -> None:
    """Here twice the estimate at even odds, which is far off; on the newest 15 %."""
    work, _ = drawn(3000, 5)
    estimate = work.features[:, ESTIMATE]
    model = train_eta(work, rule=(2.0 * estimate, 4.0 * estimate))
    p50, p90 = evidence_of(model)
    assert (p50.field, p90.field, p50.tasks) == ("p50", "p90", 450)
    assert p50.convinces
    assert not train_eta(work, rule=model.hours(work.features)).measured["gain_p50"] > 0.0
    assert evidence_of(train_eta(work)) == ()


def pieces(count: int, hours: float, category: str, employee: str = "ana", estimate: float | None = None):
    return [FinishedWork(hours * (0.5 + n / count), employee, category, estimate) for n in range(count)]


def test_without_finished_work_an_estimate_is_all_there_is() -> None:
    """It holds at even odds and its double with 90 % safety; other work in hand comes first."""
    rule = UsualHours.of([])
    assert rule.hours("ana", "a", None) is None
    assert rule.hours("ana", "a", 3.0) == (3.0, 6.0)
    assert rule.hours("ana", "a", 3.0, ahead=10.0) == (13.0, 16.0)


def test_a_category_is_judged_by_its_own_work_when_there_is_enough() -> None:
    rule = UsualHours.of(
        [*pieces(40, 2.0, "quick", "x"), *pieces(40, 20.0, "slow", "x"), *pieces(5, 300.0, "rare", "x")]
    )
    quick, slow, rare = (rule.hours("somebody", name, None) for name in ("quick", "slow", "rare"))
    assert quick is not None
    assert slow is not None
    assert quick.p50 == pytest.approx(2.0, rel=0.05)
    assert slow.p50 == pytest.approx(20.0, rel=0.05)
    assert rare == rule.kind(None) == rule.everything


def test_a_slow_person_is_expected_to_be_slow() -> None:
    """Three times as long as the others, drawn towards them as if by ten pieces of work."""
    rule = UsualHours.of([*pieces(200, 2.0, "a", "others"), *pieces(20, 6.0, "a", "bo")])
    usual, bo = rule.hours("new", "a", None), rule.hours("bo", "a", None)
    assert usual is not None
    assert bo is not None
    assert bo.p50 / usual.p50 == pytest.approx(3.0 ** (20 / 30), rel=0.15)


def test_estimates_count_by_how_they_compare_with_what_it_took() -> None:
    rule = UsualHours.of(pieces(40, 6.0, "a", "x", estimate=3.0))
    found = rule.hours("new", "b", 10.0, ahead=5.0)
    assert found is not None
    assert found.p50 == pytest.approx(20.0, rel=0.05)


def answers(random: Random, count: int, rate: float) -> list[bool]:
    return [random.random() < rate for _ in range(count)]


def test_a_rate_that_stays_raises_hardly_an_alarm() -> None:
    """Looked at after every tenth of 20,000 answers: at most two episodes, where one in 10,000 answers is allowed."""
    random = Random(7)
    given, episodes, raised = answers(random, 400, 0.8), 0, False
    for _ in range(2000):
        given = (given + answers(random, 10, 0.8))[-5000:]
        fall = fall_of(given)
        assert fall is not None
        episodes += fall.evidence >= RAISED_AT and not raised
        raised = fall.evidence >= (KEPT_AT if raised else RAISED_AT)
    assert episodes <= 2


def test_a_fall_is_noticed_within_a_hundred_answers() -> None:
    noticed = []
    for seed in range(20):
        random = Random(seed)
        given = answers(random, 500, 0.8)
        for count in range(200):
            given.append(random.random() < 0.5)
            fall = fall_of(given)
            if fall is not None and fall.evidence >= RAISED_AT:
                noticed.append(count)
                break
    assert len(noticed) == 20
    assert np.median(noticed) < 100


def test_few_answers_say_nothing() -> None:
    assert fall_of([True] * 290) is None
    fall = fall_of([True] * 150 + [False] * 200)
    assert fall is not None
    assert (fall.usual, fall.newest) == (1.0, 0.0)
    assert fall.evidence >= RAISED_AT
