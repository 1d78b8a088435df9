"""A suite: one test policy of the operator's, by whose name a flow asks for tests. What is run is never a
model's word, nor the repository's: argv lists from the operator's own file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cfx_flow.workspace.sandbox.model import Limits


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    commands: tuple[tuple[str, ...], ...]
    """one after the other, until one fails"""
    limits: Limits
    env: Mapping[str, str] = field(default_factory=dict)
    read_only: tuple[Path, ...] = ()
    """folders of the host that are seen inside, at the same place"""
    report: str | None = None
    """the JUnit file that the commands write, relative to the working folder"""
    image: str | None = None
    """of a container"""


Suites = Mapping[str, Suite]
"""by name"""
