"""Prompts fit the context window, whatever the files and the last attempt are like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cfx_flow.settings import HOUSE
from tests.flows.conftest import House, OpenHouse
from tests.support.flows import BAD_DIFF, FILES, GOOD_DIFF, finding, loop, plan_text, says, verdict
from tests.support.provider import CODE, PLAN, REVIEW, Provider

CHINESE = "我们需要在购物车的最后统一进行四舍五入，而不是对每个商品分别进行四舍五入。\n"
ENGLISH = "We round once, at the end of the cart, and not for each of its items by itself.\n"


def needed(call: Mapping[str, Any]) -> int:
    """Tokens: of three bytes each, which is more than real tokenizers make of prose in any script and of
    code, and those that it asks for."""
    body = call["body"]
    text = "".join(message["content"] for message in body["messages"])
    return len(text.encode()) // 3 + int(body["max_tokens"])


def with_windows(folder: Path, tokens: int) -> str:
    """The shipped models, each with a context window of so many tokens, and 4,096 of output."""
    shipped = (HOUSE / "config" / "models.yaml").read_text()
    shipped = re.sub(r"context_window: \d+", f"context_window: {tokens}", shipped)
    shipped = re.sub(r"(max_output_tokens|max_tokens): \d+", r"\1: 4096", shipped)
    path = folder / "models.yaml"
    path.write_text(shipped)
    return str(path)


@pytest.mark.parametrize("line", [ENGLISH, CHINESE], ids=["english", "chinese"])
async def test_a_large_repository_in_any_language_fits_the_window(
    house: House, provider: Provider, line: str
) -> None:
    files = FILES | {f"docs/greet_{n}.md": line * 200 for n in range(80)}
    provider.script(*loop([says(GOOD_DIFF)]))

    flow = await house.run("Greet better", workspace={"files": files})

    assert flow["status"] == "approved", flow["message"]
    for model, window in ((PLAN, 200_000), (CODE, 131_072), (REVIEW, 128_000)):
        assert needed(provider.calls(model)[0]) < window


@pytest.mark.parametrize("window", [12_000, 16_000, 32_000])
async def test_in_a_small_window_task_files_and_the_last_attempt_all_have_room(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, tmp_path: Path, window: int
) -> None:
    files = FILES | {f"docs/greet_{n:04}_with_a_long_name.md": ENGLISH * (n % 90) for n in range(3_000)}
    wordy = "I think that it goes like this. " * 900
    many = [finding(f"{ENGLISH * 3} ({n})", line=n) for n in range(80)]
    answers = [says(f"{wordy}\n{BAD_DIFF}"), says(GOOD_DIFF), says(f"{wordy}\n{GOOD_DIFF}"), says(GOOD_DIFF)]
    reviews = [verdict("revise", *many), says(wordy), verdict("revise", finding("x")), verdict("approve")]
    plans = [says(f"# Plan\n\n{ENGLISH * 20}"), says(plan_text("greet.py"))]
    provider.script(*loop(answers, reviews, plans))
    async with open_house(sqlite_url, CFX_MODELS_FILE=with_windows(tmp_path, window)) as house:
        flow = await house.run("Greet better", workspace={"files": files}, max_rounds=4)

    assert flow["status"] == "approved", flow["message"]
    assert [needed(call) for call in provider.calls() if needed(call) > window] == []
    refused, revised, *_ = (call["body"]["messages"][1]["content"] for call in provider.calls(CODE)[1:])
    assert 'return "Goodbye " + name' in refused, "the true lines"
    assert "(0)" in revised, "the first of the findings"
    assert 'return "Hello " + name' in revised, "the file"


async def test_the_file_that_is_changed_stays_when_there_is_a_long_attempt_to_show(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, tmp_path: Path
) -> None:
    long = FILES["greet.py"] + "".join(f"# line {n} of a long file\n" for n in range(800))
    files = {"greet.py": long} | {f"short_{n}.md": ENGLISH * 10 for n in range(20)}
    provider.script(*loop([says(f"{'Well. ' * 2_500}\n{BAD_DIFF}"), says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_MODELS_FILE=with_windows(tmp_path, 18_000)) as house:
        flow = await house.run(workspace={"files": files})

    assert flow["status"] == "approved", flow["message"]
    first, second = (call["body"]["messages"][1]["content"] for call in provider.calls(CODE))
    assert "# line 799 of a long file" in first
    assert "# line 799 of a long file" in second
    assert needed(provider.calls(CODE)[1]) <= 18_000


async def test_the_files_of_the_contract_are_shown_before_those_that_the_plan_only_mentions(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, tmp_path: Path
) -> None:
    long = FILES["greet.py"] + "".join(f"# line {n} of a long file\n" for n in range(400))
    files = {"greet.py": long, "docs/history.md": ENGLISH * 200}
    plan = plan_text("greet.py", head="# Plan\n\n`docs/history.md` tells how it came to be.")
    provider.script(*loop([says(GOOD_DIFF)], plan=[says(plan)]))
    async with open_house(sqlite_url, CFX_MODELS_FILE=with_windows(tmp_path, 15_000)) as house:
        flow = await house.run(workspace={"files": files})

    assert flow["status"] == "approved", flow["message"]
    assert "# line 399 of a long file" in provider.calls(CODE)[0]["body"]["messages"][1]["content"]
