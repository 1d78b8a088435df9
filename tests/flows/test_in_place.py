"""Flows in a folder of the server: who may, where, and what is written into it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiosqlite
import httpx
import pytest

from api.app import create_app
from cfx_flow.flows.store import FlowStore
from cfx_flow.store.engine import open_store
from cfx_flow.workspace.bundle import verify
from tests.flows.conftest import House, OpenHouse
from tests.support.flows import FILES, FILES_AFTER, GOOD_DIFF, loop, says, verdict
from tests.support.provider import Provider
from tests.workspace.trees import contents, git, make_repo, write

pytestmark = pytest.mark.e2e
TASK = "Greet with an exclamation mark"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "roots" / "project"
    folder.mkdir(parents=True)
    return write(folder, {path: text.encode() for path, text in FILES.items()})


@pytest.fixture
async def house(open_house: OpenHouse, sqlite_url: str, folder: Path) -> AsyncIterator[House]:
    async with open_house(sqlite_url, CFX_WORKSPACE_ROOTS=f"/nowhere:{folder.parent}") as house:
        yield house


@pytest.fixture
async def client(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with await house.client_for("alice", permissions=["workspace"]) as client:
        yield client


async def start(client: httpx.AsyncClient, path: object) -> httpx.Response:
    return await client.post("/v1/flows", json={"task": TASK, "workspace": {"path": str(path)}})


async def approved(house: House, client: httpx.AsyncClient, provider: Provider, path: Path) -> dict[str, Any]:
    provider.script(*loop([says(GOOD_DIFF)]))
    answer = await start(client, path)
    assert answer.status_code == 202, answer.text
    flow = await house.ended(answer.json()["id"])
    assert flow["status"] == "approved"
    return flow


async def test_approved_flow_is_applied_to_its_folder_and_taken_back(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    flow = await approved(house, client, provider, folder)
    assert flow["workspace"] == str(folder)
    assert contents(folder) == {path: text.encode() for path, text in FILES.items()}
    answer = await client.post(f"/v1/flows/{flow['id']}/apply")
    assert answer.json()["written"] == ["greet.py"]
    assert contents(folder) == {path: text.encode() for path, text in FILES_AFTER.items()}
    again = await client.post(f"/v1/flows/{flow['id']}/apply")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "already_applied")
    assert (await client.post(f"/v1/flows/{flow['id']}/rollback")).status_code == 200
    assert contents(folder) == {path: text.encode() for path, text in FILES.items()}


async def test_timeline_tells_what_was_done_with_the_patch(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    flow = await approved(house, client, provider, folder)
    for what in ("apply", "apply", "rollback", "rollback"):  # the second of each is refused
        await client.post(f"/v1/flows/{flow['id']}/{what}")
    told = (await client.get(f"/v1/flows/{flow['id']}/events")).json()
    events = told["data"]
    assert [event["type"] for event in events[-3:]] == [
        "flow.completed",
        "patch.applied",
        "patch.rolled_back",
    ]
    assert [event["seq"] for event in events] == list(range(1, told["last_seq"] + 1))
    done = {"folder": str(folder), "written": ["greet.py"], "carried": [], "commit": None, "branch": None}
    assert events[-2]["data"] == events[-1]["data"] == done

    stream = {"accept": "text/event-stream"}
    whole = await client.get(f"/v1/flows/{flow['id']}/events", headers=stream)
    assert whole.text.count("\nevent: ") == len(events)
    missed = await client.get(
        f"/v1/flows/{flow['id']}/events", headers=stream | {"last-event-id": str(events[-2]["seq"])}
    )
    assert "patch.rolled_back" in missed.text
    after = stream | {"last-event-id": str(told["last_seq"])}
    assert (await client.get(f"/v1/flows/{flow['id']}/events", headers=after)).status_code == 204
    assert await house.get(flow["id"]) == flow | {"last_seq": told["last_seq"]}


async def test_what_is_written_is_said_though_the_timeline_cannot_be_told(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    flow = await approved(house, client, provider, folder)
    url = house.services.settings.store_url
    store = await open_store(url, busy_timeout_s=0.2)
    flows = FlowStore(store, house.services.clock, house.services.flows.feed)
    app = create_app(replace(house.services, flows=flows))
    async with (
        aiosqlite.connect(url.removeprefix("sqlite:///")) as other,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://house", headers=client.headers
        ) as impatient,
    ):
        await other.execute("BEGIN IMMEDIATE")
        answer = await impatient.post(f"/v1/flows/{flow['id']}/apply")
        await other.rollback()
    await store.close()
    assert answer.status_code == 200
    assert answer.json()["written"] == ["greet.py"]
    assert answer.json()["notes"] == ["The timeline could not be told of it"]
    assert contents(folder) == {path: text.encode() for path, text in FILES_AFTER.items()}


async def test_in_a_repository_what_git_tracks_is_read_and_a_commit_made(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    make_repo(folder)
    write(folder, {"untracked.txt": b"mine\n"})
    flow = await approved(house, client, provider, folder)
    assert "untracked.txt" not in str(provider.calls())
    answer = await client.post(f"/v1/flows/{flow['id']}/apply", json={"commit": True, "branch": "flow"})
    assert answer.status_code == 200, answer.text
    assert git(folder, "rev-parse", "flow").strip() == answer.json()["commit"]
    assert git(folder, "log", "-1", "--format=%s").strip() == TASK
    assert git(folder, "status", "--porcelain") == "?? untracked.txt\n"


@pytest.mark.parametrize("wish", [{"commit": True}, {"branch": "flow"}])
async def test_a_repository_that_begins_above_the_roots_gets_no_commit(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path, wish: dict[str, Any]
) -> None:
    above = make_repo(folder.parent.parent)
    head = git(above, "rev-parse", "HEAD")
    flow = await approved(house, client, provider, folder)
    refused = await client.post(f"/v1/flows/{flow['id']}/apply", json=wish)
    assert (refused.status_code, refused.json()["error"]["param"]) == (403, "commit")
    assert contents(folder) == {path: text.encode() for path, text in FILES.items()}
    assert (await client.post(f"/v1/flows/{flow['id']}/apply")).status_code == 200
    assert (await client.post(f"/v1/flows/{flow['id']}/rollback", json=wish)).status_code == 403
    assert git(above, "rev-parse", "HEAD") == head
    assert git(above, "branch", "--list", "flow") == ""


async def test_a_linked_work_tree_of_a_repository_elsewhere_gets_no_commit(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    linked, elsewhere = folder.parent / "linked", folder.parent.parent / "elsewhere"
    write(elsewhere, {path: text.encode() for path, text in FILES.items()})
    git(make_repo(elsewhere), "worktree", "add", "-q", str(linked))
    flow = await approved(house, client, provider, linked)
    refused = await client.post(f"/v1/flows/{flow['id']}/apply", json={"branch": "flow"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (403, "commit")
    assert git(elsewhere, "branch", "--list", "flow") == ""


async def test_drift_is_a_conflict_that_names_the_hunk(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    flow = await approved(house, client, provider, folder)
    write(folder, {"greet.py": b"def greet(name):\n    return name\n"})
    answer = await client.post(f"/v1/flows/{flow['id']}/apply")
    assert answer.status_code == 409
    assert "greet.py has changed since: the hunk at line 2" in answer.json()["error"]["message"]


async def test_key_without_the_permission_learns_nothing(house: House, folder: Path) -> None:
    for path in (folder, "/etc", "/nowhere/at/all"):
        answer = await start(house.client, path)
        assert answer.status_code == 403
        assert "--permission workspace" in answer.json()["error"]["message"]


async def test_permission_is_asked_for_again_when_it_is_applied(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    flow = await approved(house, client, provider, folder)
    for what in ("apply", "rollback"):
        assert (await house.client.post(f"/v1/flows/{flow['id']}/{what}")).status_code == 403
    async with await house.client_for("bob", permissions=["workspace"]) as bob:
        assert (await bob.post(f"/v1/flows/{flow['id']}/apply")).status_code == 404
    assert contents(folder) == {path: text.encode() for path, text in FILES.items()}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/etc", 403),
        ("{roots}x", 403),
        ("{folder}/../../outside", 400),
        ("relative", 400),
        ("{roots}/link", 403),
        ("{roots}/link/below", 403),
        ("{roots}/nowhere", 400),
        ("{folder}/greet.py", 400),
        ("{roots}/empty", 400),
        ("/nowhere/x", 400),
    ],
)
async def test_folder_that_cannot_be_used_is_an_error_never_an_empty_one(
    client: httpx.AsyncClient, folder: Path, tmp_path: Path, path: str, status: int
) -> None:
    (tmp_path / "outside" / "below").mkdir(parents=True)
    (folder.parent / "link").symlink_to(tmp_path / "outside")
    (folder.parent / "empty").mkdir()
    answer = await start(client, path.format(roots=folder.parent, folder=folder))
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"] == "workspace.path" or "empty" in path


async def test_without_roots_no_folder_can_be_used(
    open_house: OpenHouse, sqlite_url: str, folder: Path
) -> None:
    async with open_house(sqlite_url) as house:
        async with await house.client_for("a", permissions=["workspace"]) as client:
            answer = await start(client, folder)
        assert answer.status_code == 403
        assert "CFX_WORKSPACE_ROOTS" in answer.json()["error"]["message"]


async def test_folder_that_became_a_link_meanwhile_is_not_written(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path, tmp_path: Path
) -> None:
    flow = await approved(house, client, provider, folder)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert (await client.post(f"/v1/flows/{flow['id']}/apply")).status_code == 403
    assert contents(tmp_path / "elsewhere") == {path: text.encode() for path, text in FILES.items()}


async def test_flow_without_a_folder_and_one_that_is_not_approved_are_not_applied(
    house: House, client: httpx.AsyncClient, provider: Provider, folder: Path
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    sent = await house.run()
    answer = await house.client.post(f"/v1/flows/{sent['id']}/apply")
    assert answer.status_code == 400
    assert "cfx apply" in answer.json()["error"]["message"]
    provider.script(*loop([says(GOOD_DIFF)], review=[verdict("reject")]))
    flow = await house.ended((await start(client, folder)).json()["id"])
    answer = await client.post(f"/v1/flows/{flow['id']}/apply")
    assert answer.status_code == 409
    assert "rejected" in answer.json()["error"]["message"]


async def test_bundle_matches_and_is_approved_under_the_hash_that_the_flow_shows(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await house.run()
    answer = await house.client.get(f"/v1/flows/{flow['id']}/bundle")
    assert answer.headers["content-type"] == "application/gzip"
    assert answer.content == (await house.client.get(f"/v1/flows/{flow['id']}/bundle")).content
    verified = verify(answer.content)
    assert verified.problems == ()
    assert verified.approval_hash == flow["approval_hash"]
    assert (await house.events(flow["id"]))[-1]["data"]["approval_hash"] == flow["approval_hash"]
    assert (await house.client.get(f"/v1/flows/{flow['id']}/tests")).json()["status"] == "not_run"


async def test_bundle_of_a_rejected_flow_is_not_approved_and_without_a_patch_there_is_none(
    house: House, provider: Provider
) -> None:
    provider.script(*loop([says(GOOD_DIFF)], review=[verdict("reject")]))
    flow = await house.run()
    verified = verify((await house.client.get(f"/v1/flows/{flow['id']}/bundle")).content)
    assert (verified.problems, verified.approval_hash) == ((), None)
    provider.script(*loop([says("no diff")] * 9))
    flow = await house.run(max_rounds=1)
    assert (await house.client.get(f"/v1/flows/{flow['id']}/bundle")).status_code == 404


async def test_reverse_diff_undoes_the_diff(house: House, provider: Provider) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    flow = await house.run()
    reverse = (await house.client.get(f"/v1/flows/{flow['id']}/diff?reverse=true")).text
    assert '-    return f"Hello {name}!"\n+    return "Hello " + name\n' in reverse
