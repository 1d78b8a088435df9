"""What is refused at the door: a clear OpenAI-shaped error each, nothing stored, nothing asked."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidRequest
from cfx_flow.flows.request import options_of, read_request
from cfx_flow.settings import HOUSE
from cfx_flow.stages.load import load_models
from tests.flows.conftest import FILES, House
from tests.support.provider import Provider

ALICE = Principal("u", "alice", "user", "k", 10)
MODELS = load_models(HOUSE / "config" / "models.yaml", {})
TASK = {"task": "do it", "workspace": {"files": FILES}}


async def post(house: House, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await house.client.post("/v1/flows", content=content)


async def refused(house: House, body: Any, status: int = 400) -> dict[str, Any]:
    answer = await post(house, body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert (await house.client.get("/v1/flows")).json()["data"] == []
    return dict(error)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"task": ""}, "task"),
        ({"task": " \n\t"}, "task"),
        ({"task": 7}, "task"),
        ({"task": None}, "task"),
        ({"task": "x\0y"}, "task"),
        ({"task": "é" * 60_000}, "task"),
        ({"workspace": None}, "workspace"),
        ({"workspace": {}}, "workspace"),
        ({"workspace": {"files": [1]}}, "workspace.files"),
        ({"workspace": {"files": {"a": 1}}}, "workspace.files.a"),
        ({"workspace": {"files": {}, "snapshot_id": "sha256:" + "0" * 64}}, "workspace"),
        ({"workspace": {"snapshot_id": "sha256:xyz"}}, "workspace.snapshot_id"),
        ({"workspace": {"path": ""}}, "workspace.path"),
        ({"max_rounds": 0}, "max_rounds"),
        ({"max_rounds": 11}, "max_rounds"),
        ({"max_rounds": "3"}, "max_rounds"),
        ({"max_rounds": True}, "max_rounds"),
        ({"max_rounds": 10**400}, "max_rounds"),
        ({"approval": {"a": []}}, "approval"),
        ({"tests": "unit"}, "tests"),
        ({"webhook": {"url": "x", "secret": "y"}}, "webhook.secret"),
        ({"webhook": "https://example.org"}, "webhook"),
        ({"budget": {"usd": 0}}, "budget.usd"),
        ({"budget": {"usd": 1000}}, "budget.usd"),
        ({"budget": {"tokens": -1}}, "budget.tokens"),
        ({"budget": {"seconds": 10**12}}, "budget.seconds"),
        ({"budget": {"euro": 1}}, "budget.euro"),
        ({"stages": {"direct": {"model": "x"}}}, "stages.direct"),
        ({"stages": {"code": "x"}}, "stages.code"),
        ({"metadata": {"a": {}}}, "metadata.a"),
        ({"metadata": {"a": "x" * 513}}, "metadata"),
        ({"metadata": {str(n): n for n in range(17)}}, "metadata"),
        ({"metadata": {"a": 2**64}}, "metadata"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_field_out_of_bounds_is_named(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        options_of(read_request(json.dumps(TASK | change).encode()), MODELS, ALICE, {"unittest"})
    assert refusal.value.param is not None
    assert refusal.value.param.startswith(param)
    assert refusal.value.message.startswith(param)


async def test_bodies_that_are_no_request_are_the_callers_mistake(house: House) -> None:
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b'"task"',
        b"\xff\xfe",
        b'{"task": "\xff", "workspace": {"files": {}}}',
        b'{"task": "\\ud800", "workspace": {"files": {}}}',
        b'{"task": "x", "workspace": {"files": {}}, "budget": {"usd": NaN}}',
        b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        TASK | {"task": " "},
        TASK | {"max_rounds": 11},
    ):
        error = await refused(house, body)
        assert (error["code"], error["type"]) == ("invalid_request", "invalid_request_error"), body


async def test_an_unsafe_path_is_refused_by_name(house: House) -> None:
    error = await refused(house, TASK | {"workspace": {"files": {"ok.py": "", "../x": "y"}}})
    assert error["param"] == "workspace.files"
    assert "'../x'" in error["message"]


async def test_a_model_off_the_whitelist_is_forbidden(house: House) -> None:
    error = await refused(house, TASK | {"stages": {"code": {"model": "gpt-9"}}}, 403)
    assert (error["code"], error["param"]) == ("permission_denied", "stages.code.model")
    assert "deepseek-v3" in error["message"]


async def test_an_unknown_snapshot_is_not_found(house: House) -> None:
    error = await refused(house, TASK | {"workspace": {"snapshot_id": "sha256:" + "0" * 64}}, 404)
    assert error["code"] == "not_found"


async def test_another_users_flow_and_snapshot_do_not_exist(house: House, provider: Provider) -> None:
    provider.reply({"status": 500})
    flow = await house.run()
    base = f"/v1/flows/{flow['id']}"
    async with await house.client_for("mallory") as client:
        for path in (base, f"{base}/events", f"{base}/diff", f"{base}/plan", f"{base}/steps/1"):
            assert (await client.get(path)).status_code == 404
        assert (await client.post(f"{base}/cancel")).status_code == 404
        assert (await client.get("/v1/flows")).json()["data"] == []
        body = {"task": "x", "workspace": {"snapshot_id": flow["snapshot_id"]}}
        assert (await client.post("/v1/flows", json=body)).status_code == 404


async def test_strange_queries_are_the_callers_mistake(house: House) -> None:
    flow = "00000000-0000-0000-0000-000000000000"
    lists = ("limit=0", "limit=101", "limit=x", "status=odd", "cursor=odd", "cursor=%00", f"limit={10**20}")
    steps = ("0", "-1", "x", "2147483648")
    events = ("-1", "x", "2147483648")
    for path in (
        *(f"/v1/flows?{query}" for query in lists),
        *(f"/v1/flows/{flow}/steps/{n}" for n in steps),
        *(f"/v1/flows/{flow}/events?after={seq}" for seq in events),
    ):
        answer = await house.client.get(path)
        assert answer.status_code == 400, path
        assert answer.json()["error"]["code"] == "invalid_request"


async def test_what_is_no_flow_is_not_found(any_house: House) -> None:
    for flow_id in ("x", "%00", "..%2f..", "00000000-0000-0000-0000-000000000000", "a" * 5000):
        assert (await any_house.client.get(f"/v1/flows/{flow_id}")).status_code == 404, flow_id


async def test_a_flow_with_no_files_at_all_may_make_some(house: House, provider: Provider) -> None:
    provider.reply({"status": 500})
    flow_id = await house.start(workspace={"files": {}})
    assert (await house.ended(flow_id))["reason"] == "upstream"


async def test_defaults_come_from_the_models_file(house: House, provider: Provider) -> None:
    provider.reply({"status": 500})
    flow = await house.run(metadata={"ticket": "T-1"})
    limits = house.services.models.flow
    assert flow["max_rounds"] == limits.max_rounds
    assert flow["budget"] == {"usd": float(limits.usd), "tokens": limits.tokens, "seconds": limits.seconds}
    assert flow["metadata"] == {"ticket": "T-1"}
