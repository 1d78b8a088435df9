"""What a program shows to whoever sits at a terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from typing import Any


def shown_at_terminal(arguments: Sequence[str], stream: str, **options: Any) -> str:
    """Runs Python with ``arguments`` to its end, with its ``stdout`` or ``stderr`` at a terminal. What was
    written comes in pieces, some after the program has ended: it is read until nobody holds the other end."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        try:
            program = subprocess.Popen([sys.executable, *arguments], **{stream: theirs}, **options)
        finally:
            os.close(theirs)
        with program:
            shown = bytearray()
            with contextlib.suppress(OSError):  # EIO, as Linux calls the end
                while piece := screen.read(65536):
                    shown += piece
            assert program.wait(60) == 0
    return shown.decode()
