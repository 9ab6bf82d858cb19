"""Use cases around what is said about tasks. Whatever is said puts the task up for triage again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assignment_engine.domain.conversations import Conversation, ConversationStatus, NewConversation
from assignment_engine.domain.errors import NotFoundError
from assignment_engine.store.unit import UnitOfWork


def add_conversation(unit: UnitOfWork, task_id: str, new: NewConversation) -> Conversation:
    """Add to a task.

    Raises
    ------
    NotFoundError
    """
    return add_conversations(unit, task_id, [new])[0]


def add_conversations(unit: UnitOfWork, task_id: str, new: Sequence[NewConversation]) -> tuple[Conversation, ...]:
    """Add several to a task.

    Raises
    ------
    NotFoundError
    """
    if not unit.tasks.lock([task_id]):
        raise NotFoundError("task", task_id)
    now = unit.now()
    made = unit.conversations.add(task_id, new, now)
    if any(conversation.status is ConversationStatus.ACTIVE for conversation in made):
        unit.triage_claims.put_up([task_id], now)
    return made


def change_conversation(
    unit: UnitOfWork, conversation_id: str, changes: Mapping[str, object], expected_version: int | None = None
) -> Conversation:
    """Change content or status; new content is read again.

    Raises
    ------
    NotFoundError, StaleVersionError
    """
    task_id = unit.conversations.get(conversation_id).task_id
    unit.tasks.lock([task_id])  # tasks before what belongs to them, as everywhere
    before = unit.conversations.get(conversation_id)
    if "content" in changes and changes["content"] != before.content:
        changes = {"status": ConversationStatus.ACTIVE, **changes}
    now = unit.now()
    after = unit.conversations.change(conversation_id, changes, now, expected_version)
    if changes and after.status is ConversationStatus.ACTIVE:
        unit.triage_claims.put_up([task_id], now)
    return after
