"""docker-compose.yml as the compose plugin reads it, else as YAML with the variables filled in by us."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from tests.support.processes import HOUSE, child_environ

COMPOSE = HOUSE / "docker-compose.yml"
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?:(?P<mode>:[-?])(?P<rest>[^}]*))?\}")
Stack = dict[str, Any]


def required_variables() -> dict[str, str]:
    """Name → the message that a missing one gets."""
    found = VARIABLE.finditer(COMPOSE.read_text())
    return {match["name"]: match["rest"] for match in found if match["mode"] == ":?"}


@pytest.fixture(scope="session")
def raw() -> Stack:
    """As written: ``${VARIABLE:?message}`` still stands in it, so that one sees who gets which secret."""
    return dict(yaml.safe_load(COMPOSE.read_text()))


@pytest.fixture(scope="session")
def stack() -> Stack:
    """With every required variable set to its own name in small letters."""
    values = {name: name.lower() for name in required_variables()}
    if not has_compose_plugin():
        return dict(yaml.safe_load(VARIABLE.sub(lambda match: _filled(match, values), COMPOSE.read_text())))
    done = subprocess.run(
        ["docker", "compose", "--env-file", "/dev/null", "-f", str(COMPOSE), "config"],
        env=child_environ(**values),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return dict(yaml.safe_load(done.stdout))


def has_compose_plugin() -> bool:
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=30, check=False)
    return done.returncode == 0


def _filled(match: re.Match[str], values: dict[str, str]) -> str:
    return values.get(match["name"], match["rest"] or "")
