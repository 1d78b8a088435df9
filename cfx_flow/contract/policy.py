"""The operator's word on what a patch may do: rule → severity and action, and which paths are which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cache, lru_cache
from typing import Literal

from cfx_flow.diffs import Policy as DiffPolicy
from cfx_flow.review.convergence import Guard
from cfx_flow.review.finding import Severity

Action = Literal["reject", "ask", "note"]

Rule = Literal[
    "file_outside_contract",
    "undeclared_deletion",
    "untouched_file",
    "undeclared_dependency",
    "unreadable_manifest",
    "deleted_test",
    "weakened_test",
    "ci_file",
    "lock_file",
    "secret_file",
    "policy_file",
]
PathKind = Literal["tests", "ci", "lock", "secret", "policy"]


@dataclass(frozen=True, slots=True)
class Ruling:
    severity: Severity
    action: Action
    """``reject``: CODE writes it again; ``ask``: a person must approve the patch; ``note``: it is shown"""


DEFAULT_RULES: Mapping[Rule, Ruling] = {
    "file_outside_contract": Ruling("high", "reject"),
    "undeclared_deletion": Ruling("high", "reject"),
    "untouched_file": Ruling("low", "note"),
    "undeclared_dependency": Ruling("high", "ask"),
    "unreadable_manifest": Ruling("high", "reject"),
    "deleted_test": Ruling("high", "reject"),
    "weakened_test": Ruling("high", "ask"),
    "ci_file": Ruling("high", "ask"),
    "lock_file": Ruling("medium", "ask"),
    "secret_file": Ruling("critical", "reject"),
    "policy_file": Ruling("high", "ask"),
}

DEFAULT_PATHS: Mapping[PathKind, Sequence[str]] = {
    "tests": (
        "test_*.py", "*_test.py", "*_test.go", "*_spec.rb", "*_test.rb", "*.test.*", "*.spec.*",
        "*Test.java", "*Tests.java", "*Test.kt", "*Test.php", "*Tests.cs",
        "tests/*", "test/*", "spec/*", "*/tests/*", "*/test/*", "*/spec/*", "*/__tests__/*",
    ),
    "ci": (
        ".github/workflows/*", ".github/actions/*", ".gitlab-ci.yml", ".gitlab/ci/*", ".circleci/*",
        ".buildkite/*", ".travis.yml", ".drone.yml", ".woodpecker*", "azure-pipelines*.yml",
        "bitbucket-pipelines.yml", "cloudbuild.y*ml", "appveyor.yml", "Jenkinsfile*", ".husky/*",
        ".pre-commit-config.yaml",
    ),
    "lock": (
        "*.lock", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "bun.lockb", "go.sum",
        "gradle.lockfile", "packages.lock.json",
    ),
    "secret": (
        ".env", ".env.*", "!.env.example", "!.env.sample", "!.env.template", "*.pem", "*.key", "*.p12",
        "*.pfx", "*.jks", "*.keystore", "*.kdbx", "id_rsa*", "id_ecdsa*", "id_ed25519*", ".netrc", ".npmrc",
        ".pypirc", ".pgpass", ".htpasswd", ".git-credentials", "credentials", "credentials.json",
        "secrets.y*ml", "secrets.json", "secrets.toml", "*.tfstate", ".ssh/*", "*/.ssh/*", ".aws/*",
        "*/.aws/*",
    ),
    "policy": (
        "CODEOWNERS", ".github/dependabot.yml", "renovate.json*", ".cfx/*", "config/policy.yaml",
        "config/models.yaml", "config/test_policies.yaml", "AGENTS.md", "CLAUDE.md", ".cursorrules",
        ".cursor/*", ".roo/*", ".roorules*", ".clinerules*", ".github/copilot-instructions.md",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policy:
    rules: Mapping[Rule, Ruling] = field(default_factory=lambda: DEFAULT_RULES)
    paths: Mapping[PathKind, Sequence[str]] = field(default_factory=lambda: DEFAULT_PATHS)
    guard: Guard = field(default_factory=Guard)
    diffs: DiffPolicy = field(default_factory=DiffPolicy)

    def is_(self, kind: PathKind, path: str) -> bool:
        """Of two patterns that fit, the later one holds; ``!`` takes out. Case does not count."""
        patterns, found = tuple(self.paths[kind]), False
        if not _one_fits(patterns, path):  # as with most paths, and there are a hundred patterns
            return False
        for pattern in patterns:
            takes_out = pattern.startswith("!")
            if _fits(pattern.removeprefix("!"), path):
                found = not takes_out
        return found


@lru_cache(maxsize=1024)
def _one_fits(patterns: tuple[str, ...], path: str) -> bool:
    of_path, of_name = _compiled_together(patterns)
    path = path.casefold()
    return of_path.match(path) is not None or of_name.match(path.rpartition("/")[2]) is not None


def _fits(pattern: str, path: str) -> bool:
    """A pattern with a slash is held against the whole path, another against the file's name."""
    path = path if "/" in pattern else path.rpartition("/")[2]
    return _compiled(pattern).match(path.casefold()) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.casefold()))


@cache
def _compiled_together(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """For the whole path, and for the file's name."""
    bare = [pattern.removeprefix("!").casefold() for pattern in patterns]
    of_path = [translate(pattern) for pattern in bare if "/" in pattern]
    of_name = [translate(pattern) for pattern in bare if "/" not in pattern]
    return re.compile("|".join(of_path) or _NEVER), re.compile("|".join(of_name) or _NEVER)


_NEVER = "(?!)"
