"""Disks that fail below a running server, and are mended."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.processes import Running

MEGABYTE = 1024 * 1024


@contextmanager
def small_disk(place: Path, size_mb: int) -> Iterator[None]:
    """A file system of its own at ``place``. Skips where nobody may mount one."""
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(place)]
    if subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def filled_up(folder: Path) -> Iterator[None]:
    """Not a byte is left inside the block."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MEGABYTE, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_file_grows(process: Running, beyond: int) -> Iterator[None]:
    """Each write of the process behind that size fails inside the block, as on a disk with errors."""
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (beyond, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Also for root. Skips where nobody may mount."""
    binding = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(binding, capture_output=True, check=False).returncode:
        pytest.skip("no right to make a folder read-only for everybody")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
