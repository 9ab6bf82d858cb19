"""Events that were written before they belonged to somebody."""

from __future__ import annotations

import json

from alembic import command
from sqlalchemy import text

from assignment_engine.store import migrate
from assignment_engine.store.dialects import database_now
from tests.databases import opened

OLDER = "0002"


def test_older_events_belong_to_the_person_they_tell_of(empty_url):
    with opened(empty_url) as database:
        with database.unit() as unit:
            config = migrate._config()
            config.attributes["connection"] = unit.connection
            command.upgrade(config, OLDER)
            unit.commit()
        with database.unit() as unit:
            for number, person in enumerate(("ana", "bo", "ana")):
                values = {"id": f"e{number}", "data": json.dumps({"technician_id": person})}
                statement = "INSERT INTO outbox (event_id, event_type, data, created_at) VALUES (:id, 'JobAssigned', "
                data = "CAST(:data AS JSONB)" if database.engine.dialect.name == "postgresql" else ":data"
                at = database_now(unit.connection).replace(tzinfo=None)
                unit.connection.execute(text(f"{statement}{data}, :at)"), {**values, "at": str(at)})
            unit.commit()
        database.upgrade()
        database.run(lambda unit: unit.outbox.number(10))
        with database.read() as unit:
            assert [event.event_id for event in unit.outbox.after(0, 10, "ana")] == ["e0", "e2"]
            assert [event.event_id for event in unit.outbox.after(0, 10, "bo")] == ["e1"]
