"""``cfx keys`` and ``cfx migrate`` as an operator types them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cfx_flow.accounts.keys import read_key_id
from cfx_flow.errors import InvalidRequest
from cfx_flow.settings import HOUSE
from cli.keys import read_expiry
from tests.support.terminals import shown_at_terminal

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h", NOW + timedelta(hours=12)),
        ("90d", NOW + timedelta(days=90)),
        (" 4w ", NOW + timedelta(weeks=4)),
        ("2030-01-31", datetime(2030, 1, 31, tzinfo=UTC)),
        ("2030-01-31T10:00+02:00", datetime(2030, 1, 31, 8, tzinfo=UTC)),
    ],
)
def test_expiry_is_a_period_or_a_date(text: str, expected: datetime) -> None:
    assert read_expiry(text, NOW) == expected


@pytest.mark.parametrize(
    "text", ["", "soon", "90", "-1d", "1y", "99999w9", "2030-13-01", "0001-01-01T00:00+14:00"]
)
def test_other_expiries_are_refused_with_examples(text: str) -> None:
    with pytest.raises(InvalidRequest, match="12h, 90d, 4w"):
        read_expiry(text, NOW)


def cfx(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env={
            "CFX_DATA_DIR": str(folder / ".cfx"),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(HOUSE),
            **environ,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.e2e
def test_a_keys_life_on_the_command_line(tmp_path: Path) -> None:
    limits = ("--daily-limit", "5", "--max-streams", "3")
    made = json.loads(cfx(tmp_path, "keys", "create", "--user", "ada", *limits, "--json").stdout)
    assert read_key_id(made["key"]) == made["key_id"]
    assert (made["user"], made["daily_limit"], made["max_streams"]) == ("ada", 5, 3)
    assert made["status"] == "active"
    plain = cfx(tmp_path, "keys", "create", "--user", "ada", "--label", "[red]editor")
    assert read_key_id(plain.stdout.strip()) is not None
    listed = cfx(tmp_path, "keys", "list")
    assert "[red]editor" in listed.stdout
    assert "\t5\t3\t" in listed.stdout
    assert made["key"] not in listed.stdout
    assert cfx(tmp_path, "keys", "revoke", made["id"]).returncode == 0
    states = {
        key["id"]: key["status"] for key in json.loads(cfx(tmp_path, "keys", "list", "--json").stdout)["data"]
    }
    assert states[made["id"]] == "revoked"
    assert sorted(states.values()) == ["active", "revoked"]


@pytest.mark.e2e
def test_a_name_that_nobody_had_is_told_as_a_new_account(tmp_path: Path) -> None:
    for is_new in (True, False):
        made = json.loads(cfx(tmp_path, "keys", "create", "--user", "ada", "--json").stdout)
        assert made["is_account_new"] is is_new
    slip = cfx(tmp_path, "keys", "create", "--user", "ada l")
    assert "Nobody was called ada l: the account is new" in slip.stderr
    assert "cfx users disable 'ada l'" in slip.stderr
    assert read_key_id(slip.stdout.strip()) is not None
    known = cfx(tmp_path, "keys", "create", "--user", "ada")
    assert "new" not in known.stderr


@pytest.mark.e2e
def test_ids_are_whole_on_a_narrow_terminal(tmp_path: Path) -> None:
    made = cfx(tmp_path, "keys", "create", "--user", "ada", "--label", "the laptop in the kitchen", "--json")
    shown = shown_at_terminal(
        ["-m", "cli.main", "keys", "list"],
        "stdout",
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(HOUSE), "TERM": "xterm", "COLUMNS": "40"},
        cwd=tmp_path,
    )
    assert json.loads(made.stdout)["key_id"] in shown


@pytest.mark.e2e
def test_a_key_until_the_end_of_time_is_listed_east_of_greenwich_too(tmp_path: Path) -> None:
    made = cfx(tmp_path, "keys", "create", "--user", "ada", "--expires", "9999-12-31T23:59:59", "--json")
    listed = cfx(tmp_path, "keys", "list", TZ="Asia/Tokyo")
    assert f"{json.loads(made.stdout)['key_id']}\tada" in listed.stdout, listed.stderr
    assert "\t9999-12-31\t" in listed.stdout


@pytest.mark.e2e
def test_mistakes_end_in_one_line_and_exit_code_2(tmp_path: Path) -> None:
    for arguments in (
        ("keys", "revoke", "nonsense"),
        ("keys", "create", "--user", " "),
        ("keys", "create", "--user", "ada", "--expires", "soon"),
        ("keys", "create", "--user", "ada", "--permission", "workspce"),
    ):
        ended = cfx(tmp_path, *arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith("cfx: ")
        assert ended.stderr.count("\n") == 1


@pytest.mark.e2e
def test_model_that_is_on_no_whitelist_is_told(tmp_path: Path) -> None:
    made = cfx(tmp_path, "keys", "create", "--user", "ada", "--model", "gpt-4o-mini", "--model", "gpt-9")
    warned = [line for line in made.stderr.splitlines() if line.startswith("warning: ")]
    assert warned == ["warning: 'gpt-9' is on no whitelist here: cfx config check lists those that are"]
    assert read_key_id(made.stdout.strip()) is not None


@pytest.mark.e2e
def test_postgres_is_migrated_by_its_operator_only(empty_database_url: str, tmp_path: Path) -> None:
    environ = {"CFX_DATABASE_URL": empty_database_url, "CFX_HASH_SALT": "x" * 32}
    early = cfx(tmp_path, "keys", "list", **environ)
    if empty_database_url.startswith("postgresql"):
        assert (early.returncode, "cfx migrate" in early.stderr) == (2, True)
    else:
        assert early.returncode == 0
    migrated = json.loads(cfx(tmp_path, "migrate", "--json", **environ).stdout)
    assert migrated["changed"] == empty_database_url.startswith("postgresql")
    assert json.loads(cfx(tmp_path, "keys", "create", "--user", "ada", "--json", **environ).stdout)["key"]
    pruned = cfx(tmp_path, "prune", "--json", CFX_DATABASE_URL=empty_database_url)
    assert json.loads(pruned.stdout)["dry_run"] is False, "no key is read, so no pepper is wanted"


@pytest.mark.e2e
def test_accounts_are_made_limited_disabled_and_their_keys_rotated(tmp_path: Path) -> None:
    made = cfx(tmp_path, "users", "create", "ada", "--monthly-usd", "20", "--json")
    assert json.loads(made.stdout)["monthly_usd"] == 20, made.stderr
    assert "already" in cfx(tmp_path, "users", "create", "ada").stderr
    key = json.loads(cfx(tmp_path, "keys", "create", "--user", "ada", "--stage", "code", "--json").stdout)
    assert (key["user_id"], key["stages"]) == (json.loads(made.stdout)["id"], ["code"])
    new = json.loads(cfx(tmp_path, "keys", "rotate", key["id"], "--grace", "2h", "--json").stdout)
    assert (new["stages"], new["expires_at"]) == (["code"], None)
    assert (
        cfx(tmp_path, "users", "limit", "ada", "--monthly-usd", "none", "--daily-limit", "9").returncode == 0
    )
    assert cfx(tmp_path, "users", "disable", "ada").returncode == 0
    refused = cfx(tmp_path, "keys", "rotate", new["id"])
    assert (refused.returncode, "disabled" in refused.stderr) == (2, True)
    (ada,) = json.loads(cfx(tmp_path, "users", "list", "--json").stdout)["data"]
    assert (ada["daily_limit"], ada["monthly_usd"], ada["disabled_at"] is None) == (9, None, False)
    assert cfx(tmp_path, "users", "enable", ada["id"]).returncode == 0
    nothing = cfx(tmp_path, "users", "limit", "ada")
    assert (nothing.returncode, "say what is to change" in nothing.stderr) == (2, True)
