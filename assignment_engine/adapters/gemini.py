"""Gemini, through Google's present library or the one before it, whichever is installed.

Nothing is sent before somebody set a key, and nothing but skill names and the text of tickets is sent then.
"""

from __future__ import annotations

import importlib.util
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from assignment_engine.domain.errors import ConfigurationError, RemoteModelError

T = TypeVar("T")

DIMENSIONS = 768
TASK_TYPE = "SEMANTIC_SIMILARITY"
_JSON = "application/json"
_WORTH_TRYING_AGAIN = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class GeminiSettings:
    """How to reach Gemini. `base_url` is another address than Google's."""

    api_key: str = field(repr=False)
    embedding_model: str
    text_model: str
    timeout_seconds: float = 20.0
    attempts: int = 3
    pause_seconds: float = 0.5
    base_url: str | None = None


class _Library(Protocol):
    """What is asked of either library."""

    def embed(self, texts: Sequence[str]) -> list[list[float]]: ...

    def answer(self, question: str) -> str: ...


class Gemini:
    """Vectors of phrases and answers in JSON, with a timeout and a few attempts.

    Raises
    ------
    ConfigurationError
        If neither library is installed.
    """

    def __init__(self, settings: GeminiSettings, library: _Library | None = None) -> None:
        self._settings = settings
        self._library = library or installed_library(settings)

    @property
    def embedding_model(self) -> str:
        return self._settings.embedding_model

    @property
    def text_model(self) -> str:
        return self._settings.text_model

    def embed(self, phrases: Sequence[str]) -> Sequence[Sequence[float]]:
        """A vector for each phrase, in their order.

        Raises
        ------
        RemoteModelError
        """
        vectors = self._patiently(lambda: self._library.embed(phrases))
        if len(vectors) != len(phrases) or not all(vectors):
            raise RemoteModelError(f"{len(vectors)} vectors came for {len(phrases)} phrases")
        return vectors

    def answer(self, question: str) -> str:
        """The answer, JSON as text.

        Raises
        ------
        RemoteModelError
        """
        return self._patiently(lambda: self._library.answer(question))

    def _patiently(self, call: Callable[[], T]) -> T:
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return call()
            except Exception as exc:
                # Either library raises errors of its own and of those below it; their texts may hold what was sent.
                if attempt == self._settings.attempts or not _is_passing(exc):
                    raise RemoteModelError(f"no answer after {attempt} attempt(s): {_kind(exc)}") from None
                time.sleep(self._settings.pause_seconds * 2 ** (attempt - 1))
        raise RemoteModelError


def _status(error: Exception) -> int | None:
    code: Any = getattr(error, "code", None)
    code = code() if callable(code) else code
    code = getattr(code, "value", code)
    return code[0] if isinstance(code, tuple) else code if isinstance(code, int) else None


def _is_passing(error: Exception) -> bool:
    status = _status(error)
    return status is None or status in _WORTH_TRYING_AGAIN


def _kind(error: Exception) -> str:
    status = _status(error)
    return type(error).__name__ if status is None else f"{type(error).__name__} {status}"


def installed_library(settings: GeminiSettings) -> _Library:
    """The present library, or the one before it.

    Raises
    ------
    ConfigurationError
        If neither is installed.
    """
    if _is_installed("google.genai"):
        return GenaiLibrary(settings)
    if _is_installed("google.generativeai"):
        return LegacyLibrary(settings)
    raise ConfigurationError("GEMINI_API_KEY is set, but the extra `gemini` is not installed")


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class GenaiLibrary:
    """google-genai."""

    def __init__(self, settings: GeminiSettings) -> None:
        from google import genai
        from google.genai import types

        self._settings, self._types = settings, types
        options = types.HttpOptions(
            base_url=settings.base_url,
            timeout=round(settings.timeout_seconds * 1000),
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        self._client = genai.Client(api_key=settings.api_key, http_options=options)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        # A list of plain strings would be merged into one vector by newer models; each text is a content of its own.
        types = self._types
        answer = self._client.models.embed_content(
            model=self._settings.embedding_model,
            contents=[types.Content(parts=[types.Part(text=text)]) for text in texts],
            config=types.EmbedContentConfig(task_type=TASK_TYPE, output_dimensionality=DIMENSIONS),
        )
        return [list(item.values or []) for item in answer.embeddings or []]

    def answer(self, question: str) -> str:
        answer = self._client.models.generate_content(
            model=self._settings.text_model,
            contents=question,
            config=self._types.GenerateContentConfig(temperature=0.0, response_mime_type=_JSON),
        )
        return answer.text or ""


class LegacyLibrary:
    """google-generativeai, which is no longer maintained."""

    def __init__(self, settings: GeminiSettings) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says at every import that its support has ended
            import google.generativeai

        legacy: Any = google.generativeai  # its types do not say what it exports
        where = {"client_options": {"api_endpoint": settings.base_url}} if settings.base_url else {}
        legacy.configure(api_key=settings.api_key, transport="rest", **where)
        self._settings, self._legacy = settings, legacy

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        answer = self._legacy.embed_content(
            model=_full_name(self._settings.embedding_model),
            content=list(texts),
            task_type=TASK_TYPE,
            output_dimensionality=DIMENSIONS,
            request_options=self._options,
        )
        return [list(vector) for vector in answer["embedding"]]

    def answer(self, question: str) -> str:
        model = self._legacy.GenerativeModel(
            _full_name(self._settings.text_model),
            generation_config={"temperature": 0.0, "response_mime_type": _JSON},
        )
        return str(model.generate_content(question, request_options=self._options).text)

    @property
    def _options(self) -> dict[str, Any]:
        return {"timeout": self._settings.timeout_seconds, "retry": None}


def _full_name(model: str) -> str:
    return model if "/" in model else f"models/{model}"
