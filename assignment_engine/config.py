"""The settings: environment variables, read once by whoever composes the application."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from assignment_engine.domain.errors import ConfigurationError

SHORTEST_SECRET = 32
SHORTEST_TRAINING_DAYS = 30.0
Secret = Annotated[SecretStr, Field(min_length=SHORTEST_SECRET)]
StreamName = Annotated[str, Field(min_length=1, max_length=255)]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _none_or_thirty(days: float) -> float:
    if days and days < SHORTEST_TRAINING_DAYS:
        raise ValueError(f"expected 0 or at least {SHORTEST_TRAINING_DAYS:g} days")
    return days


class Settings(BaseSettings):
    """Everything that can be set from outside; the names are those of the environment variables in lower case."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: str = Field(
        "sqlite:///assignment-engine.db",
        description="SQLite, PostgreSQL or MariaDB; `postgres://` and `+asyncpg` forms are accepted",
        repr=False,
    )
    redis_url: str | None = Field(
        None, description="Redis: events go to its streams, and instances count rate limits together", repr=False
    )
    notification_service_url: str | None = Field(
        None, description="http(s) address to which every event is POSTed", repr=False
    )
    ticket_service_url: str | None = Field(
        None, description="http(s) address to which every event is POSTed too", repr=False
    )
    alert_service_url: str | None = Field(
        None, description="http(s) address to which every alert that is raised or cleared is POSTed", repr=False
    )
    event_stream: StreamName = Field("assignment-engine:events", description="Redis stream that events are added to")
    event_stream_length: int = Field(100_000, ge=1000, description="about how many events that stream keeps")
    ticket_stream: StreamName = Field("ticket-events", description="Redis stream that events about tickets come from")
    ticket_group: StreamName = Field("assignment-engine", description="consumer group that reads them")
    jwt_secret: Secret | None = Field(
        None, description="HS256 secret of at least 32 bytes; with SQLite `serve` makes its own secret file"
    )
    jwt_jwks: str | None = Field(
        None,
        description="RS256 instead: file or http(s) address of a JSON Web Key Set; `JWT_SECRET` is not used then",
        repr=False,
    )
    public_url: Annotated[str, Field(pattern=r"^https?://[^/\s]+/?$")] | None = Field(
        None,
        description="where browsers find the service, such as `https://work.example.org`; needed behind a proxy: "
        "links begin with it, and the board's cookie is for HTTPS alone where it does",
    )
    rate_limit: str = Field(
        "3000/minute", description="calls of one subject, heartbeats apart, in flask-limiter's form; `off` for no limit"
    )
    model_dir: Path | None = Field(None, description="directory of model bundles; default: the shipped one")
    exploration_rate: float = Field(
        0.0,
        ge=0,
        le=0.5,
        description="share of live decisions that draw lots among nearly equal candidates and log their chances; "
        "0 for none",
    )
    holdout_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of tasks, drawn by their ids, that the weighted fallback gives out, so that `evaluate` "
        "can tell what the model is worth; 0 for none; the same for every process",
    )
    holdout_salt: str = Field("", description="another text draws other tasks to be held out")
    skill_aliases: Path | None = Field(None, description="TOML file with aliases beside the shipped ones")
    preview_ttl_seconds: int = Field(3600, gt=0, description="how long a preview can be finalized")
    session_timeout_seconds: float = Field(
        90.0, ge=1, description="silence after which a person is logged out and their live work goes to others"
    )
    dispatch_interval_seconds: float = Field(
        5.0, gt=0, description="how often a worker looks for work that nothing else has given out"
    )
    detector_interval_seconds: float = Field(
        15.0,
        ge=1,
        description="how often a worker updates expected ends and looks for work that is late, stuck or starving",
    )
    max_concurrent_jobs: int = Field(5, ge=1, description="file jobs that run at once, over all machines")
    jobs_interval_seconds: float = Field(
        1.0, ge=0.05, le=60, description="how often a worker looks for file jobs and plans that may begin"
    )
    jobs_database_url: str | None = Field(
        None,
        description="where the job engine keeps its own tables: PostgreSQL, or a SQLite file for one worker; "
        "default: a PostgreSQL `DATABASE_URL`, otherwise a SQLite file",
        repr=False,
    )
    data_root: Path = Field(
        Path("data"), description="directory that files come from and results go to; one for all machines"
    )
    max_upload_bytes: int = Field(
        512 * 1024 * 1024, ge=1, le=1_000_000_000, description="how large an upload may be, file and fields together"
    )
    archive_dir: Path | None = Field(
        None,
        description="directory for what was kept in the database for its time, as compressed JSON lines",
    )
    history_retention_days: float = Field(
        0.0,
        ge=0,
        le=36_500,
        description="days after which audit rows and events move to the archive; 0 keeps them in the database for ever",
    )
    training_retention_days: Annotated[float, AfterValidator(_none_or_thirty)] = Field(
        0.0,
        le=36_500,
        description="days after which rows of the training log move to the archive, 30 at least, because outcomes come "
        "late; 0 keeps them in the database for ever",
    )
    file_retention_days: float = Field(
        90.0,
        ge=0,
        le=36_500,
        description="days after the end of a job when its upload and its results are deleted; 0 keeps them for ever",
    )
    stuck_job_seconds: float = Field(600.0, gt=0, description="silence after which a job counts as stuck")
    triage_phrases: Path | None = Field(
        None, description="TOML file with phrases of tickets that point to a skill: `[skill]` and `phrase = share`"
    )
    triage_confidence: float = Field(
        0.6, ge=0, le=1, description="confidence below which what was learned from finished tasks says nothing"
    )
    gemini_api_key: SecretStr | None = Field(
        None, description="sends skill names and tickets to Gemini, for vectors of skills and to refine triage"
    )
    gemini_model: str = Field("gemini-embedding-001", description="its model for vectors of skills")
    gemini_text_model: str = Field("gemini-flash-latest", description="its model that refines triage")
    gemini_base_url: str | None = Field(None, description="another address than Google's, for a proxy")
    scoring_threads: int = Field(1, ge=1, description="threads that score one problem")
    log_level: Annotated[str, BeforeValidator(_upper), Field(pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$")] = Field(
        "INFO", description="DEBUG, INFO, WARNING, ERROR or CRITICAL"
    )

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")


def read_settings(**overrides: object) -> Settings:
    """The settings from the environment, with `overrides` for single ones.

    Raises
    ------
    ConfigurationError
        Naming the variables that are wrong, never their values.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as exc:
        problems = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in exc.errors(include_input=False))
        raise ConfigurationError("; ".join(problems)) from None
