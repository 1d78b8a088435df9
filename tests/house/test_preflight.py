"""Variables that nobody reads are told, and none that somebody does; and a pepper that could be guessed."""

from __future__ import annotations

import re

import pytest

from cfx_flow.preflight import ELSEWHERE, guessable, misspelt
from cfx_flow.settings import HOUSE, Settings


def test_no_variable_that_is_explained_is_taken_for_a_slip() -> None:
    text = (HOUSE / ".env.example").read_text("utf-8")
    explained = re.findall(r"^# (CFX_[A-Z_]+)=", text, re.MULTILINE)
    assert len(explained) > 40
    assert list(misspelt([*explained, *ELSEWHERE])) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CFX_DALY_LIMIT", "CFX_DAILY_LIMIT"),
        ("CFX_KEEP_FLOW_DAYS", "CFX_KEEP_FLOWS_DAYS"),
        ("CFX_WEBHOOK_HOST", "CFX_WEBHOOK_HOSTS"),
        ("CFX_HASHSALT", "CFX_HASH_SALT"),
        ("CFX_DATABASE", "CFX_DATABASE_URL"),
    ],
)
def test_slip_is_told_with_what_was_meant(name: str, meant: str) -> None:
    assert list(misspelt([name])) == [f"{name} is read by nobody. Did you mean {meant}?"]


@pytest.mark.parametrize(
    ("salt", "is_told"), [("x" * 31, True), (f" {'x' * 31} ", True), ("x" * 32, False), ("", False)]
)
def test_pepper_that_its_users_could_guess_is_told_and_not_shown(salt: str, is_told: bool) -> None:
    told = list(guessable(Settings.load({"CFX_HASH_SALT": salt})))
    assert len(told) == is_told
    assert "xx" not in "".join(told)


def test_what_models_yaml_reads_and_what_looks_like_nothing_of_ours_is_left_alone() -> None:
    assert (
        list(misspelt(["CFX_LITELLM_URL_2", "CFX_SOMETHING_ELSE", "OTHER_PORT"], {"CFX_LITELLM_URL_2"})) == []
    )
