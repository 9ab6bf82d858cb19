"""Where the document says what can be done next: which field of an answer is which parameter of another call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

_OF_PERSON = ("get_employee", "change_employee_fields", "delete_employee")
_OF_TASK = (
    *("get_task", "change_task_fields", "delete_task", "task_candidates", "list_conversations", "create_conversation"),
    *("get_triage", "repeat_triage", "complete_task", "reopen_task"),
)
_OF_PREVIEW = ("get_preview", "finalize_assignments", "get_outcome")
_OF_ASSIGNMENT = (
    *("get_assignment", "get_assignment_history", "accept_assignment", "reject_assignment", "complete_assignment"),
    *("fail_assignment", "release_assignment", "cancel_assignment"),
)
_OF_SESSION = ("heartbeat", "pause", "resume", "get_session", "log_out")


@dataclass(frozen=True)
class Chain:
    """What can follow an answer; `values` are parameters of the calls in `then`, by pointers into its body."""

    after: str
    status: HTTPStatus
    then: Sequence[str]
    values: Mapping[str, str]
    body: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


CHAINS = (
    Chain("create_employee", HTTPStatus.CREATED, _OF_PERSON, {"employee_id": "/employee_id"}),
    Chain("create_employee", HTTPStatus.CREATED, ("log_in",), {}, {"person_id": "/employee_id"}),
    Chain("log_in", HTTPStatus.OK, _OF_SESSION, {"person_id": "/person_id", "X-Session": "/session"}),
    Chain("create_task", HTTPStatus.CREATED, _OF_TASK, {"task_id": "/task_id"}),
    Chain("create_conversation", HTTPStatus.CREATED, ("change_conversation_fields",), {"conversation_id": "/id"}),
    Chain("preview_assignments", HTTPStatus.CREATED, _OF_PREVIEW, {"preview_id": "/preview_id"}),
    Chain("create_assignment", HTTPStatus.CREATED, _OF_ASSIGNMENT, {"assignment_id": "/id"}),
    Chain("trigger_pipeline", HTTPStatus.ACCEPTED, ("job_status",), {"job_ids": "/job_id"}),
    Chain("trigger_pipeline", HTTPStatus.ACCEPTED, ("cancel",), {"job_id": "/job_id"}),
    Chain("upload_file", HTTPStatus.ACCEPTED, ("job_status",), {"job_ids": "/id"}),
    Chain("upload_file", HTTPStatus.ACCEPTED, ("cancel", "retry", "import_result"), {"job_id": "/id"}),
    Chain("process_directory", HTTPStatus.ACCEPTED, ("job_status",), {"job_ids": "/job_ids/0"}),
    Chain("add_reference_file", HTTPStatus.CREATED, ("delete_reference_file",), {"reference_id": "/id"}),
)


def add_links(operations: Mapping[str, dict[str, Any]]) -> None:
    """Write the chains into the document's operations, which come by their ids.

    Raises
    ------
    KeyError
        If a chain begins or ends at an operation, or an answer, that is not there.
    """
    for chain in CHAINS:
        links = operations[chain.after]["responses"][str(chain.status.value)].setdefault("links", {})
        for name in chain.then:
            links[name] = _link(operations[name], chain)


def _link(target: Mapping[str, Any], chain: Chain) -> dict[str, Any]:
    known = {parameter["name"] for parameter in target.get("parameters", ())}
    link: dict[str, Any] = {"operationId": target["operationId"]}
    values = {name: _read(pointer) for name, pointer in chain.values.items() if name in known}
    if values:
        link["parameters"] = values
    if chain.body:
        link["requestBody"] = {name: _read(pointer) for name, pointer in chain.body.items()}
    return link


def _read(pointer: str) -> str:
    return f"$response.body#{pointer}"
