"""The one place where the parts are put together."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import SecretStr

from assignment_engine.config import Settings, read_settings
from assignment_engine.domain.errors import ConfigurationError
from assignment_engine.services.core import DecisionCore
from assignment_engine.services.planning import SchedulerService
from assignment_engine.store.database import Database

SECRET_FILE = Path(".assignment-engine-secret")


@dataclass(frozen=True)
class Engine:
    """What an application holds for its lifetime."""

    settings: Settings
    database: Database
    scheduler: SchedulerService

    @property
    def core(self) -> DecisionCore:
        return self.scheduler.core


def build_engine(settings: Settings | None = None) -> Engine:
    """The parts for these settings (by default those of the environment); opens no connection yet."""
    settings = settings or read_settings()
    database = Database(settings.database_url)
    return Engine(settings, database, SchedulerService(database, settings=settings))


@lru_cache(maxsize=1)
def get_scheduler_service() -> SchedulerService:
    """The one scheduler of this process, for backends that embed the engine."""
    return build_engine().scheduler


def with_secret(settings: Settings, secret_file: Path = SECRET_FILE) -> Settings:
    """The settings with a signing secret; with SQLite it is kept in a file that only its owner can read.

    Raises
    ------
    ConfigurationError
        If there is none and several instances could share the database.
    """
    if settings.jwt_secret is not None:
        return settings
    if not settings.uses_sqlite:
        raise ConfigurationError("JWT_SECRET is required: a secret of at least 32 bytes, the same for every instance")
    return settings.model_copy(update={"jwt_secret": SecretStr(_kept_secret(secret_file))})


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
