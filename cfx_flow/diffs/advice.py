"""What a refusal that was found without the files can still say of them: the true lines to write from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from cfx_flow.diffs.diagnose import best_start
from cfx_flow.diffs.model import Code, FileDiff, Policy, Problem
from cfx_flow.diffs.paths import readings, why_unsafe
from cfx_flow.diffs.policy import permits, raw_paths
from cfx_flow.diffs.source import Source

_MOST = 8
"""problems that are looked at; the feedback shows no more"""
_BELOW = 12
"""lines shown where an answer broke off"""
_WHOLE_FILE = 60
_ALIKE = 5


def advised(
    problems: Sequence[Problem], sections: Sequence[FileDiff], files: Mapping[str, str], policy: Policy
) -> tuple[Problem, ...]:
    """The problems, with what the files say where they were found before anybody looked there.

    Of a file that the policy keeps from being changed no line is shown.
    """
    adviser = _Adviser(sections, files, policy)
    return (*map(adviser.advised, problems[:_MOST]), *problems[_MOST:])


@dataclass(frozen=True, slots=True)
class _Adviser:
    sections: Sequence[FileDiff]
    files: Mapping[str, str]
    policy: Policy

    def advised(self, problem: Problem) -> Problem:
        section = next((s for s in reversed(self.sections) if s.line <= (problem.line or 0)), None)
        if section is None or problem.excerpts:
            return problem
        match problem.code:
            case Code.TRUNCATED:
                return self._rest(problem, section)
            case Code.RENAME_OR_COPY:
                return self._old_file(problem, section)
            case Code.PATHS_DISAGREE:
                return self._one_of_two(problem, section)
            case Code.UNSAFE_PATH:
                return self._plain_path(problem)
        return problem

    def _named(self, section: FileDiff) -> dict[str, Source]:
        """The text files that the section's headers name."""
        named = [raw for raw in raw_paths(section) if why_unsafe(raw) is None]
        paths = dict.fromkeys(path for raw in named for path in readings(raw))
        there = [path for path in paths if path in self.files and permits(path, self.policy)]
        return {path: Source(text) for path in there if "\0" not in (text := self.files[path])}

    def _rest(self, problem: Problem, section: FileDiff) -> Problem:
        """Where an answer broke off: the file's lines at the hunk, and what comes below."""
        hunk = next((hunk for hunk in section.hunks if hunk.line == problem.line), None)
        for path, source in self._named(section).items():
            if hunk is not None:
                start = best_start(hunk, source)
                excerpt = source.excerpt(start, start + len(hunk.old) + _BELOW)
                return replace(problem, path=path, excerpts=(excerpt,))
        return problem

    def _old_file(self, problem: Problem, section: FileDiff) -> Problem:
        """A rename is written as a deletion and a creation, and both need the whole text."""
        for path, source in self._named(section).items():
            return replace(problem, path=path, excerpts=(source.excerpt(0, _WHOLE_FILE, around=0),))
        return problem

    def _one_of_two(self, problem: Problem, section: FileDiff) -> Problem:
        """The headers name two files: in which of them the first hunk stands."""
        named = self._named(section)
        for path, source in named.items():
            for hunk in section.hunks[:1]:
                if hits := source.find_stripped([line.rstrip(" \t\r") for line in hunk.old]):
                    excerpt = source.excerpt(hits[0], hits[0] + len(hunk.old))
                    message = f"{problem.message}; the hunk's lines stand in {path}: name it in both"
                    return replace(problem, message=message, path=path, excerpts=(excerpt,))
        hint = f"; there is {', '.join(named)}" if named else ""
        return replace(problem, message=f"{problem.message}{hint}; name one and the same in both")

    def _plain_path(self, problem: Problem) -> Problem:
        """An absolute path, for instance, whose file is in the workspace under its plain name."""
        name = (problem.path or "").replace("\\", "/").rpartition("/")[2]
        alike = sorted(path for path in self.files if name and path.rpartition("/")[2] == name)
        hint = f"; there is {', '.join(alike[:_ALIKE])}" if alike else ""
        return replace(problem, message=f"{problem.message}: name files from the workspace's root{hint}")
