"""What flows, snapshots and lists answer is what api/shapes.py says of it: no field less, none more."""

from __future__ import annotations

from typing import Any

import pytest

from api import shapes
from tests.support.flows import BAD_DIFF, GOOD_DIFF, Flows, finding, loop, says, verdict
from tests.support.provider import Provider
from tests.support.server import Server


@pytest.fixture(scope="module")
def flow(server: Server, provider_process: Provider) -> dict[str, Any]:
    """With a refusal, two rounds, and a person's word."""
    provider_process.reset()
    provider_process.script(
        *loop(
            [says(BAD_DIFF), says(GOOD_DIFF), says(GOOD_DIFF)],
            [verdict("revise", finding("Say it louder")), verdict("approve")],
        )
    )
    flows = Flows(server.client)
    return flows.finish_with_a_person(flows.start(approval="plan", metadata={"ticket": 7}))


def shown_as(kind: type[shapes.BaseModel], answer: Any) -> Any:
    assert answer.status_code // 100 == 2, answer.text
    return kind.model_validate_json(answer.content, extra="forbid")


def test_flow_and_its_parts_are_as_documented(server: Server, flow: dict[str, Any]) -> None:
    client, base = server.client, f"/v1/flows/{flow['id']}"
    shown = shown_as(shapes.Flow, client.get(base))
    assert shown.status == "approved"
    assert shown_as(shapes.FlowPage, client.get("/v1/flows", params={"limit": 1})).data
    events = shown_as(shapes.EventPage, client.get(f"{base}/events"))
    assert events.last_seq >= events.data[-1].seq
    for n in range(1, shown.step + 1):
        assert shown_as(shapes.Step, client.get(f"{base}/steps/{n}")).n == n
    plan = shown_as(shapes.Plan, client.get(f"{base}/plan", headers={"accept": "application/json"}))
    assert plan.contract
    shown_as(shapes.Tests, client.get(f"{base}/tests"))
    again = shown_as(shapes.Accepted, client.post(f"{base}/fork", json={"step": 1}))
    shown_as(shapes.Flow, client.post(f"/v1/flows/{again.id}/cancel"))


def test_lists_are_as_documented(server: Server) -> None:
    models = shown_as(shapes.ModelList, server.client.get("/v1/models"))
    shown_as(shapes.Model, server.client.get(f"/v1/models/{models.data[0].id}"))
    shown_as(shapes.ModelInfoList, server.client.get("/v1/model/info"))
    shown_as(shapes.WebhookSecret, server.client.get("/v1/webhook-secret"))


def test_every_documented_answer_belongs_to_an_operation(server: Server) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    known = {f"{method} {path}" for path, methods in paths.items() for method in methods}
    assert shapes.ANSWERS.keys() | shapes.PLAIN.keys() <= known


def test_who_waits_or_comes_back_gets_what_is_documented_too(server: Server, flow: dict[str, Any]) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    waited = paths["/v1/flows/{flow_id}/fork"]["post"]["responses"]["200"]["content"]
    answer = server.client.post(
        f"/v1/flows/{flow['id']}/fork", json={"step": flow["step"]}, headers={"prefer": "wait=60"}
    )
    assert answer.status_code == 200
    assert waited["application/json"]["schema"]["$ref"].endswith("/Flow")
    shown_as(shapes.Flow, answer)
    events = paths["/v1/flows/{flow_id}/events"]["get"]["responses"]
    headers = {"accept": "text/event-stream", "last-event-id": "100000"}
    left = server.client.get(f"/v1/flows/{flow['id']}/events", headers=headers)
    assert str(left.status_code) in events
    assert left.status_code == 204


def test_every_header_of_ours_that_chat_reads_is_documented(server: Server) -> None:
    chat = server.client.get("/openapi.json").json()["paths"]["/v1/chat/completions"]["post"]
    named = {parameter["name"] for parameter in chat["parameters"]}
    assert named == {"X-CFX-Stage", "X-CFX-Prompt", "X-CFX-Session-Id", "X-CFX-Replace"}
