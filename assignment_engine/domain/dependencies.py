"""Tasks that wait for each other in a circle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WaitsFor = Mapping[str, Sequence[str]]


def told_cycle(cycle: Sequence[str]) -> str:
    return f"these tasks wait for each other: {' → '.join([*cycle, cycle[0]])}"


def find_cycle(waits_for: WaitsFor) -> list[str]:
    """Members of the first circle, each followed by what it waits for; nothing when there is none."""
    settled: set[str] = set()
    found = (_find_from(start, waits_for, settled) for start in waits_for)
    return next((cycle for cycle in found if cycle), [])


def _find_from(start: str, waits_for: WaitsFor, settled: set[str]) -> list[str]:
    """Depth-first search from `start` without recursion; members of the first cycle met, or nothing."""
    path: list[str] = []
    on_path: set[str] = set()
    stack = [(start, False)]
    while stack:
        task_id, leaving = stack.pop()
        if leaving:
            settled.add(task_id)
            on_path.discard(path.pop())
        elif task_id in on_path:
            return path[path.index(task_id) :]
        elif task_id in waits_for and task_id not in settled:
            path.append(task_id)
            on_path.add(task_id)
            stack.append((task_id, True))
            stack.extend((dependency, False) for dependency in waits_for[task_id])
    return []
