"""Decides who should do what, and stays right about it while the work happens.

The public names are imported when they are first used, so that ``import assignment_engine`` stays quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assignment_engine.allocation.plan import plan
    from assignment_engine.allocation.problem import AllocationProblem, build_problem
    from assignment_engine.allocation.verify import verify
    from assignment_engine.config import Settings
    from assignment_engine.domain.assignments import Assignment
    from assignment_engine.domain.constraints import Constraints
    from assignment_engine.domain.errors import EngineError, InvalidInputError
    from assignment_engine.domain.plans import FinalizeResult, Plan, Preview
    from assignment_engine.domain.records import Employee, EmployeeHistory, Task
    from assignment_engine.scoring.service import MLService
    from assignment_engine.services.planning import SchedulerService
    from assignment_engine.wiring import get_scheduler_service

__version__ = "0.1.0"

_HOMES = {
    "AllocationProblem": "allocation.problem",
    "Assignment": "domain.assignments",
    "Constraints": "domain.constraints",
    "Employee": "domain.records",
    "EmployeeHistory": "domain.records",
    "EngineError": "domain.errors",
    "FinalizeResult": "domain.plans",
    "InvalidInputError": "domain.errors",
    "MLService": "scoring.service",
    "Plan": "domain.plans",
    "Preview": "domain.plans",
    "SchedulerService": "services.planning",
    "Settings": "config",
    "Task": "domain.records",
    "build_problem": "allocation.problem",
    "get_scheduler_service": "wiring",
    "plan": "allocation.plan",
    "verify": "allocation.verify",
}

__all__ = [
    "AllocationProblem",
    "Assignment",
    "Constraints",
    "Employee",
    "EmployeeHistory",
    "EngineError",
    "FinalizeResult",
    "InvalidInputError",
    "MLService",
    "Plan",
    "Preview",
    "SchedulerService",
    "Settings",
    "Task",
    "build_problem",
    "get_scheduler_service",
    "plan",
    "verify",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
