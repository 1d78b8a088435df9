"""``config/policy.yaml`` → Policy. Whatever is wrong is a ConfigError with file, line and key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from cfx_flow.contract.policy import DEFAULT_PATHS, DEFAULT_RULES, Action, PathKind, Policy, Rule, Ruling
from cfx_flow.diffs import JUDGEMENT_REPAIRS, Judgement
from cfx_flow.diffs import Policy as DiffPolicy
from cfx_flow.review.convergence import Guard
from cfx_flow.review.finding import Severity
from cfx_flow.yaml_source import Section, read_source

Pattern = Annotated[str, Field(min_length=1, max_length=500)]


class RulingSection(Section):
    severity: Severity
    action: Action


class ConvergenceSection(Section):
    severity_floor: Severity = Guard().severity_floor
    plateau_rounds: Annotated[int, Field(ge=1, le=10)] = Guard().plateau_rounds
    max_replans: Annotated[int, Field(ge=0, le=10)] = Guard().max_replans
    blocks_approval: Severity = Guard().blocks_approval


class DiffsSection(Section):
    max_bytes: Annotated[int, Field(ge=1)] = DiffPolicy().max_bytes
    max_files: Annotated[int, Field(ge=1)] = DiffPolicy().max_files
    protected: list[Pattern] = Field(default_factory=list)
    judgement: dict[Judgement, bool] = Field(default_factory=dict)

    def policy(self) -> DiffPolicy:
        off = {name for name, may_be_used in self.judgement.items() if not may_be_used}
        return DiffPolicy(
            max_bytes=self.max_bytes,
            max_files=self.max_files,
            protected=tuple(self.protected),
            judgement=JUDGEMENT_REPAIRS - off,
        )


class PolicyFile(Section):
    rules: dict[Rule, RulingSection] = Field(default_factory=dict)
    paths: dict[PathKind, list[Pattern]] = Field(default_factory=dict)
    convergence: ConvergenceSection = ConvergenceSection()
    diffs: DiffsSection = DiffsSection()


def load_policy(path: Path) -> Policy:
    """A rule or a kind of path that the file does not name is as in the file that the project ships.

    Raises ConfigError.
    """
    form = read_source(path).validate(PolicyFile)
    rulings = {rule: Ruling(section.severity, section.action) for rule, section in form.rules.items()}
    paths = {kind: tuple(patterns) for kind, patterns in form.paths.items()}
    guard = Guard(**dict(form.convergence))
    return Policy({**DEFAULT_RULES, **rulings}, {**DEFAULT_PATHS, **paths}, guard, form.diffs.policy())
