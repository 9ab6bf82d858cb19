"""The one place where the parts are put together."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property, lru_cache, partial
from pathlib import Path

from pydantic import SecretStr

from assignment_engine.adapters.gemini import Gemini, GeminiSettings
from assignment_engine.adapters.http_sink import HttpSink
from assignment_engine.adapters.key_documents import KeyAddress, KeyFile
from assignment_engine.adapters.redis_ping import RedisPing
from assignment_engine.adapters.redis_streams import RedisSink, RedisStreams, RedisTickets
from assignment_engine.config import Settings, read_settings
from assignment_engine.domain.background import JobKind, Lane
from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.domain.watching import Ended
from assignment_engine.features.skills import SkillMatcher, read_aliases
from assignment_engine.jobs.engine import JobEngine, engine_url, new_executor_id
from assignment_engine.jobs.files import FileWork
from assignment_engine.jobs.handover import Handover
from assignment_engine.jobs.kinds import JobWork
from assignment_engine.jobs.pipeline import Pipeline
from assignment_engine.jobs.running import Runner
from assignment_engine.jobs.worker import Loop, Worker
from assignment_engine.scoring.registry import shipped_models
from assignment_engine.scoring.service import MLService
from assignment_engine.services.alert_sink import AlertSink
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.data_root import DataRoot
from assignment_engine.services.detector.detector import DETECTOR, Detector
from assignment_engine.services.dispatch.cycle import CYCLE, Cycle
from assignment_engine.services.dispatch.dispatcher import Dispatcher
from assignment_engine.services.dispatch.exploration import Exploration
from assignment_engine.services.dispatch.intake import tasks_were_triaged
from assignment_engine.services.dispatch.wake import Ear, Wake
from assignment_engine.services.embeddings import EmbeddingFiller, embedding_matcher
from assignment_engine.services.eta import EtaPredictor
from assignment_engine.services.events_in import EventsIn
from assignment_engine.services.observed import Observed, Unobserved
from assignment_engine.services.old_files import OldFiles
from assignment_engine.services.planning import SchedulerService
from assignment_engine.services.queue_wait import QueueWaits
from assignment_engine.services.relay import Delivery, Relay, Sink
from assignment_engine.services.retention import RETENTION, Retention
from assignment_engine.services.stored_impact import StoredImpact
from assignment_engine.services.ticket_effects import TicketEffects
from assignment_engine.services.ticket_stream import TicketStream
from assignment_engine.services.triage.learned import read_phrases
from assignment_engine.services.triage.refine import Refiner
from assignment_engine.services.triage.served import LearnedReader, ServedTriage
from assignment_engine.services.triage.tickets import BestOf
from assignment_engine.services.triage.triage import TriageWorker, rules_reader
from assignment_engine.services.watching import STALE_SECONDS, Kept, ended
from assignment_engine.store.archives import Kind
from assignment_engine.store.database import Database
from assignment_engine.store.dialects import read_url
from assignment_engine.store.wakes import can_notify

KEPT_IN = ".assignment-engine-secret"


@dataclass(frozen=True)
class Engine:
    """What an application holds for its lifetime."""

    settings: Settings
    database: Database
    scheduler: SchedulerService
    dispatcher: Dispatcher
    wake: Wake
    observed: Observed = field(default_factory=Unobserved)
    redis: RedisPing | None = None

    @property
    def core(self) -> DecisionCore:
        return self.scheduler.core

    @cached_property
    def waits(self) -> QueueWaits:
        return QueueWaits(self.dispatcher, lambda: SkillMatcher(_aliases(self.settings)))

    @cached_property
    def ended(self) -> Kept[Ended]:
        """How many tasks and assignments have ended; of this moment, but where counting them takes long."""
        return Kept(self.database, ended, 0.0, time.monotonic, stale_seconds=STALE_SECONDS)

    @property
    def files(self) -> DataRoot:
        return DataRoot(self.settings.data_root)

    @property
    def events_in(self) -> EventsIn:
        return EventsIn(self.database, TicketEffects(self.dispatcher))


def build_engine(settings: Settings | None = None, observed: Observed | None = None) -> Engine:
    """The parts for these settings (by default those of the environment); opens no connection yet."""
    settings = settings or read_settings()
    database = Database(settings.database_url)
    eta = EtaPredictor(settings.model_dir)
    scheduler = SchedulerService(database, settings=settings, eta=eta)
    observed = observed or Unobserved()
    wake = Wake(database)
    dispatcher = Dispatcher(
        database,
        load_core=lambda: scheduler.core,
        follow=scheduler.follow,
        exploration=Exploration(settings.exploration_rate),
        session_timeout=timedelta(seconds=settings.session_timeout_seconds),
        observed=observed,
        wake=wake,
        eta=eta,
    )
    return Engine(
        settings,
        database,
        scheduler,
        dispatcher,
        wake,
        observed=observed,
        redis=RedisPing(settings.redis_url) if settings.redis_url else None,
    )


@lru_cache(maxsize=1)
def get_scheduler_service() -> SchedulerService:
    """The one scheduler of this process, for backends that embed the engine."""
    return build_engine().scheduler


def build_worker(engine: Engine, instance_id: str, stop: threading.Event | None = None) -> Worker:
    """What works in the background of an installation, as one of any number of processes.

    Raises
    ------
    ConfigurationError
        If the address of a receiver cannot be used.
    """

    def wake(loop: str) -> None:
        worker.wake(loop)

    loops = [*_event_loops(engine, instance_id, wake), *_dispatch_loops(engine), build_detector(engine, instance_id)]
    loops += [*_triage_loops(engine, instance_id), build_job_loop(engine), build_file_loop(engine)]
    loops += _retention_loops(engine, instance_id)
    worker = Worker(engine.database, instance_id, loops, stop)
    engine.wake.add(lambda: worker.wake(CYCLE))
    return worker


def _triage_loops(engine: Engine, instance_id: str) -> list[Loop]:
    """Triage, and with a key for Gemini its refinement and the vectors of skills."""
    settings, database = engine.settings, engine.database
    matcher = SkillMatcher(_aliases(settings))
    gemini = _gemini(settings)
    learned = LearnedReader(ServedTriage(settings.model_dir or shipped_models()), settings.triage_confidence)
    worker = TriageWorker(
        database,
        instance_id,
        lambda vocabulary: BestOf((rules_reader(matcher, vocabulary), learned)),
        phrases=read_phrases(settings.triage_phrases) if settings.triage_phrases else None,
        on_triaged=partial(tasks_were_triaged, engine.dispatcher),
        refine=Refiner(gemini, matcher) if gemini else None,
    )
    loops = [Loop("triage", worker.step)]
    if gemini is not None:
        loops.append(Loop("embeddings", EmbeddingFiller(database, gemini, matcher).step))
    return loops


def _aliases(settings: Settings) -> dict[str, list[str]] | None:
    return read_aliases(settings.skill_aliases) if settings.skill_aliases else None


def _gemini(settings: Settings) -> Gemini | None:
    if settings.gemini_api_key is None:
        return None
    return Gemini(
        GeminiSettings(
            api_key=settings.gemini_api_key.get_secret_value(),
            embedding_model=settings.gemini_model,
            text_model=settings.gemini_text_model,
            base_url=settings.gemini_base_url,
        )
    )


def build_ml_service(engine: Engine) -> MLService:
    """Scores of single pairs with this installation's model and aliases; `include_gemini` reads the kept vectors."""
    settings, aliases = engine.settings, _aliases(engine.settings)
    return MLService(
        settings.model_dir,
        matcher=SkillMatcher(aliases),
        embedding_matcher=embedding_matcher(engine.database, settings.gemini_model, aliases),
    )


def job_limits(settings: Settings) -> dict[Lane, int]:
    """How many jobs of each lane run at once, over all machines."""
    return {Lane.FILES: settings.max_concurrent_jobs, Lane.PIPELINES: 2, Lane.TRAINING: 1}


def job_table(engine: Engine) -> dict[JobKind, JobWork]:
    """What each kind of job does."""
    return {
        JobKind.PIPELINE: JobWork(Pipeline(engine.scheduler).run),
        JobKind.FILE: JobWork(FileWork(engine.files, StoredImpact(engine.database, engine.scheduler.follow)).run),
    }


def build_job_loop(engine: Engine, settings: Settings | None = None) -> Loop:
    """What hands jobs to the engine that runs them in this process."""
    settings, table, executor_id = settings or engine.settings, job_table(engine), new_executor_id()
    url = engine_url(settings.jobs_database_url, settings.database_url)
    runner = Runner(engine.database, table, executor_id)
    carrier = JobEngine(url, job_limits(settings), executor_id, runner, settings.jobs_interval_seconds)
    handover = Handover(engine.database, carrier, table)
    return Loop("jobs", handover.step, handover.close)


def build_file_loop(engine: Engine) -> Loop:
    """What deletes files that were kept for their time."""
    keep = timedelta(days=engine.settings.file_retention_days)
    return Loop("old files", OldFiles(engine.database, engine.files, keep).step)


def _retention_loops(engine: Engine, instance_id: str) -> list[Loop]:
    """What archives rows that were kept for their time, where a time is set."""
    settings = engine.settings
    days = {Kind.HISTORY: settings.history_retention_days, Kind.TRAINING: settings.training_retention_days}
    keep = {kind: timedelta(days=count) for kind, count in days.items() if count}
    if not keep:
        return []
    if settings.archive_dir is None:
        raise ConfigurationError("ARCHIVE_DIR is required: HISTORY_RETENTION_DAYS or TRAINING_RETENTION_DAYS is set")
    retention = Retention(engine.database, instance_id, settings.archive_dir, keep)
    return [Loop(RETENTION, retention.step, retention.close)]


def build_detector(engine: Engine, instance_id: str) -> Loop:
    """What keeps expected ends up to date, and raises and clears alerts."""
    interval = timedelta(seconds=engine.settings.detector_interval_seconds)
    detector = Detector(engine.database, engine.dispatcher.eta, instance_id, interval)
    return Loop(DETECTOR, detector.step, detector.close)


def _dispatch_loops(engine: Engine) -> list[Loop]:
    cycle = Cycle(engine.dispatcher, timedelta(seconds=engine.settings.dispatch_interval_seconds))
    loops = [Loop(CYCLE, lambda _now: cycle.run())]
    if can_notify(engine.database):
        ear = Ear(engine.database, engine.wake.here)
        loops.append(Loop("ear", ear.step, ear.close))
    return loops


def _event_loops(engine: Engine, instance_id: str, wake: Callable[[str], None]) -> list[Loop]:
    settings, database = engine.settings, engine.database
    deliveries = {f"sink:{sink.name}": Delivery(database, sink, instance_id) for sink in _sinks(settings)}

    def wake_deliveries() -> None:
        for name in deliveries:
            wake(name)

    relay = Relay(database, instance_id, on_numbered=wake_deliveries)
    loops = [Loop("relay", relay.step, relay.close)]
    loops += [Loop(name, delivery.step, delivery.close) for name, delivery in deliveries.items()]
    if settings.redis_url is not None:
        source = RedisTickets(RedisStreams(settings.redis_url), settings.ticket_stream, settings.ticket_group)
        tickets = TicketStream(database, source, engine.events_in, instance_id)
        loops.append(Loop("tickets", tickets.step, tickets.close))
    return loops


def _sinks(settings: Settings) -> list[Sink]:
    """The receivers of events that are set."""
    services = {"notification": settings.notification_service_url, "ticket": settings.ticket_service_url}
    sinks: list[Sink] = [HttpSink(name, url) for name, url in services.items() if url is not None]
    if settings.alert_service_url is not None:
        sinks.append(AlertSink(HttpSink("alert", settings.alert_service_url)))
    if settings.redis_url is not None:
        streams = RedisStreams(settings.redis_url)
        sinks.append(RedisSink(streams, settings.event_stream, settings.event_stream_length))
    return sinks


def key_document(where: str) -> KeyFile | KeyAddress:
    """The key set at an address or in a file.

    Raises
    ------
    ConfigurationError
        If the address is not one of HTTP, or there is no such file.
    """
    if "://" in where:
        return KeyAddress(where)
    if not Path(where).is_file():
        raise ConfigurationError("JWT_JWKS: there is no such file; expected a file or an http(s) address")
    return KeyFile(Path(where))


def with_secret(settings: Settings) -> Settings:
    """The settings with a signing secret; with SQLite it is kept in a file that only its owner can read.

    Raises
    ------
    ConfigurationError
        If there is none and several instances could share the database, or there is nowhere to keep it.
    """
    if settings.jwt_secret is not None or settings.jwt_jwks is not None:
        return settings
    if not settings.uses_sqlite:
        raise ConfigurationError("JWT_SECRET is required: a secret of at least 32 bytes, the same for every instance")
    return settings.model_copy(update={"jwt_secret": SecretStr(_kept_secret(_secret_file(settings.database_url)))})


def _secret_file(address: str) -> Path:
    """Beside the database, so that commands find it from wherever they are called."""
    directory = Path((read_url(address).database or "").removeprefix("file:")).parent
    if not directory.is_dir():
        raise ConfigurationError(f"the directory of the SQLite file does not exist: {directory}")
    return directory / KEPT_IN


def _kept_secret(path: Path) -> str:
    """The secret in the file; the first process that asks makes it, whole or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()
