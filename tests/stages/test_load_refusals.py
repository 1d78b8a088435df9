"""Whatever is wrong in models.yaml is told with file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from cfx_flow.errors import ConfigError
from cfx_flow.stages.load import load_models
from tests.stages.small import SMALL


class Edit(NamedTuple):
    """``old`` becomes ``new`` in the small file."""

    what: str
    old: str
    new: str
    line: int
    key: str
    says: str

    @property
    def text(self) -> str:
        assert self.old in SMALL
        return SMALL.replace(self.old, self.new, 1)


class Whole(NamedTuple):
    what: str
    text: str
    line: int
    key: str
    says: str


WRONG = [
    Edit(
        "unknown key at the top",
        "limits:\n",
        "stagess: 1\nlimits:\n",
        32,
        "stagess",
        "unknown key; known here: upstreams, models",
    ),
    Edit(
        "unknown key inside",
        "    prompt:",
        "    promt:",
        20,
        "stages.plan.promt",
        "known here: targets, prompt",
    ),
    Edit(
        "unknown key in a target",
        "upstream: here\n",
        "upstream: here\n    retries: 3\n",
        8,
        "models.big.retries",
        "unknown key",
    ),
    Edit(
        "missing section",
        "limits:\n  flow: {usd: 1, tokens: 1000, seconds: 60, max_rounds: 3, max_fixes: 2}\n",
        "",
        1,
        "limits",
        "is missing: add it",
    ),
    Edit(
        "missing price", "    price: {input: 0.27, output: 1.10}\n", "", 6, "models.big.price", "`price: 0`"
    ),
    Edit(
        "half a price",
        "{input: 0.27, output: 1.10}",
        "{input: 0.27}",
        10,
        "models.big.price.output",
        "is missing",
    ),
    Edit("price as text", "input: 0.27", "input: cheap", 10, "models.big.price.input", "takes a number"),
    Edit("price in quotes", "input: 0.27", "input: '0.27'", 10, "models.big.price.input", "takes a number"),
    Edit(
        "negative price",
        "input: 0.27",
        "input: -1",
        10,
        "models.big.price.input",
        "greater than or equal to 0",
    ),
    Edit(
        "price of one number", "price: 0\n", "price: 3\n", 16, "models.small.price", "takes keys with values"
    ),
    Edit("infinite price", "input: 0.27", "input: .inf", 10, "models.big.price.input", "finite"),
    Edit(
        "window in quotes",
        "context_window: 1000",
        "context_window: '1000'",
        8,
        "models.big.context_window",
        "takes a whole number",
    ),
    Edit("window of zero", "context_window: 1000", "context_window: 0", 8, "models.big.context_window", "1"),
    Edit("a number where text goes", "upstream: here", "upstream: 7", 7, "models.big.upstream", "takes text"),
    Edit(
        "a list where keys go",
        "  code: {targets: [small, big]}",
        "  code: [small, big]",
        22,
        "stages.code",
        "takes keys with values",
    ),
    Edit(
        "text where a list goes", "targets: [big]", "targets: big", 19, "stages.plan.targets", "takes a list"
    ),
    Edit(
        "stage without targets",
        "targets: [big]",
        "targets: []",
        19,
        "stages.plan.targets",
        "must not be empty",
    ),
    Edit(
        "stage that is empty", "  review: {targets: [small]}", "  review:", 23, "stages.review", "takes keys"
    ),
    Edit("stage that is missing", "  review: {targets: [small]}\n", "", 17, "stages.review", "is missing"),
    Edit(
        "target of no model",
        "targets: [big]",
        "targets: [bigg]",
        19,
        "stages.plan.targets[0]",
        "did you mean 'big'?",
    ),
    Edit(
        "target twice",
        "targets: [small, big]",
        "targets: [small, small]",
        22,
        "stages.code.targets[1]",
        "twice",
    ),
    Edit(
        "upstream of no name",
        "upstream: here",
        "upstream: there",
        7,
        "models.big.upstream",
        "did you mean 'here'?",
    ),
    Edit(
        "whitelist of no model",
        "models: [small]",
        "models: [zzz]",
        25,
        "direct.models[0]",
        "there are: big, small",
    ),
    Edit(
        "mode to no stage",
        "Architect: plan",
        "Architect: ship",
        28,
        "modes.Architect",
        "'plan', 'code' or 'review'",
    ),
    Edit("pattern that is none", "'^enhance'", "'('", 31, "helper.patterns[0]", "no regular expression"),
    Edit(
        "key twice",
        "    upstream: here\n",
        "    upstream: here\n    upstream: here\n",
        8,
        "models.big.upstream",
        "stands here twice (first on line 7)",
    ),
    Edit("model twice", "  small:\n", "  big:\n", 11, "models.big", "twice (first on line 6)"),
    Edit("reserved id", "  small:\n", "  cfx-small:\n", 11, "models.cfx-small", "choose another"),
    Edit("id that clients special-case", "  small:\n", "  my-o3-small:\n", 11, "models.my-o3-small", "'o3'"),
    Edit(
        "more than its targets can write",
        "max_tokens: 100}",
        "max_tokens: 101}",
        21,
        "stages.plan.sampling.max_tokens",
        "at most 100",
    ),
    Edit(
        "temperature of a stove",
        "temperature: 1",
        "temperature: 180",
        21,
        "stages.plan.sampling.temperature",
        "2",
    ),
    Edit(
        "prompt outside",
        "prompt: plan.md",
        "prompt: ../../etc/passwd.md",
        20,
        "stages.plan.prompt",
        "below prompts/",
    ),
    Edit(
        "secret in place of a name",
        "key_env: HERE_KEY",
        "key_env: sk-123-abc",
        4,
        "upstreams.here.key_env",
        "never its value",
    ),
    Edit("eleven rounds", "max_rounds: 3", "max_rounds: 11", 33, "limits.flow.max_rounds", "10"),
    Edit(
        "yes for a number", "seconds: 60", "seconds: yes", 33, "limits.flow.seconds", "takes a whole number"
    ),
    Edit(
        "timeout in words",
        "    key_env: HERE_KEY",
        "    timeouts: {read_s: soon}",
        4,
        "upstreams.here.timeouts.read_s",
        "takes a number",
    ),
    Whole("no YAML", "upstreams: [\n", 2, "", "is not valid YAML"),
    Whole("a tab", "upstreams:\n\there: 1\n", 2, "", "is not valid YAML"),
    Whole("two documents", "a: 1\n---\nb: 2\n", 2, "", "is not valid YAML"),
    Whole("nothing", "# only a comment\n", 1, "", "is empty"),
    Whole("only text", "hello\n", 1, "", "takes keys with values"),
    Whole("an anchor in itself", "upstreams: &a [*a]\n", 1, "upstreams[0]", "contain itself"),
    Whole("a list as key", "? [1]\n: 2\n", 1, "", "plain text"),
    Whole("a broken date", "upstreams: 2026-99-99\n", 1, "upstreams", "cannot be read"),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.what)
def test_what_is_wrong_is_told_with_file_line_key_and_remedy(tmp_path: Path, wrong: Edit | Whole) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(wrong.text)
    with pytest.raises(ConfigError) as caught:
        load_models(file, {})
    error = caught.value
    assert (error.file, error.line, error.key) == (file, wrong.line, wrong.key), str(error)
    assert str(error).startswith(f"{file}:{wrong.line}: ")
    assert wrong.says in str(error)


def test_secret_in_place_of_a_variable_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(SMALL.replace("HERE_KEY", "sk-123-abc"))
    with pytest.raises(ConfigError, match="never its value") as caught:
        load_models(file, {})
    assert "sk-123" not in str(caught.value)
