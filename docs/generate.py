"""Writes the pages that follow from the code: ``python docs/generate.py`` (a test compares them)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from flask_openapi.openapi import OpenAPI

from assignment_engine.config import SHORTEST_SECRET, Settings, read_settings
from assignment_engine.domain.assignments import TRANSITIONS
from assignment_engine.features.definition import FEATURES
from assignment_engine.features.extended import FEATURE_SETS
from assignment_engine.features.table import Feature
from webapp.app import create_app
from webapp.auth import Role, access_of
from webapp.documents import document_of

DOCS = Path(__file__).parent


def features_page() -> str:
    """The table of the 17 features."""
    lines = [
        "# The 17 features",
        "",
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
        "Generated from `assignment_engine/config.py`. Environment variables, read once at the start.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, info in Settings.model_fields.items():
        default = "" if info.default is None else f"`{info.default}`"
        lines.append(f"| `{name.upper()}` | {default} | {info.description} |")
    return "\n".join(lines) + "\n"


def lifecycle_page() -> str:
    """The table of what can happen to an assignment, as text and as a diagram."""
    lines = [
        "# The life of an assignment",
        "",
        "Generated from `assignment_engine/domain/assignments.py`. Every change of an assignment goes through this.",
        "",
        "| event | from | to | the task becomes |",
        "|---|---|---|---|",
    ]
    arrows = []
    for event, transition in TRANSITIONS.items():
        sources = sorted(transition.sources)
        lines.append(f"| {event} | {', '.join(sources) or '–'} | {transition.target} | {transition.task_status} |")
        arrows += [f"    {source} --> {transition.target}: {event}" for source in sources or ["[*]"]]
    return "\n".join([*lines, "", "```mermaid", "stateDiagram-v2", *arrows, "```"]) + "\n"


def access_page() -> str:
    """The table of endpoints and of the roles that each is for."""
    lines = [
        "# Who may call what",
        "",
        "Generated from the endpoints in `webapp/`. A token's `role` claim is one of the columns; an endpoint without",
        "any mark is open without a token. A technician reaches what is their own (the token's `sub` is the employee",
        "id): what is somebody else's is answered like what does not exist, but for sessions, where it is 403. An",
        "endpoint that declares nothing is closed to everybody.",
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
        access = access_of(app.view_functions[rule.endpoint])
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        marks = " | ".join("✓" if role in access.roles else "" for role in Role)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"| `{method} {path}` | {marks} | {summaries.get((method, path), '')} |"


PAGES = {
    "access.md": access_page,
    "features.md": features_page,
    "settings.md": settings_page,
    "lifecycle.md": lifecycle_page,
}


def requirement_headings(text: str) -> list[str]:
    """The headings of a markdown document, outside code blocks."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [heading.strip(" *") for heading in re.findall(r"^#{1,4} (.+)$", prose, flags=re.MULTILINE)]


if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), "utf-8")
