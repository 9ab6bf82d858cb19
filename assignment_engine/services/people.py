"""Use cases around the people who can be given work."""

from __future__ import annotations

from collections.abc import Mapping

from assignment_engine.domain.records import Employee, StoredEmployee
from assignment_engine.store.unit import UnitOfWork


def add_employee(unit: UnitOfWork, employee: Employee) -> StoredEmployee:
    """Store a new person.

    Raises
    ------
    AlreadyExistsError
    """
    unit.employees.add([employee], unit.now())
    return unit.employees.get(employee.employee_id)


def change_employee(
    unit: UnitOfWork, employee_id: str, changes: Mapping[str, object], expected_version: int | None = None
) -> StoredEmployee:
    """Change the given fields; `current_workload` is what the person carries in all, beside and with our work.

    Raises
    ------
    NotFoundError, StaleVersionError
    """
    return unit.employees.change(employee_id, changes, unit.now(), expected_version)


def remove_employee(unit: UnitOfWork, employee_id: str) -> None:
    """Delete a person softly.

    Raises
    ------
    NotFoundError
    ActiveWorkError
        While they have an active assignment.
    """
    unit.employees.remove(employee_id)
