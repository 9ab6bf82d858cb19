"""What the doctor checks of triage, conversations and jobs."""

from __future__ import annotations

from assignment_engine.store.checks import Check

WORK_CHECKS = (
    Check(
        "claim_without_end",
        """
        SELECT task_id, processing_instance_id FROM tasks
        WHERE processing_status = 'processing' AND processing_due_at IS NULL AND deleted_at IS NULL
        """,
        "claimed by {} for ever: nobody else can take it",
    ),
    Check(
        "conversation_left",
        """
        SELECT c.conversation_id, c.task_id FROM conversations c JOIN tasks t ON t.task_id = c.task_id
        WHERE t.deleted_at IS NOT NULL
        """,
        "belongs to the deleted task {}",
    ),
    Check(
        "job_status",
        """
        SELECT job_id, status FROM job_records
        WHERE (status IN ('completed', 'failed') AND completed_at IS NULL)
           OR (status IN ('queued', 'processing') AND executor_id IS NULL)
           OR (status = 'processing' AND started_at IS NULL)
           OR (status = 'failed' AND error_category IS NULL)
        """,
        "status {}, but not who has it, since when, or why",
    ),
)
