"""What runs there are: long, short, and with a broken guard."""

from __future__ import annotations

from random import Random

from chaos.breakage import BREAKAGES
from chaos.faults import FAULTS
from chaos.installation import LONG, SHORT
from chaos.run import QUICK, Plan

SHORT_FAULTS = ("kill an instance", "kill a worker", "freeze an instance", "crash PostgreSQL", "stop everything")
STORM_SHARE = 0.2


def long_plan(seed: str, seconds: float, rate: float) -> Plan:
    """As in production: time-outs of a minute and a half, processes that start anew, everything down for two minutes.

    Every kind of fault at least once, in an order of the seed's; then others until `seconds` are over.
    """
    order = list(FAULTS)
    Random(seed).shuffle(order)
    storm = STORM_SHARE * seconds
    return Plan(seed, LONG, order, fault_seconds=seconds - storm, storm_seconds=storm, rate=rate)


def middle_plan(seed: str, seconds: float, rate: float) -> Plan:
    """The same with short time-outs and processes that are there at once, so that more happens in the same time."""
    plan = long_plan(seed, seconds, rate)
    return Plan(
        seed,
        SHORT,
        plan.faults,
        fault_seconds=plan.fault_seconds,
        storm_seconds=plan.storm_seconds,
        rate=rate,
        calm_seconds=10.0,
        longest_recovery_seconds=30.0,
        drain_seconds=90.0,
    )


def short_plan(seed: str) -> Plan:
    """Some seconds, for the suite: the most telling faults, another one of the seed's, and no waiting."""
    others = [name for name in QUICK if name not in SHORT_FAULTS]
    faults = (*SHORT_FAULTS, Random(seed).choice(others))
    return Plan(
        seed,
        SHORT,
        faults,
        rate=60.0,
        calm_seconds=2.0,
        longest_recovery_seconds=0.0,
        gap_seconds=1.0,
        drain_seconds=90.0,
    )


def guard_plan(seed: str, broken: str | None) -> Plan:
    """Long enough to bring a broken guard to light; with none, the same for comparison."""
    faults = BREAKAGES[broken].faults if broken else ()
    return Plan(
        seed,
        SHORT,
        faults,
        rate=80.0,
        calm_seconds=20.0,
        longest_recovery_seconds=1.0,
        drain_seconds=90.0,
        stampedes=10,
        broken=broken,
    )
