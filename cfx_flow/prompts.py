"""The prompts/ folder: Markdown files with strict ``$variables``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from cfx_flow.errors import ConfigError


class PromptError(LookupError):
    """A prompt and the code that fills it disagree: our bug, never the caller's."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """Read once. A name is the file's path below the folder: ``plan.md``, ``flow/code.md``."""

    _templates: Mapping[str, Template]
    _variables: Mapping[str, frozenset[str]] = field(init=False)
    _formats: Mapping[str, str] = field(init=False)
    """for the ``%`` operator, a tenth of the work of ``substitute``"""
    _texts: Mapping[str, str] = field(init=False)
    """those that take no variables, filled"""

    def __post_init__(self) -> None:
        variables = {name: frozenset(each.get_identifiers()) for name, each in self._templates.items()}
        object.__setattr__(self, "_variables", variables)
        object.__setattr__(self, "_formats", {name: _format(each) for name, each in self._templates.items()})
        fixed = {name: self.render(name) for name, wanted in variables.items() if not wanted}
        object.__setattr__(self, "_texts", fixed)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._templates)

    def text(self, name: str) -> str:
        """A prompt that takes no variables."""
        return self._texts.get(name) or self.render(name)

    def render(self, name: str, /, **variables: str) -> str:
        """``$name`` and ``${name}`` are variables, ``$$`` is a dollar sign, as in ``string.Template``.

        A missing or an unused variable is a PromptError. What is put in is never expanded again:
        a repository that contains ``$task`` stays as it is.
        """
        if name not in self._formats:
            raise PromptError(f"there is no prompt {name!r}; there are: {', '.join(sorted(self._templates))}")
        wanted = self._variables[name]
        if wanted != variables.keys():
            missing, unused = sorted(wanted - set(variables)), sorted(set(variables) - wanted)
            raise PromptError(f"prompt {name!r}: missing variables {missing}, unused variables {unused}")
        return self._formats[name] % variables


def load_prompts(directory: Path) -> Prompts:
    """Raises ConfigError for a folder without prompts, and for a file that cannot be read or filled."""
    files = sorted(directory.rglob("*.md"))
    if not files:
        raise ConfigError("holds no prompts (*.md)", file=directory)
    return Prompts({file.relative_to(directory).as_posix(): _template(file) for file in files})


def _format(template: Template) -> str:
    plain = Template(template.template.replace("%", "%%"))
    return plain.substitute({name: f"%({name})s" for name in plain.get_identifiers()})


def _template(file: Path) -> Template:
    try:
        template = Template(file.read_bytes().decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=file) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"is not UTF-8 (byte {error.start})", file=file) from None
    for match in template.pattern.finditer(template.template):
        if match.group("invalid") is not None:
            line = template.template.count("\n", 0, match.start()) + 1
            raise ConfigError("a lone $ is no variable: write $$ for a dollar sign", file=file, line=line)
    return template
