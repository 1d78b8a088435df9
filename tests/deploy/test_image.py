"""The api's image and the CI's entry, read as the texts that they are; the wheel inside is really built."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.processes import HOUSE, child_environ

DOCKERFILE = (HOUSE / "infra" / "api.Dockerfile").read_text()
SOURCES = [
    source
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
    for source in line.split()[:-1]
]


def test_base_images_are_pinned() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert bases
    outside = [base for base in bases if base not in ("base", "api")]
    pinned = re.compile(r"(python:3\.1[1-9]\.\d+-slim-\w+|node:2\d\.\d+\.\d+-\w+-slim)")
    assert [base for base in outside if not pinned.fullmatch(base)] == []


def test_image_installs_only_what_the_lock_s_hashes_allow() -> None:
    installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
    assert [("--require-hashes" in line, "--no-index" in line) for line in installs] == [
        (True, False),
        (False, True),
    ]


def test_image_runs_without_rights_and_is_watched() -> None:
    *_, base, dashboard, api = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    user = re.search(r"^USER (\d+)$", base, re.MULTILINE)
    assert user
    assert int(user[1]) > 1000
    assert "HEALTHCHECK" in base
    assert api.startswith("base AS api")
    assert 'CMD ["cfx", "serve"]' in api
    assert dashboard.startswith("base AS dashboard")
    assert 'CMD ["python", "-m", "api.dashboard.serve"]' in dashboard


def test_what_the_image_copies_exists_and_is_let_through(tmp_path: Path) -> None:
    lines = (HOUSE / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines
    assert {source for source in SOURCES if not source.startswith("dashboard/")} == allowed
    assert [source for source in SOURCES if not (HOUSE / source).exists()] == []


def test_image_copies_every_package_of_the_wheel() -> None:
    packages = tomllib.loads((HOUSE / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert set(packages["packages"]) <= set(SOURCES)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(argv, cwd=HOUSE, env=child_environ(), check=True, capture_output=True, timeout=120)
    (made,) = folder.glob("*.whl")
    return zipfile.Path(made)


def test_wheel_carries_what_the_server_reads_at_run_time(wheel: zipfile.Path) -> None:
    for name in ("config/models.yaml", "prompts/plan.md", "prompts/code.md", "prompts/review.md"):
        assert (wheel / name).read_text(encoding="utf-8") == (HOUSE / name).read_text(encoding="utf-8")
    names = wheel.root.namelist()
    assert any(re.fullmatch(r"migrations/versions/\d{4}-\d\d-\d\d_\w+\.py", name) for name in names)
    assert not any(".env" in name or name.endswith(".db") for name in names)


def test_ci_entry_is_strict_requires_everything_and_calls_make_test() -> None:
    path = HOUSE / ".ci" / "run"
    text = path.read_text()
    assert os.access(path, os.X_OK)
    subprocess.run(["bash", "-n", str(path)], check=True, timeout=10)
    assert "set -euo pipefail" in text
    assert "export CFX_REQUIRE_ALL=1" in text
    assert "missing+=(chromium)" in text
    assert text.rstrip().endswith("\nmake test")
