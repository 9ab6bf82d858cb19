"""Triage: a ticket as people write it becomes a task that can be assigned."""
