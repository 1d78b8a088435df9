"""What a prompt sees."""

from __future__ import annotations

from itertools import permutations

from cfx_flow.workspace.choose import MAX_SCORED_IN_ALL, fitting, named_in, ranked, words

FILES = {
    "src/billing/invoice.py": "def total(invoice):\n    return sum(invoice.lines)\n",
    "src/auth/login.py": "def login(user):\n    return user.token\n",
    "README.md": "# Shop\n",
    "data.csv": "1,2,3\n" * 2000,
}


def test_words_split_every_usual_spelling() -> None:
    assert list(words("parseURL_now snake_case HTTPServer x2")) == [
        "parse", "url", "now", "snake", "case", "http", "server", "2",
    ]  # fmt: skip


def test_the_file_that_the_task_speaks_of_comes_first() -> None:
    assert ranked(FILES, "Fix the rounding of the invoice total")[0] == "src/billing/invoice.py"
    assert ranked(FILES, "users cannot log in: the login fails")[0] == "src/auth/login.py"


def test_files_with_the_same_words_in_any_order_keep_the_alphabets_order() -> None:
    """Else a restart, after which sets have another order, would ask another question for the same step."""
    orders = list(permutations(["alpha", "beta", "gamma"]))
    files = {f"{n}.txt": " ".join(order) for n, order in enumerate(orders)} | dict.fromkeys("xyz", "gamma")
    assert ranked(files, "alpha beta gamma") == [f"{n}.txt" for n in range(len(orders))] + ["x", "y", "z"]


def test_of_a_huge_repository_each_files_beginning_counts() -> None:
    lines = "nothing of interest\n" * 5_000
    files = {f"{n}.txt": lines for n in range(MAX_SCORED_IN_ALL // len(lines) + 1)}
    files |= {"late.txt": f"{lines}invoice\n", "early.txt": f"invoice\n{lines}"}
    assert ranked(files, "invoice")[0] == "early.txt"
    assert set(ranked({"late.txt": files["late.txt"], "0.txt": lines}, "invoice")[:1]) == {"late.txt"}


def test_named_files_come_before_everything_and_the_budget_holds() -> None:
    best = ranked(FILES, "invoice total")
    chosen = fitting(FILES, best, most_bytes=400, first=["README.md", "absent.py"])
    assert list(chosen) == ["README.md", "src/billing/invoice.py", "src/auth/login.py"]
    assert fitting(FILES, best, most_bytes=0) == []


def test_what_turned_out_to_matter_is_chosen_first_and_shown_last() -> None:
    files = {name: name * 400 for name in "abcdefg"}

    def chosen(*since: str) -> str:
        return "".join(fitting(files, list(files), most_bytes=1_900, first=["c"], since=since))

    assert chosen() == "cabd"
    assert chosen("b", "absent") == "cabd", "it was shown: nothing moves"
    assert chosen("f") == "cabf"
    assert chosen("g", "f") == "cagf"
    assert chosen("f", "b", "g") == "cbfg", "what is named stays, though the score prefers another"


def test_a_path_is_named_only_as_a_whole() -> None:
    paths = ["a.py", "data.py", "src/a.py", "src/a.py.bak"]
    assert named_in("change `src/a.py` and data.py.", paths) == ["src/a.py", "data.py"]
    assert named_in("(a.py)", paths) == ["a.py"]
