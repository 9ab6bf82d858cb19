"""The people of the simulated organisation: what is true of them, and what is on record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from assignment_engine.domain.records import Employee
from assignment_engine.domain.types import Availability
from assignment_engine.features.arrays import Floats, Ints, floats
from assignment_engine.features.pairs import AVAILABILITY_VALUES
from assignment_engine.learning.catalogue import DEPARTMENTS, FIRST_NAMES, LAST_NAMES

SKILLS: tuple[str, ...] = tuple(sorted({skill for department in DEPARTMENTS for skill in department.skills}))
KINDS = tuple((d, kind) for d, department in enumerate(DEPARTMENTS) for kind in department.kinds)
_STATUSES = (Availability.AVAILABLE, Availability.PARTIAL, Availability.BUSY, Availability.AWAY)
_NOT_ON_RECORD = {"skills": 0.04, "experience_years": 0.04, "performance_rating": 0.1, "department": 0.04}


@dataclass(frozen=True)
class People:
    """m people. `employees` are their records with gaps; the rest is the truth, which only outcomes depend on.

    `levels` is (m, skills) from 0 (not held) to 1, `affinity` (m, kinds) in log-odds; the others are (m,).
    """

    employees: tuple[Employee, ...]
    levels: Floats
    affinity: Floats
    quality: Floats
    years: Floats
    capacity: Floats
    availability: Floats
    department: Ints


def draw_people(rng: Generator, count: int) -> People:
    """`count` people of all departments, by seniority and talent as they come."""
    department = rng.choice(len(DEPARTMENTS), count, p=[d.share for d in DEPARTMENTS])
    years = floats(np.round(np.minimum(rng.gamma(1.6, 4.0, count), 35.0), 1))
    quality = rng.normal(0.0, 0.6, count)
    levels = _levels(rng, department, years)
    status = rng.choice(len(_STATUSES), count, p=[0.85, 0.1, 0.03, 0.02])
    capacity = rng.choice([40.0, 32.0, 20.0], count, p=[0.75, 0.15, 0.1])
    rating = np.round(np.clip(3.4 + 0.8 * quality + rng.normal(0.0, 0.4, count), 1.0, 5.0), 1)
    names = _names(rng, count)
    employees = tuple(
        Employee(
            employee_id=f"emp-{i + 1:03d}",
            name=names[i],
            max_workload=capacity[i],
            availability_status=_STATUSES[status[i]],
            **_with_gaps(
                rng,
                {
                    "skills": {s: float(level) for s, level in zip(SKILLS, levels[i], strict=True) if level > 0},
                    "experience_years": years[i],
                    "performance_rating": rating[i],
                    "department": DEPARTMENTS[department[i]].name,
                },
            ),
        )
        for i in range(count)
    )
    return People(
        employees=employees,
        levels=levels,
        affinity=rng.normal(0.0, 0.5, (count, len(KINDS))),
        quality=quality,
        years=years,
        capacity=capacity,
        availability=np.array([AVAILABILITY_VALUES[_STATUSES[s]] for s in status]),
        department=department,
    )


def _levels(rng: Generator, department: Ints, years: Floats) -> Floats:
    """Most skills of the own department, few of the others; levels grow with the years."""
    own = np.array([[skill in d.skills for skill in SKILLS] for d in DEPARTMENTS])[department]
    held = rng.random(own.shape) < np.where(own, 0.7, 0.08)
    level = 0.45 + 0.04 * np.minimum(years, 12.0)[:, None] + rng.normal(0.0, 0.18, own.shape)
    return np.where(held, np.round(np.clip(level, 0.1, 1.0) * 20) / 20, 0.0)


def _names(rng: Generator, count: int) -> list[str]:
    picks = rng.permutation(len(FIRST_NAMES) * len(LAST_NAMES))
    return [
        f"{FIRST_NAMES[pick % len(FIRST_NAMES)]} {LAST_NAMES[pick // len(FIRST_NAMES)]}"
        for pick in (int(picks[i % len(picks)]) for i in range(count))
    ]


def _with_gaps(rng: Generator, record: dict[str, object]) -> dict[str, object]:
    """The fields that made it into the record."""
    return {name: value for name, value in record.items() if rng.random() >= _NOT_ON_RECORD[name]}
