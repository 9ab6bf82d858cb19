"""People who can be given work."""

from __future__ import annotations

from http import HTTPStatus

from flask import Response
from flask_openapi.blueprint import APIBlueprint
from flask_openapi.models.tag import Tag

from assignment_engine.domain.errors import NotFoundError
from assignment_engine.domain.records import StoredEmployee
from assignment_engine.services.dispatch.intake import amend_employee
from assignment_engine.services.idempotency import Answer
from assignment_engine.services.people import add_employee, remove_employee
from webapp import render
from webapp.auth import Role, allow
from webapp.bodies import body_needed
from webapp.documents import operation_name
from webapp.once import expected_version, once, sent
from webapp.problems import for_json, for_role
from webapp.schemas import (
    ChangingHeaders,
    CreatingHeaders,
    EmployeeChanges,
    EmployeeListing,
    EmployeePage,
    EmployeePath,
    EmployeeRecord,
    NewEmployee,
)
from webapp.state import engine, identity, ready_dispatcher

blueprint = APIBlueprint(
    "employees",
    __name__,
    url_prefix="/api/employees",
    abp_tags=[Tag(name="employees")],
    abp_security=[{"bearer": []}],
    operation_id_callback=operation_name,
)


@blueprint.post("", responses={HTTPStatus.CREATED: EmployeeRecord, **for_json(HTTPStatus.CONFLICT)})
@allow(Role.ADMIN)
@body_needed
def create_employee(body: NewEmployee, header: CreatingHeaders) -> Response:
    """Add a person."""
    answer = once(header).run(
        lambda unit: Answer(HTTPStatus.CREATED, render.json_bytes(render.employee(add_employee(unit, body))))
    )
    return sent(answer, "employee_id")


@blueprint.get("", responses={HTTPStatus.OK: EmployeePage, **for_role()})
@allow(Role.PLANNER, Role.ADMIN)
def list_employees(query: EmployeeListing) -> Response:
    """List people; `q` looks into ids and names."""
    with engine().database.read() as unit:
        found = unit.employees.list(**query.given())
    return render.answer(render.json_bytes(render.page(found, render.employee)))


@blueprint.get("/<id:employee_id>", responses={HTTPStatus.OK: EmployeeRecord, **for_role(HTTPStatus.NOT_FOUND)})
@allow(Role.TECHNICIAN, Role.PLANNER, Role.ADMIN)
def get_employee(path: EmployeePath) -> Response:
    """Read a person; technicians read themselves."""
    if not identity().may_see_person(path.employee_id):
        raise NotFoundError("employee", path.employee_id)
    with engine().database.read() as unit:
        return _shown(unit.employees.get(path.employee_id))


@blueprint.put(
    "/<id:employee_id>",
    responses={HTTPStatus.OK: EmployeeRecord, **for_json(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)},
)
@allow(Role.ADMIN)
def change_employee_fields(path: EmployeePath, body: EmployeeChanges, header: ChangingHeaders) -> Response:
    """Change the fields that are sent."""
    parts, dispatcher = engine(), ready_dispatcher()
    changed = parts.database.run(
        lambda unit: amend_employee(
            unit,
            dispatcher,
            path.employee_id,
            body.sent(),
            expected_version(header, unit.employees.get(path.employee_id).version),
        )
    )
    return _shown(changed)


@blueprint.delete(
    "/<id:employee_id>",
    responses={HTTPStatus.NO_CONTENT: None, **for_role(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)},
)
@allow(Role.ADMIN)
def delete_employee(path: EmployeePath) -> Response:
    """Delete a person who has no active work."""
    engine().database.run(lambda unit: remove_employee(unit, path.employee_id))
    return Response(status=HTTPStatus.NO_CONTENT)


def _shown(record: StoredEmployee) -> Response:
    return render.answer(render.json_bytes(render.employee(record)), record.version)
