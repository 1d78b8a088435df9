"""``config/test_policies.yaml`` → suites. Whatever is wrong is a ConfigError with file, line and key."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from cfx_flow.suites.model import Suite, Suites
from cfx_flow.workspace.sandbox.model import Limits
from cfx_flow.yaml_source import Section, read_source


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL characters")
    return text


def _inside(path: str) -> str:
    """As paths of a tree are written: a file of the tree that has this one's place is known by it."""
    plain = PurePosixPath(_storable(path))
    if plain.is_absolute() or ".." in plain.parts or not plain.parts:
        raise ValueError("must be the path of a file within the working folder, relative to it")
    return str(plain)


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in path.split("/") or path.strip("/") == "":
        raise ValueError("must be an absolute path of a folder, and not the root")
    return _storable(path)


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Word = Annotated[str, Field(max_length=4096), AfterValidator(_storable)]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Argv = Annotated[list[Word], Field(min_length=1, max_length=200)]


class SuiteSection(Section):
    commands: Annotated[list[Argv], Field(min_length=1, max_length=20)]
    report: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_inside)] | None = None
    timeout_s: Annotated[int, Field(ge=1, le=3600)] = 300
    memory_mb: Annotated[int, Field(ge=16, le=1_048_576)] = 2048
    disk_mb: Annotated[int, Field(ge=1, le=1_048_576)] = 1024
    processes: Annotated[int, Field(ge=1, le=100_000)] = 256
    output_kb: Annotated[int, Field(ge=1, le=1024)] = 256
    env: dict[Variable, Word] = Field(default_factory=dict)
    read_only: list[Annotated[str, AfterValidator(_absolute)]] = Field(default_factory=list)
    image: Annotated[str, Field(min_length=1, max_length=500, pattern="^[^-]")] | None = None

    def suite(self, name: str) -> Suite:
        return Suite(
            name=name,
            commands=tuple(map(tuple, self.commands)),
            limits=Limits(
                timeout_s=float(self.timeout_s),
                memory_mb=self.memory_mb,
                disk_mb=self.disk_mb,
                processes=self.processes,
                output_chars=self.output_kb * 1024,
            ),
            env=self.env,
            read_only=tuple(map(Path, self.read_only)),
            report=self.report,
            image=self.image,
        )


class SuitesFile(Section):
    policies: dict[Name, SuiteSection]


def load_suites(path: Path) -> Suites:
    """Raises ConfigError."""
    form = read_source(path).validate(SuitesFile)
    return {name: section.suite(name) for name, section in form.policies.items()}
