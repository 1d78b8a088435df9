"""Reading a plan's contract: tolerant of form, never of two contracts or of a path that leaves the tree."""

from __future__ import annotations

import json

import pytest

from cfx_flow.answers import UnreadableAnswer
from cfx_flow.contract.read import contract_detail, frozen_contract, read_contract

BODY = {
    "files": [{"path": "a.py", "operation": "modify", "purpose": "rounds once"}],
    "tests": ["three items"],
    "dependencies": [],
    "risks": [],
    "out_of_scope": [],
}
JSON = json.dumps(BODY, indent=2)


def fenced(text: str, info: str = "json cfx-plan") -> str:
    return f"# Plan\n\nDo it.\n\n```{info}\n{text}\n```\n"


@pytest.mark.parametrize(
    "plan",
    [
        fenced(JSON),
        fenced(JSON, "cfx-plan"),
        fenced(JSON, "cfx-plan json"),
        fenced(JSON, "json") + "\nThat is all.",
        f"# Plan\n\n{JSON}\n",
        fenced(json.dumps({"cfx-plan": BODY}), "json"),
        fenced(JSON.replace('"three items"\n', '"three items",\n')),
        fenced(JSON).removesuffix("```\n"),
        fenced(JSON) + "\n" + fenced(JSON),
        "# Plan\n\n~~~json cfx-plan\n" + JSON + "\n~~~\n",
        "  ````json cfx-plan\n" + JSON + "\n  ````\n",
        fenced(JSON).replace("\n", "\r\n"),
    ],
)
def test_a_contract_is_read_in_every_usual_form(plan: str) -> None:
    contract = read_contract(plan)
    assert contract is not None
    assert contract.to_json() == BODY


@pytest.mark.parametrize(
    ("files", "read"),
    [
        (["a.py", "./b.py"], [("a.py", "modify"), ("b.py", "modify")]),
        ({"a.py": "why", "b.py": {"operation": "new"}}, [("a.py", "modify"), ("b.py", "create")]),
        ([{"path": "`a.py`", "operation": "Remove"}], [("a.py", "delete")]),
        ([{"path": "app/[id]/page.tsx", "operation": "EDIT", "lines": 7}], [("app/[id]/page.tsx", "modify")]),
        ({"new": ["b.py"], "delete": [{"path": "c.py"}]}, [("b.py", "create"), ("c.py", "delete")]),
        ({"a.py": ["add x", {"fix": "y"}], "b.py": []}, [("a.py", "modify"), ("b.py", "modify")]),
        ([], []),
    ],
)
def test_files_in_other_words_are_understood(files: object, read: list[tuple[str, str]]) -> None:
    contract = read_contract(fenced(json.dumps({"files": files})))
    assert contract is not None
    assert [(file.path, file.operation) for file in contract.files] == read


def test_lists_in_other_shapes_are_understood() -> None:
    contract = read_contract(
        fenced(
            json.dumps({"files": [], "dependencies": [{"name": "httpx", "reason": "HTTP"}], "risks": "none"})
        )
    )
    assert contract is not None
    assert contract.dependencies == ("httpx: HTTP",)
    assert contract.risks == ("none",)


@pytest.mark.parametrize(
    "plan",
    [
        "# Plan\n",
        "",
        fenced('{"name": "x", "files": ["dist"], "dependencies": {"a": "1"}}', "json"),  # a package.json
        fenced('{"files": ["a.ts"], "include": []}', "json"),
    ],
)
def test_a_plan_without_a_block_has_none(plan: str) -> None:
    assert read_contract(plan) is None
    assert contract_detail(plan)["contract"] is None


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (fenced("{}"), "no complete JSON object"),
        (fenced('{"tests": []}'), 'no "files"'),
        (fenced('{"files": [7,], // two\n}'), "enclosed in double quotes, near"),
        (fenced('{"files": [' + "7" * 5_000 + "]}"), "5000 digits"),
        (fenced('{"files": {"src": ["a.py"]}}'), "not 'src'"),
        (fenced(JSON[:-9]), "no complete JSON object"),
        (fenced('{"files": [7]}'), "files.0"),
        (fenced('{"files": [{"operation": "modify"}]}'), "files.0.path"),
        (fenced('{"files": [{"path": "../x"}]}'), "leaves the workspace"),
        (fenced('{"files": [{"path": "/etc/passwd"}]}'), "is absolute"),
        (fenced('{"files": [{"path": ".git/config"}]}'), "lies in .git"),
        (fenced('{"files": [{"path": "src/*.py"}]}'), "name each file"),
        (fenced('{"files": [{"path": "src/"}]}'), "has an empty part"),
        (fenced('{"files": [{"path": "a", "operation": "rename"}]}'), "delete the old one"),
        (fenced('{"files": [{"path": "a", "operation": "maybe"}]}'), "not 'maybe'"),
        (
            fenced('{"files": [{"path": "a", "operation": "create"}, {"path": "a", "operation": "delete"}]}'),
            "stands in it twice",
        ),
        (fenced(JSON) + fenced(JSON.replace("a.py", "b.py")), "several contract blocks"),
        (fenced(json.dumps({"files": ["f"] * 2001})), "files"),
        ("x" * 400_001, "longer than"),
    ],
)
def test_a_block_that_is_unclear_says_why(plan: str, said: str) -> None:
    with pytest.raises(UnreadableAnswer) as unreadable:
        read_contract(plan)
    assert said in str(unreadable.value)
    assert contract_detail(plan)["contract_problem"] == str(unreadable.value)


def test_the_contract_stays_as_it_was_frozen_whatever_the_text_says() -> None:
    detail = contract_detail(fenced(JSON))
    contract = frozen_contract(detail, "# Another text")
    assert contract is not None
    assert contract.to_json() == BODY
    assert frozen_contract(contract_detail("# Plan"), fenced(JSON)) is None


def test_steps_of_earlier_releases_are_read_from_their_text() -> None:
    for kept in ({"contract": "present"}, {"contract": "none"}, {}):
        contract = frozen_contract(kept, fenced(JSON))
        assert contract is not None
        assert contract.files[0].path == "a.py"
    assert frozen_contract({"contract": "none"}, "# Plan") is None


def test_a_rendered_block_reads_as_the_same_contract() -> None:
    contract = read_contract(fenced(JSON))
    assert contract is not None
    assert read_contract(f"# Plan\n\n{contract.block()}\n") == contract


def test_a_megabyte_of_braces_is_read_in_no_time() -> None:
    for plan in ('{"files": ' * 30_000, fenced("{" * 300_000), '{"files" {"' * 30_000):
        with pytest.raises(UnreadableAnswer):
            read_contract(plan)


@pytest.mark.parametrize("plan", ["`" * 390_000, "```cfx-plan" * 35_000, "```" + "cfx-plan" * 48_000])
def test_a_line_of_nothing_but_fences_is_read_once(plan: str) -> None:
    assert contract_detail(plan)["contract"] is None


def test_quotes_that_nothing_closes_are_read_once() -> None:
    end = ', "x": ",}' + '\\"' * 190_000
    assert contract_detail(fenced(JSON) + end)["contract"] is not None
    assert contract_detail(JSON + end)["contract"] is not None
