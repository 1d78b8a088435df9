"""What the pages compute, by their own tests. Their types are checked when the dashboard is built."""

from __future__ import annotations

import subprocess

import pytest

from cli.dashboard.build import SOURCES, install
from cli.dashboard.node import NoNode
from tests.support.browser import absent


@pytest.mark.e2e
def test_components_keep_their_promises() -> None:
    try:
        node = install() / "node"
    except NoNode as error:
        absent(str(error))
    argv = [str(node), "node_modules/vitest/vitest.mjs", "run", "--reporter=dot"]
    done = subprocess.run(argv, cwd=SOURCES, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
