"""The set described for a container engine names what there is."""

from __future__ import annotations

from pathlib import Path

import yaml

from assignment_engine.cli import main
from assignment_engine.config import Settings

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = {"one", "two", "worker"}


def test_two_instances_a_worker_and_what_they_need():
    assert SERVICES.keys() == {"database", "redis", *OURS}
    assert all(SERVICES[name]["depends_on"].keys() == {"database", "redis"} for name in OURS)
    assert SERVICES["worker"]["command"][0] in main.commands


def test_every_variable_is_a_setting():
    for name in OURS:
        assert {variable.lower() for variable in SERVICES[name]["environment"]} <= Settings.model_fields.keys()


def test_the_image_is_built_from_what_is_there():
    """Every file that the image copies exists, and none of them is kept out."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    recipe = (ROOT / SERVICES["one"]["build"]["dockerfile"]).read_text()
    copied = [word for line in recipe.splitlines() if line.startswith("COPY") for word in line.split()[1:-1]]
    assert copied
    assert all((ROOT / name).exists() and name not in ignored for name in copied)
