"""Node with npm: the system's where it is new enough, else the wheel's, in an environment of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from cfx_flow.settings import HOUSE

OLDEST = (20, 9)
"""**Source**: Next 16's package.json, ``engines``"""
VENV = HOUSE / ".venv-node"
LOCK = HOUSE / "requirements" / "node.lock"


class NoNode(Exception):
    """The message says why, in a line."""


def node_folder(venv: Path = VENV) -> Path:
    """Where ``node`` and ``npm`` lie. Raises NoNode."""
    return _of_system() or _of_wheel(venv)


def _of_system() -> Path | None:
    node = shutil.which("node")
    if node is None or not (Path(node).parent / "npm").exists():
        return None
    done = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.match(r"v(\d+)\.(\d+)", done.stdout)
    is_new = found is not None and (int(found[1]), int(found[2])) >= OLDEST
    return Path(node).parent if is_new else None


def _of_wheel(venv: Path) -> Path:
    """Installed by the uv that installed us; once for each lock."""
    stamp = venv / f".stamp-{_short_hash(LOCK)}"
    if not stamp.exists():
        uv = Path(sys.executable).with_name("uv")
        if not uv.exists():
            raise NoNode(f"there is no Node {OLDEST[0]} or newer on this machine, and no uv to install one")
        _run([str(uv), "venv", "-q", "--clear", "--python", sys.executable, str(venv)])
        python = str(venv / "bin" / "python")
        _run([str(uv), "pip", "install", "-q", "--python", python, "--require-hashes", "-r", str(LOCK)])
        stamp.touch()
    return venv / "bin"


def _run(argv: list[str]) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise NoNode(f"Node could not be installed: {said[-1] if said else 'uv failed'}")


def _short_hash(file: Path) -> str:
    import hashlib

    return hashlib.sha256(file.read_bytes()).hexdigest()[:10]
