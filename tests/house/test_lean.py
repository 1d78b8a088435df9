"""What a server takes along when it starts."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.support.processes import HOUSE

LEANLY = """
import json, sys
from cfx_flow.lean import import_leanly
import_leanly()
import api.server, api.rest
print(json.dumps(sorted(sys.modules)))
"""


def _imported_by(program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=HOUSE, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_a_server_takes_neither_rich_nor_the_orm_along() -> None:
    imported = _imported_by(LEANLY)
    assert {"structlog.dev", "sqlalchemy.ext.asyncio.engine"} <= imported
    assert not {"rich", "pygments", "sqlalchemy.orm", "langgraph", "openai"} & imported


def test_what_was_left_out_can_still_be_imported() -> None:
    imported = _imported_by(LEANLY.replace("print(", "import rich, sqlalchemy.orm\nprint("))
    assert {"rich", "sqlalchemy.orm"} <= imported
