"""Prompts: strict variables, and nothing that is put in is ever expanded again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfx_flow.errors import ConfigError
from cfx_flow.prompts import PromptError, Prompts, load_prompts
from cfx_flow.settings import HOUSE


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    (tmp_path / "flow").mkdir()
    (tmp_path / "plain.md").write_text("It costs $$5.\n")
    (tmp_path / "flow" / "code.md").write_bytes("Übung\r\n$task and ${task}, $files".encode("utf-8-sig"))
    return load_prompts(tmp_path)


def test_name_is_the_path_below_the_folder(prompts: Prompts) -> None:
    assert prompts.names == {"plain.md", "flow/code.md"}


def test_plain_prompt_is_text(prompts: Prompts) -> None:
    assert prompts.text("plain.md") == "It costs $5.\n"


def test_variables_are_put_in_and_never_expanded_again(prompts: Prompts) -> None:
    assert prompts.render("flow/code.md", task="$files $$ ${x}", files="F") == (
        "Übung\n$files $$ ${x} and $files $$ ${x}, F"
    )


def test_a_percent_sign_is_one_in_a_prompt_and_in_what_is_put_in(tmp_path: Path) -> None:
    (tmp_path / "plain.md").write_text("100 %\n50%s %(task)s %%")
    (tmp_path / "code.md").write_text("100% $task% ${task}%d %(task)s %% $$%")
    prompts = load_prompts(tmp_path)
    assert prompts.text("plain.md") == "100 %\n50%s %(task)s %%"
    assert prompts.render("code.md", task="%s %(x)s %%") == "100% %s %(x)s %%% %s %(x)s %%%d %(task)s %% $%"


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"task": "t"}, r"missing variables \['files'\]"),
        ({"task": "t", "files": "f", "plan": "p"}, r"unused variables \['plan'\]"),
    ],
)
def test_prompt_and_code_that_disagree_are_an_error(
    prompts: Prompts, variables: dict[str, str], says: str
) -> None:
    with pytest.raises(PromptError, match=says):
        prompts.render("flow/code.md", **variables)


def test_unknown_prompt_is_an_error_that_lists_the_known(prompts: Prompts) -> None:
    with pytest.raises(PromptError, match=r"no prompt 'code\.md'; there are: flow/code\.md, plain\.md"):
        prompts.text("code.md")


@pytest.mark.parametrize(
    ("content", "says"), [(b"a\nb $ c\n", ":2: a lone"), (b"$9", ":1: a lone"), (b"\xff", "is not UTF-8")]
)
def test_prompt_that_cannot_be_filled_is_told_at_start(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "bad.md").write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        load_prompts(tmp_path)


def test_folder_without_prompts_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no prompts"):
        load_prompts(tmp_path / "absent")


def test_shipped_prompts_load() -> None:
    names = load_prompts(HOUSE / "prompts").names
    assert {"plan.md", "code.md", "review.md"} <= names


def test_example_in_the_code_prompt_is_a_valid_diff() -> None:
    """A model copies what it is shown."""
    from cfx_flow.diffs import check_form

    example = load_prompts(HOUSE / "prompts").text("code.md").split("complete answer:\n\n")[1]
    assert check_form(example).status == "valid"
