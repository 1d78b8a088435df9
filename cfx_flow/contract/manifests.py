"""What a project's manifests say that it depends on.

Read, never run; only what is in the file counts. A dependency is its name, and where it comes from
when that is not the usual registry: a known name from a new place is a new dependency.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

Reader = Callable[[str], Iterable[str]]

_NAME = re.compile(r"[A-Za-z0-9@](?:[\w.@/-]*[A-Za-z0-9])?", re.ASCII)
_FROM_ELSEWHERE = re.compile(r"(?:(?<![\w+.-])[\w+.-]++://|git\+|git@|github:|file:|link:)\S+")


_UNREADABLE = (
    *(ValueError, SyntaxError, LookupError, AttributeError, TypeError, configparser.Error),
    *(RecursionError, MemoryError),
)
"""what readers raise over a text that somebody has made up"""


class UnreadableManifest(ValueError):
    """Why it cannot be read."""


def dependencies_in(path: str, text: str) -> frozenset[str]:
    """Empty for a file that is no manifest. Raises UnreadableManifest."""
    reader = _reader_for(path)
    if reader is None:
        return frozenset()
    try:
        return frozenset(entry for entry in reader(text) if entry)
    except _UNREADABLE as error:
        said = str(error).splitlines() or [type(error).__name__]
        raise UnreadableManifest(said[0][:200]) from None


def is_declared(dependency: str, declared: Iterable[str]) -> bool:
    """Whether a sentence of the contract begins with its name and, where it must, says from where."""
    name, _, source = dependency.partition(" from ")
    return any(_plain(name) == _plain(_name(said)) and source in said for said in declared)


@lru_cache(maxsize=1024)
def _reader_for(path: str) -> Reader | None:
    name = path.rpartition("/")[2].lower()
    whole = path.lower()
    for pattern, reader in _READERS:
        if fnmatchcase(whole if "/" in pattern else name, pattern):
            return reader
    return None


def _plain(name: str) -> str:
    """As PyPI compares names; other registries have no two that differ in this only."""
    return re.sub(r"[-_.]+", "-", name).strip("-").lower()


def _name(requirement: str) -> str:
    found = _NAME.search(requirement)
    name = found.group() if found else requirement.strip()
    return name if name.startswith("@") else name.partition("@")[0] or name


def _entry(name: str, spec: object = "") -> str:
    """The name, and a source that is none of the registry's."""
    elsewhere = _FROM_ELSEWHERE.search(json.dumps(spec) if not isinstance(spec, str) else spec)
    source = elsewhere.group().strip('",}') if elsewhere else ""
    if isinstance(spec, Mapping):
        source = source or next((f"{key} {spec[key]}" for key in ("path", "registry") if key in spec), "")
    return f"{name} from {source}" if source else name


# One reader a kind -----------------------------------------------------------------------


def _requirement(line: str) -> str:
    line = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip()
    if re.match(r"(-e|--editable)\b", line) or _FROM_ELSEWHERE.match(line):
        named = re.search(r"#egg=([\w.-]+)", line)
        return _entry(named[1] if named else line, line)
    return line if line.startswith("-") else _entry(_name(line), line) if line else ""


def _requirements(text: str) -> Iterator[str]:
    """Options are among them: another index is another place where everything comes from."""
    for line in text.replace("\\\n", " ").splitlines():
        yield _requirement(line)


def _pyproject(text: str) -> Iterator[str]:
    data = tomllib.loads(text)
    project, tool = data.get("project", {}), data.get("tool", {})
    lists = [project.get("dependencies", []), data.get("build-system", {}).get("requires", [])]
    lists += [*project.get("optional-dependencies", {}).values(), *data.get("dependency-groups", {}).values()]
    lists.append(tool.get("uv", {}).get("dev-dependencies", []))
    for requirement in (item for items in lists for item in items if isinstance(item, str)):
        yield _requirement(requirement)
    for name, source in tool.get("uv", {}).get("sources", {}).items():
        yield _entry(name, source)
    poetry = tool.get("poetry", {})
    for section in (poetry, *poetry.get("group", {}).values()):
        for key in ("dependencies", "dev-dependencies"):
            yield from (_entry(name, spec) for name, spec in section.get(key, {}).items() if name != "python")


def _pipfile(text: str) -> Iterator[str]:
    data = tomllib.loads(text)
    for section in ("packages", "dev-packages"):
        yield from (_entry(name, spec) for name, spec in data.get(section, {}).items())


def _setup_cfg(text: str) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    for section in parser.sections():
        for key, value in parser.items(section):
            if key in ("install_requires", "setup_requires", "tests_require") or "extras_require" in section:
                yield from map(_requirement, value.splitlines())


def _setup_py(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and (node.arg or "").endswith(("_requires", "_require")):
            strings = (leaf.value for leaf in ast.walk(node.value) if isinstance(leaf, ast.Constant))
            yield from (_requirement(value) for value in strings if isinstance(value, str))


def _json_manifest(*sections: str) -> Reader:
    def read(text: str) -> Iterator[str]:
        data = json.loads(text)
        for section in sections:
            yield from (_entry(name, spec) for name, spec in (data.get(section) or {}).items())

    return read


def _cargo(text: str) -> Iterator[str]:
    data = tomllib.loads(text)
    tables: list[Mapping[str, Any]] = [data, data.get("workspace", {}), *data.get("target", {}).values()]
    for table in (
        *tables,
        {"dependencies": {k: v for p in data.get("patch", {}).values() for k, v in p.items()}},
    ):
        for key in ("dependencies", "dev-dependencies", "build-dependencies"):
            yield from (_entry(name, spec) for name, spec in table.get(key, {}).items())


def _go_mod(text: str) -> Iterator[str]:
    block = ""
    for raw in text.splitlines():
        line = raw.partition("//")[0].strip()
        opened = re.match(r"(require|replace)\s*\($", line)
        if opened or line == ")":
            block = opened[1] if opened else ""
        elif block == "require" or line.startswith("require "):
            yield line.removeprefix("require ").split()[0] if line else ""
        elif "=>" in line and (block == "replace" or line.startswith("replace ")):
            old, _, new = line.removeprefix("replace ").partition("=>")
            yield f"{old.split()[0]} from {new.strip()}"


def _matches(pattern: str) -> Reader:
    """Of patterns that go over no stretch of a text more than once, whatever somebody has made up."""
    compiled = re.compile(pattern, re.M)
    return lambda text: (match[1] for match in compiled.finditer(text))


_NPM_SECTIONS = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")
_READERS: tuple[tuple[str, Reader], ...] = (
    ("pyproject.toml", _pyproject),
    ("*requirements*.txt", _requirements),
    ("*requirements*.in", _requirements),
    ("requirements/*.txt", _requirements),
    ("requirements/*.in", _requirements),
    ("*/requirements/*.txt", _requirements),
    ("constraints*.txt", _requirements),
    ("setup.cfg", _setup_cfg),
    ("setup.py", _setup_py),
    ("pipfile", _pipfile),
    ("package.json", _json_manifest(*_NPM_SECTIONS)),
    ("composer.json", _json_manifest("require", "require-dev")),
    ("cargo.toml", _cargo),
    ("go.mod", _go_mod),
    ("gemfile", _matches(r"""^[^\S\n]*gem\s+["']([^"']+)["']""")),
    ("pom.xml", _matches(r"<dependency>(?:(?!</?dependency>)[\s\S])*?<artifactId>\s*([^<\s]+)")),
    ("build.gradle*", _matches(
        r"^[^\S\n]*\w*(?:mplementation|pi|Only)\s*+(?:\(\s*+)?" r"""["']([^"':]+:[^"':]+)"""
    )),
    ("*.csproj", _matches(r"""<PackageReference\s[^<>]*Include="([^"]+)\"""")),
)  # fmt: skip
