"""What Prometheus reads; one registry for each application."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from assignment_engine.domain.assignments import AssignmentStatus
from assignment_engine.services.watching import Kept, Overview, overview
from assignment_engine.wiring import Engine

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LATENCY_WINDOW_SECONDS = 3600.0
_MOST_NOTED = 1000
_KEPT_SECONDS = 5.0
_DISPATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0)


class Latency:
    """How long the latest dispatches of this process took, for those who look at a page and not at a graph."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._noted: deque[tuple[float, float]] = deque(maxlen=_MOST_NOTED)

    def note(self, seconds: float) -> None:
        self._noted.append((self._clock(), seconds))

    def latest(self) -> list[float]:
        """Those of the last `LATENCY_WINDOW_SECONDS`, the shortest first."""
        since = self._clock() - LATENCY_WINDOW_SECONDS
        return sorted(seconds for at, seconds in tuple(self._noted) if at >= since)


class Metrics:
    """Counters and histograms of this process; it watches dispatch and requests."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._dispatch = Histogram(
            "assignment_engine_dispatch_seconds",
            "From the moment when a task and a person were both there until the assignment was written.",
            ["queue"],
            buckets=_DISPATCH_BUCKETS,
            registry=self.registry,
        )
        self._dispatch_failures = Counter(
            "assignment_engine_dispatch_failures",
            "Dispatches that broke off by an error.",
            ["queue"],
            registry=self.registry,
        )
        self._requests = Histogram(
            "assignment_engine_request_seconds",
            "How long requests took.",
            ["method", "endpoint", "status"],
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )

        self.latency = Latency(time.monotonic)

    def dispatched(self, queue: str, seconds: float) -> None:
        self._dispatch.labels(queue).observe(seconds)
        self.latency.note(seconds)

    def dispatch_failed(self, queue: str) -> None:
        self._dispatch_failures.labels(queue).inc()

    def watch(self, app: Flask, engine: Engine) -> None:
        """From now on requests are timed, and the state of the engine is shown beside."""
        self.registry.register(_State(engine))
        app.before_request(_begin)
        app.after_request(self._end)

    def page(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)

    def _end(self, response: Response) -> Response:
        rule = request.url_rule.rule if request.url_rule else "none"
        status = f"{response.status_code // 100}xx"
        self._requests.labels(request.method, rule, status).observe(time.perf_counter() - g.measured_from)
        return response


def _begin() -> None:
    g.measured_from = time.perf_counter()


class _State(Collector):
    """The state of the engine, read from the database when somebody asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept = Kept(engine.database, overview, _KEPT_SECONDS, time.monotonic)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        state, ended = self._kept.get(), self._engine.ended.get()
        yield from _waiting(state)
        yield _assignments({**state.assignments, **ended.assignments})
        yield from _unsent(state)
        yield _gauge("assignment_engine_workers", "Workers seen lately.", len(state.workers))
        yield self._scorer()
        yield self._eta()

    def _eta(self) -> Metric:
        family = GaugeMetricFamily("assignment_engine_eta_info", "What says when work will be done.", labels=["source"])
        family.add_metric([self._engine.dispatcher.eta.source], 1)
        return family

    def _scorer(self) -> Metric:
        core = self._engine.scheduler.follow()
        scorer = core.scorer
        family = GaugeMetricFamily(
            "assignment_engine_scorer_info", "The scorer in use.", labels=["name", "version", "is_fallback"]
        )
        family.add_metric([scorer.name, scorer.version, str(core.warning is not None).lower()], 1)
        return family


def _waiting(state: Overview) -> Iterator[Metric]:
    length = GaugeMetricFamily("assignment_engine_queue_length", "Pending tasks.", labels=["queue", "priority"])
    oldest = GaugeMetricFamily(
        "assignment_engine_oldest_waiting_seconds", "How long the oldest pending task waits.", labels=["queue"]
    )
    ages: dict[str, float] = {}
    for part in state.waiting:
        length.add_metric([part.queue, part.priority], part.tasks)
        age = (state.at - part.oldest_at).total_seconds() if part.oldest_at else 0.0
        ages[part.queue] = max(ages.get(part.queue, 0.0), age)
    for queue, age in ages.items():
        oldest.add_metric([queue], age)
    yield length
    yield oldest


def _assignments(counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily("assignment_engine_assignments", "Assignments.", labels=["status"])
    for status in AssignmentStatus:
        family.add_metric([status], counts.get(status, 0))
    return family


def _unsent(state: Overview) -> Iterator[Metric]:
    oldest = state.unsent.oldest_at
    age = (state.at - oldest).total_seconds() if oldest else 0.0
    yield _gauge("assignment_engine_outbox_lag_events", "Events without a position.", state.unsent.events)
    yield _gauge("assignment_engine_outbox_lag_seconds", "How long the oldest of them waits.", age)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
