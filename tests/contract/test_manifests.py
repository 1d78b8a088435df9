"""What manifests say that a project depends on."""

from __future__ import annotations

import pytest

from cfx_flow.contract.manifests import UnreadableManifest, dependencies_in, is_declared

PYPROJECT = """
[project]
dependencies = ["httpx>=0.28", "Flask[async] @ git+https://host/flask"]
[project.optional-dependencies]
fast = ["uvloop; sys_platform != 'win32'"]
[dependency-groups]
dev = ["pytest", {include-group = "x"}]
[build-system]
requires = ["hatchling"]
[tool.poetry.dependencies]
python = "^3.11"
django = "5"
[tool.poetry.group.docs.dependencies]
sphinx = {git = "https://host/sphinx.git"}
[tool.uv.sources]
httpx = {path = "../httpx"}
"""
REQUIREMENTS = """
# comment
flask==3  # web
requests[socks]>=2 ; python_version > "3"
--extra-index-url https://other.example/simple
-e git+https://host/x#egg=x
./wheels/y.whl
django \\
    --hash=sha256:abc
"""
CASES = {
    "pyproject.toml": (
        PYPROJECT,
        {
            "httpx", "Flask from git+https://host/flask", "uvloop", "pytest", "hatchling", "django",
            "sphinx from https://host/sphinx.git", "httpx from path ../httpx",
        },
    ),
    "requirements-dev.txt": (
        REQUIREMENTS,
        {
            "flask", "requests", "--extra-index-url https://other.example/simple",
            "x from git+https://host/x#egg=x", "wheels/y.whl", "django",
        },
    ),
    "package.json": (
        '{"dependencies": {"react": "^18", "@scope/x": "1"}, "devDependencies": {"y": "git+https://h/y"}}',
        {"react", "@scope/x", "y from git+https://h/y"},
    ),
    "go.mod": (
        "module x\n\nrequire (\n\tgithub.com/a/b v1.0.0\n\tgithub.com/c/d v2 // indirect\n)\n"
        "require golang.org/x/z v0\nreplace github.com/a/b => ../b\n",
        {"github.com/a/b", "github.com/c/d", "golang.org/x/z", "github.com/a/b from ../b"},
    ),
    "Cargo.toml": (
        '[dependencies]\nserde = "1"\ntokio = {git = "https://h/tokio"}\n[dev-dependencies]\nx = "1"\n'
        '[target.\'cfg(unix)\'.dependencies]\nnix = "0"\n[patch.crates-io]\nserde = {path = "s"}\n',
        {"serde", "tokio from https://h/tokio", "x", "nix", "serde from path s"},
    ),
    "setup.cfg": ("[options]\ninstall_requires =\n    flask>=1\n    click\n", {"flask", "click"}),
    "setup.py": ("setup(install_requires=['flask>=1'], extras_require={'x': ['click']})\n", {"flask", "click", "x"}),
    "Pipfile": ('[packages]\nflask = "*"\n[dev-packages]\npytest = "*"\n', {"flask", "pytest"}),
    "composer.json": ('{"require": {"a/b": "1"}}', {"a/b"}),
    "Gemfile": ("gem 'rails'\n  gem \"rspec\", '~> 3'\n", {"rails", "rspec"}),
    "pom.xml": ("<dependency><groupId>g</groupId>\n<artifactId>junit</artifactId></dependency>", {"junit"}),
    "build.gradle.kts": ('implementation("a.b:c:1")\ntestImplementation "d:e:2"\n', {"a.b:c", "d:e"}),
    "App.csproj": ('<PackageReference Include="Serilog" Version="3" />', {"Serilog"}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_dependencies_are_read_with_where_they_come_from(name: str) -> None:
    text, expected = CASES[name]
    assert dependencies_in(f"sub/{name}", text) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project"),
        ("pyproject.toml", "project = 7"),
        ("package.json", "{"),
        ("package.json", "[1]"),
        ("package.json", '{"dependencies": 7}'),
        ("setup.py", "def ("),
        ("setup.cfg", "no section"),
        ("Cargo.toml", "dependencies = 7"),
        ("package.json", "[" * 100_000),
        ("go.mod", "replace => ../x"),
    ],
)
def test_what_cannot_be_read_says_so(name: str, text: str) -> None:
    with pytest.raises(UnreadableManifest):
        dependencies_in(name, text)


def test_other_files_have_no_dependencies() -> None:
    assert dependencies_in("README.md", "flask") == frozenset()
    assert dependencies_in("src/package.json.md", "{") == frozenset()


def test_a_known_name_from_a_new_place_must_be_declared_with_that_place() -> None:
    assert not is_declared("requests from git+https://evil/x", ["requests"])
    assert is_declared("requests from git+https://h/x", ["requests from git+https://h/x: a fix"])
    assert is_declared("@scope/x", ["@scope/x@^1: widgets"])
    assert is_declared("github.com/a/b", ["github.com/a/b v1.2"])
    assert not is_declared("b", ["a: better than b"])


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("requirements.txt", "a" * 400_000),
        ("Gemfile", "\n" * 400_000),
        ("build.gradle", "\n" * 400_000),
        ("build.gradle", "api" + " " * 400_000),
        ("pom.xml", "<dependency>" * 40_000),
        ("x.csproj", "<PackageReference " * 40_000),
    ],
)
def test_a_long_manifest_of_nothing_is_read_once(path: str, text: str) -> None:
    assert len(dependencies_in(path, text)) <= 1
