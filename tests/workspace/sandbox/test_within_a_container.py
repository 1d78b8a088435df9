"""bubblewrap in a container that is held as docker-compose.yml holds ours, by Podman."""

from __future__ import annotations

import subprocess

import pytest

from tests.support.processes import HOUSE

pytestmark = pytest.mark.e2e

HELD = """
--rm --pull=never --network none --read-only --user 10001 --cap-drop ALL --log-driver none
--security-opt no-new-privileges --ulimit nofile=1024:1024 --ulimit nproc=4096:4096
--tmpfs /tmp:mode=1777 -v /usr:/usr:ro -v /usr/lib:/lib:ro -v /usr/lib64:/lib64:ro
"""
AS_DOCUMENTED = ["--security-opt", f"seccomp={HOUSE}/infra/seccomp.json", "--security-opt", "unmask=ALL"]
"""``unmask=ALL`` is Podman's word for ``systempaths=unconfined``; AppArmor is not asked where it is off."""
PROGRAM = """
import asyncio
from cfx_flow.workspace.sandbox.find import find_sandbox
found = asyncio.run(find_sandbox("bubblewrap"))
print(getattr(found, "reason", found.__class__.__name__))
"""


def found(image: str, *options: str) -> str:
    python = ["/usr/bin/python3", "-c", PROGRAM]
    mounted = ["-v", f"{HOUSE}/cfx_flow:/house/cfx_flow:ro", "-e", "PYTHONPATH=/house"]
    done = subprocess.run(
        ["podman", "run", *HELD.split(), *options, *mounted, image, *python],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout or done.stderr


@pytest.mark.usefixtures("bubblewrap", "container")
def test_it_works_as_the_documentation_has_it_and_says_why_not_otherwise(busybox_image: str) -> None:
    assert found(busybox_image, *AS_DOCUMENTED) == "Bubblewrap\n"
    assert found(busybox_image).startswith("bubblewrap does not work here: bwrap: ")
