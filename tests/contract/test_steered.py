"""Tests that a patch leaves alone, and has left out."""

from __future__ import annotations

import pytest

from cfx_flow.contract.steered import steered

INI = "[pytest]\ntestpaths = tests\n"
TOML = '[project]\nname = "shop"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("conftest.py", None, "collect_ignore = ['tests/test_pay.py']\n"),
        (
            "conftest.py",
            "import os\n",
            "import os\n\ndef pytest_collection_modifyitems(items):\n    items[:] = []\n",
        ),
        ("conftest.py", "", "def pytest_runtest_makereport(item, call):\n    pass\n"),
        ("src/conftest.py", None, "import pytest\npytest.skip(allow_module_level=True)\n"),
        ("pytest.ini", None, "[pytest]\naddopts = --deselect tests/test_pay.py::test_total\n"),
        ("pytest.ini", INI, INI.replace("tests", "tests/quick")),
        ("tox.ini", INI, INI + "python_files = quick_*.py\n"),
        ("setup.cfg", "", "[tool:pytest]\nnorecursedirs = tests\n"),
        ("pyproject.toml", TOML, TOML.replace("-q", "-q -k 'not pay'")),
        ("pyproject.toml", TOML, TOML.replace("-q", "-q --ignore=tests/pay")),
        ("package.json", '{"scripts": {"test": "jest"}}', '{"scripts": {"test": "jest || true"}}'),
        ("tox.ini", "[testenv]\ncommands = pytest\n", "[testenv]\ncommands = pytest -m 'not slow'\n"),
        ("jest.config.js", "", "module.exports = {testPathIgnorePatterns: ['pay']}\n"),
        ("tox.ini", "", "[testenv]\ncommands = pytest --ignore E2E\n"),
        ("package.json", "", '{\n  "prepare": "husky", "test": "jest || true"\n}'),
    ],
)
def test_what_tells_the_runner_to_leave_tests_out_is_found(path: str, before: str | None, after: str) -> None:
    (loss,) = steered({path: (before, after)})
    assert (loss.path, loss.gone) == (path, False)
    assert loss.line is not None


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("conftest.py", None, "import pytest\n\n@pytest.fixture\ndef shop():\n    return 1\n"),
        ("pytest.ini", None, INI),
        ("pyproject.toml", TOML, TOML.replace("shop", "store")),
        ("pyproject.toml", "[project]\n", TOML),
        ("pytest.ini", INI + "norecursedirs = x\n", INI + "norecursedirs = x\nlog_cli = true\n"),
        ("pytest.ini", INI, None),
        ("tox.ini", "[testenv]\ncommands = pytest\n", "[testenv]\ncommands = python -m pytest\n"),
        ("src/pay.py", "", "items = '--deselect'\n"),
        ("package.json", "", '{\n  "prepare": "husky || true",\n  "ci": "npm ci --ignore-scripts"\n}'),
        ("package.json", "", '{"*": "prettier --write --ignore-unknown", "lint": "eslint --ignore-path x"}'),
        ("tox.ini", "", "commands =\n  mypy --ignore-missing-imports src\n  flake8 --ignore=E501,W503 src\n"),
        ("pytest.ini", None, "[pytest]\nmarkers =\n    slow: takes long (deselect with '-m \"not slow\"')\n"),
        ("pyproject.toml", TOML, TOML + """markers = ["slow: long (deselect with '-m \\"not slow\\"')"]\n"""),
    ],
)
def test_what_only_looks_so_is_none(path: str, before: str | None, after: str | None) -> None:
    assert list(steered({path: (before, after)})) == []
