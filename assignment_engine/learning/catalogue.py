"""What the simulated organisation is made of: its departments, their kinds of work, and names."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of task: its skills, median hours, mean complexity, and titles with a place for a name."""

    category: str
    skills: tuple[str, ...]
    hours: float
    complexity: float
    titles: tuple[str, ...]


@dataclass(frozen=True)
class Department:
    name: str
    share: float
    kinds: tuple[Kind, ...]
    places: tuple[str, ...]

    @property
    def skills(self) -> tuple[str, ...]:
        return tuple(sorted({skill for kind in self.kinds for skill in kind.skills}))


_SITES = ("Harbour Street", "the north depot", "Mill Lane 12", "the city hospital", "Riverside School", "plant 3")
_SYSTEMS = ("billing", "the customer portal", "search", "the order service", "reporting", "the staging cluster")
_TEAMS = ("accounting", "the warehouse", "human resources", "the Lisbon office", "sales", "the front desk")

DEPARTMENTS: tuple[Department, ...] = (
    Department(
        "field service",
        0.3,
        (
            Kind("installation", ("electrical", "fibre splicing", "networking"), 5.0, 0.45,
                 ("Install fibre connection at {}", "Wire new cabinet at {}", "Set up access points at {}")),
            Kind("repair", ("electrical", "refrigeration", "diagnostics"), 3.0, 0.55,
                 ("Repair cooling unit at {}", "Find earth fault at {}", "Replace failed drive at {}")),
            Kind("maintenance", ("air conditioning", "electrical", "safety inspection"), 4.0, 0.3,
                 ("Yearly inspection at {}", "Service air conditioning at {}", "Test emergency power at {}")),
        ),
        _SITES,
    ),
    Department(
        "platform",
        0.25,
        (
            Kind("incident", ("kubernetes", "linux", "diagnostics"), 2.5, 0.65,
                 ("Restore {} after failed rollout", "Find memory leak in {}", "Latency alarms in {}")),
            Kind("change", ("terraform", "kubernetes", "networking"), 5.0, 0.5,
                 ("Move {} to the new cluster", "Rotate certificates of {}", "Add a read replica for {}")),
            Kind("development", ("python", "postgresql", "testing"), 9.0, 0.6,
                 ("Add audit export to {}", "Rewrite the import of {}", "Index slow queries of {}")),
        ),
        _SYSTEMS,
    ),
    Department(
        "support",
        0.3,
        (
            Kind("access", ("identity management", "customer communication"), 0.8, 0.15,
                 ("Unlock accounts for {}", "New starter equipment for {}", "Reset tokens for {}")),
            Kind("workplace", ("windows", "printing", "customer communication"), 1.5, 0.25,
                 ("Printer queue stuck in {}", "Laptop exchange for {}", "Video room silent in {}")),
            Kind("escalation", ("diagnostics", "customer communication", "networking"), 3.5, 0.55,
                 ("Recurring VPN drops in {}", "Complaint about response times from {}", "Lost mailboxes in {}")),
        ),
        _TEAMS,
    ),
    Department(
        "data",
        0.15,
        (
            Kind("report", ("sql", "data visualisation"), 4.0, 0.35,
                 ("Monthly figures of {}", "Dashboard for {}", "Reconcile the numbers of {}")),
            Kind("pipeline", ("sql", "python", "testing"), 8.0, 0.6,
                 ("Load history of {}", "Fix duplicate rows from {}", "Late events from {}")),
            Kind("analysis", ("statistics", "python", "data visualisation"), 10.0, 0.7,
                 ("Forecast demand for {}", "Why did returns rise in {}?", "Sample size for the trial with {}")),
        ),
        _TEAMS,
    ),
)  # fmt: skip

FIRST_NAMES = (
    "Ana", "Bilal", "Chiara", "Daniel", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Kavya", "Liam", "Mei",
    "Noah", "Olga", "Pavel", "Quynh", "Rosa", "Samir", "Tomoko", "Uma", "Victor", "Wanjiru", "Xenia", "Yusuf", "Zofia",
)  # fmt: skip
LAST_NAMES = (
    "Almeida", "Becker", "Costa", "Demir", "Eriksen", "Fofana", "García", "Haddad", "Ivanova", "Jansen", "Kowalski",
    "Lindqvist", "Moreau", "Nakamura", "Okafor", "Petrov", "Rao", "Silva", "Tanaka", "Urbina", "Vogel", "Weber", "Yang",
)  # fmt: skip
