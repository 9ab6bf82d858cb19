"""What happens to incoming tickets, by the rules of their queue."""

from __future__ import annotations

import pytest

from assignment_engine.services.dispatch.intake import submit_ticket
from tests.builders import employee, task
from tests.dispatching import Office

RULES = [
    {"category": "outage", "action": "push"},
    {"priority": "critical", "action": "offer"},
    {"category": "billing", "action": "queue", "queue": "office"},
    {"category": "spam", "action": "none"},
]


@pytest.fixture
def office(database):
    office = Office(database)
    office.has(employee("ana"))
    office.login("ana")
    return office


def _comes(office, **fields):
    ticket = task("t1", title="Ticket", **fields)
    return office.run(lambda unit: submit_ticket(unit, office.dispatcher, ticket))


@pytest.mark.parametrize("mode", ["push", "offer", "off"])
@pytest.mark.parametrize(
    ("fields", "status"),
    [({"category": "outage"}, "in_progress"), ({"category": "outage", "priority": "critical"}, "in_progress")],
)
def test_a_rule_to_push_overrides_the_mode(office, mode, fields, status):
    """The first rule that fits decides, also in a queue that is off."""
    office.queue(mode=mode, auto_assign=RULES)
    assert _comes(office, **fields).status == status


@pytest.mark.parametrize("mode", ["push", "offer", "off"])
def test_a_rule_to_offer_overrides_the_mode(office, mode):
    """The ticket is offered, whatever the queue does with others."""
    office.queue(mode=mode, auto_assign=RULES)
    stored = _comes(office, priority="critical")
    assert (stored.status, office.status()[0].current[0].status) == ("assigned", "offered")


def test_a_rule_to_queue_puts_the_ticket_there(office):
    """The other queue's own mode decides then."""
    office.queue(auto_assign=RULES)
    office.queue("office", mode="off")
    stored = _comes(office, category="billing")
    assert (stored.queue, stored.status) == ("office", "pending")


@pytest.mark.parametrize(("mode", "status"), [("push", "in_progress"), ("offer", "assigned"), ("off", "pending")])
@pytest.mark.parametrize("fields", [{"category": "spam"}, {"category": "other"}, {}])
def test_without_a_rule_the_mode_decides(office, mode, status, fields):
    """So does a rule that does nothing."""
    office.queue(mode=mode, auto_assign=RULES)
    assert _comes(office, **fields).status == status


def test_a_ticket_that_was_given_back_keeps_its_rule(office):
    """A push into a queue that is off is one after a log-out too."""
    office.queue(mode="off", auto_assign=RULES)
    _comes(office, category="outage")
    office.logout("ana")
    assert office.task("t1").status == "pending"
    office.login("ana")
    assert office.task("t1").status == "in_progress"
    assert office.findings() == []
