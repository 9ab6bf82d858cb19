"""Writes the pages that follow from the code: ``python docs/generate.py`` (a test compares them).

``python docs/generate.py decisions`` writes the example to learn from instead.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from flask_openapi.openapi import OpenAPI
from pydantic import BaseModel

import assignment_engine
from assignment_engine.cli import main
from assignment_engine.config import SHORTEST_SECRET, Settings, read_settings
from assignment_engine.domain.assignments import TRANSITIONS
from assignment_engine.domain.errors import EngineError
from assignment_engine.features.definition import FEATURE_NAMES, FEATURES
from assignment_engine.features.extended import FEATURE_SETS
from assignment_engine.features.table import Feature
from assignment_engine.learning.organisation import simulate
from webapp.app import create_app
from webapp.auth import Role, access_of
from webapp.documents import document_of
from webapp.problems import STATUSES

DOCS = Path(__file__).parent
WIDTH = 100


def features_page() -> str:
    """The table of the 17 features."""
    lines = [
        "# The 17 features",
        "",
        "What each pair of task and person is judged by, and what contributions in explanations are named after.",
        "Generated from `assignment_engine/features/definition.py`. Serving, training and explanations use this",
        "table and no other. A missing value is NaN and stays NaN: the model splits on it, the fallback drops it.",
        "",
        "| # | name | of | unit | range | formula | missing when |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {number} {_feature_row(feature)}" for number, feature in enumerate(FEATURES, start=1)]
    lines += [
        "",
        "## Sets that a bundle may declare",
        "",
        "Beyond the 17 a bundle may take the sets `recency` and `context`, computed from `EmployeeHistory.recent` by",
        "`assignment_engine/features/extended.py` in planning, live and in training alike.",
        "",
        "| set | name | of | unit | range | formula | missing when |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [f"| {name} {_feature_row(feature)}" for name, found in FEATURE_SETS.items() for feature in found]
    return "\n".join(lines) + "\n"


def _feature_row(feature: Feature) -> str:
    span = f"{_bound(feature.low)} to {_bound(feature.high)}"
    return f"| `{feature.name}` | {feature.group} | {feature.unit} | {span} | {feature.formula} | {feature.missing} |"


def _bound(value: float) -> str:
    return {float("inf"): "∞", -float("inf"): "−∞"}.get(value, f"{value:g}")


def settings_page() -> str:
    """The table of the environment variables."""
    lines = [
        "# Settings",
        "",
        "Every setting: environment variables, read once at the start. Generated from `assignment_engine/config.py`.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, info in Settings.model_fields.items():
        default = "" if info.default in {None, ""} else f"`{info.default}`"
        lines.append(f"| `{name.upper()}` | {default} | {info.description} |")
    return "\n".join(lines) + "\n"


def lifecycle_page() -> str:
    """The table of what can happen to an assignment, as text and as a diagram."""
    lines = [
        "# The life of an assignment",
        "",
        "What can happen to an assignment, and what becomes of its task. Every change goes through this table, which",
        "is generated from `assignment_engine/domain/assignments.py`.",
        "",
        "| event | from | to | the task becomes |",
        "|---|---|---|---|",
    ]
    arrows = []
    for event, transition in TRANSITIONS.items():
        sources = sorted(transition.sources)
        lines.append(f"| {event} | {', '.join(sources) or '–'} | {transition.target} | {transition.task_status} |")
        arrows += [f"    {source} --> {transition.target}: {event}" for source in sources or ["[*]"]]
    lines += [
        "| reopen (the task) | completed | – | pending |",
        "",
        "`reopen` is the task's own: the assignment stays completed, the outcome of its work is marked as reopened,",
        "and what comes next is another assignment.",
    ]
    return "\n".join([*lines, "", "```mermaid", "stateDiagram-v2", *arrows, "```"]) + "\n"


def access_page() -> str:
    """The table of endpoints and of the roles that each is for."""
    lines = [
        "# Who may call what",
        "",
        "Every endpoint of the HTTP API and the roles it is for, generated from `webapp/`. What each takes and answers",
        "is in the OpenAPI document: `serve` shows it at `/docs` and gives it at `/openapi.json`.",
        "",
        "A token's `role` claim is one of the columns; an endpoint without any mark is open without a token. A",
        "technician reaches what is their own (the token's `sub` is the employee id): what is somebody else's is",
        "answered like what does not exist, but for sessions, where it is 403. An endpoint that declares nothing is",
        "closed to everybody.",
        "",
        f"| call | {' | '.join(Role)} | what it does |",
        f"|---|{':-:|' * len(Role)}---|",
    ]
    app = create_app(read_settings(database_url="sqlite:///never-opened.db", jwt_secret="-" * SHORTEST_SECRET))
    return "\n".join([*lines, *sorted(_access_lines(app), key=lambda line: line.split("` |")[0].split()[2])]) + "\n"


def _access_lines(app: OpenAPI) -> Iterator[str]:
    summaries = {
        (method.upper(), path): operation.get("summary", "")
        for path, item in document_of(app)["paths"].items()
        for method, operation in item.items()
    }
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        access = access_of(view)
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        marks = " | ".join("✓" if role in access.roles else "" for role in Role)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"| `{method} {path}` | {marks} | {summaries.get((method, path)) or _first_line(view)} |"


def commands_page() -> str:
    """The help of every command."""
    lines = [
        "# Commands",
        "",
        "What `assignment-engine COMMAND --help` prints, generated from `assignment_engine/cli/`. Bad input ends a",
        "command with exit code 2 and a message that names file, line and column. [Settings](settings.md) are",
        "environment variables.",
    ]
    for words, command in _commands(main, ("assignment-engine",)):
        context = click.Context(command, info_name=" ".join(words), terminal_width=WIDTH)
        name = " ".join(words[1:]) or "all"
        lines += ["", f"## {name}", "", "```text", command.get_help(context), "```"]
    return "\n".join(lines) + "\n"


def _commands(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield words, command
    for name, below in sorted(getattr(command, "commands", {}).items()):
        yield from _commands(below, (*words, name))


def library_page() -> str:
    """What `import assignment_engine` offers, and the errors."""
    lines = [
        "# The library",
        "",
        "The names that `import assignment_engine` offers and every error, generated from the code. Tasks and people",
        "may be records, dicts or pandas frames. [The tour](tour.md) shows most of it in use, [the words](glossary.md)",
        "are explained.",
    ]
    for name in sorted(assignment_engine.__all__, key=str.lower):
        lines += ["", *_described(name, getattr(assignment_engine, name))]
    lines += [
        "",
        "## Errors",
        "",
        "All are `EngineError`s in `assignment_engine.domain.errors`. Over HTTP they are problem+json with the status;",
        "those without one do not come from a request as such: they end a command, or are in a worker's log.",
        "",
        "| error | HTTP | means |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{error.__name__}` | {_status(error)} | {_first_line(error)} |" for error in sorted(_errors(), key=_name)
    ]
    return "\n".join(lines) + "\n"


def _described(name: str, found: Any) -> Iterator[str]:
    """A heading, the signature, the first line of the docstring, and so the methods of a service."""
    yield f"## {name}"
    yield ""
    yield _first_line(found)
    if found is Settings:
        yield "Its fields are the [settings](settings.md)."
        return
    if inspect.isclass(found) and issubclass(found, EngineError):
        return
    yield from ["", "```text", _signature(name, found), "```"]
    if inspect.isclass(found) and not issubclass(found, BaseModel):
        for method, function in inspect.getmembers(found, inspect.isfunction):
            if not method.startswith("_"):
                yield from ["", f"**`.{method}`** {_first_line(function)}"]
                yield from ["", "```text", _signature(method, function), "```"]


def _signature(name: str, call: Callable[..., Any]) -> str:
    """One line where that fits, otherwise a line for each parameter; types as they stand in the code."""
    parameters = [p for p in inspect.signature(call).parameters.values() if p.name != "self"]
    types, kinds = _types(call), [p.kind for p in parameters]
    found = [_parameter(parameter, types) for parameter in parameters]
    if inspect.Parameter.KEYWORD_ONLY in kinds:
        found.insert(kinds.index(inspect.Parameter.KEYWORD_ONLY), "*")
    answer = "" if inspect.isclass(call) else f" -> {types['return']}"
    short = f"{name}({', '.join(found)}){answer}"
    return short if len(short) <= WIDTH else "\n".join([f"{name}(", *(f"    {part}," for part in found), f"){answer}"])


def _types(call: Callable[..., Any]) -> dict[str, object]:
    """The annotations of a function, or of a class, what it stands on and how it is made."""
    if not inspect.isclass(call):
        return inspect.get_annotations(call)
    found: dict[str, object] = {}
    for home in reversed(call.__mro__):
        found |= inspect.get_annotations(home)
    return found if issubclass(call, BaseModel) else found | getattr(call.__init__, "__annotations__", {})


def _parameter(parameter: inspect.Parameter, types: dict[str, object]) -> str:
    name = str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
    kind = types.get(parameter.name)
    default = "" if parameter.default is parameter.empty else f" = {_default(parameter.default)}"
    return f"{name}: {kind}{default}" if kind else f"{name}{default}"


def _default(value: object) -> str:
    """As it would be written: a member of an enum by its value, a made one as dots."""
    plain = getattr(value, "value", value)
    return "…" if repr(plain).startswith("<") else repr(plain)


def _first_line(found: object) -> str:
    return (inspect.getdoc(found) or "").split("\n")[0]


def _name(error: type) -> str:
    return error.__name__


def _errors(error: type[EngineError] = EngineError) -> Iterator[type[EngineError]]:
    yield error
    for below in error.__subclasses__():
        if below.__module__ == EngineError.__module__:
            yield from _errors(below)


def _status(error: type[EngineError]) -> str:
    kind = next(kind for kind in error.__mro__ if kind in STATUSES)
    return "–" if kind is EngineError else f"{STATUSES[kind]:d}"


PAGES = {
    "access.md": access_page,
    "commands.md": commands_page,
    "features.md": features_page,
    "library.md": library_page,
    "settings.md": settings_page,
    "lifecycle.md": lifecycle_page,
}


def write_example_decisions() -> None:
    """`docs/examples/decisions.csv`: outcomes of a simulated organisation in the form of `docs/learning.md`."""
    import pandas as pd  # noqa: PLC0415  (heavy, and seldom needed)

    made = simulate(seed=7, people=20, decisions=1000, open_tasks=3).decisions
    frame = pd.DataFrame(made.features.round(3), columns=list(FEATURE_NAMES))
    frame.insert(0, "decision_id", [f"d{number}" for number in range(len(frame))])
    frame.insert(1, "decided_at", [f"{at}Z" for at in made.decided_at])
    frame.insert(2, "known_at", [f"{at}Z" for at in made.known_at])
    frame.insert(3, "outcome", ["good" if good else "bad" for good in made.good])
    frame.to_csv(DOCS / "examples" / "decisions.csv", index=False)


def requirement_headings(text: str) -> list[str]:
    """The headings of a markdown document, outside code blocks."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [heading.strip(" *") for heading in re.findall(r"^#{1,4} (.+)$", prose, flags=re.MULTILINE)]


if __name__ == "__main__":
    if sys.argv[1:] == ["decisions"]:
        write_example_decisions()
        sys.exit()
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")
