"""The settings: environment variables, read once by whoever composes the application."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from assignment_engine.domain.errors import ConfigurationError

SHORTEST_SECRET = 32
Secret = Annotated[SecretStr, Field(min_length=SHORTEST_SECRET)]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Settings(BaseSettings):
    """Everything that can be set from outside; the names are those of the environment variables in lower case."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_ignore_empty=True)

    database_url: str = Field(
        "sqlite:///assignment-engine.db",
        description="SQLite, PostgreSQL or MariaDB; `postgres://` and `+asyncpg` forms are accepted",
        repr=False,
    )
    jwt_secret: Secret | None = Field(
        None, description="HS256 secret of at least 32 bytes; with SQLite `serve` makes its own secret file"
    )
    model_dir: Path | None = Field(None, description="directory of model bundles; default: the shipped one")
    skill_aliases: Path | None = Field(None, description="TOML file with aliases beside the shipped ones")
    preview_ttl_seconds: int = Field(3600, gt=0, description="how long a preview can be finalized")
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
