"""A flow's end is told to its webhook: signed, at least once, and at nobody's expense."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import openai
import pytest
from yarl import URL

from cfx_flow.chores import Chores
from cfx_flow.webhooks.courier import PAUSES, PER_HOST, Courier
from cfx_flow.webhooks.outbox import Outbox
from cfx_flow.webhooks.public import PublicResolver
from cfx_flow.webhooks.send import NotSent, Sender
from tests.flows.conftest import House, OpenHouse
from tests.support.flows import GOOD_DIFF, loop, says
from tests.support.provider import Provider
from tests.webhooks.conftest import HANGS, Clock, Receiver, on_loopback

pytestmark = pytest.mark.e2e


@asynccontextmanager
async def carrying(house: House, sender: Sender, clock: Clock | None = None) -> AsyncIterator[Clock]:
    services, clock = house.services, clock or Clock()
    outbox = Outbox(services.store, clock)
    hosts, secrets = services.webhooks.hosts, services.webhooks.secrets
    courier = Courier(outbox, hosts, secrets, clock, sender)
    courier.start(chores := Chores())
    try:
        yield clock
    finally:
        await chores.close()
        await courier.close()


async def ended(house: House, receiver: Receiver, **body: Any) -> dict[str, Any]:
    return await house.run(webhook={"url": receiver.url}, metadata={"ticket": 7}, **body)


async def webhook(house: House, flow: dict[str, Any], state: str, tries: int) -> dict[str, Any]:
    """How it fares, once it is so."""

    def reached(flow: dict[str, Any]) -> bool:
        return (flow["webhook"]["state"], flow["webhook"]["tries"]) == (state, tries) and (
            state != "pending" or flow["webhook"]["last_error"] is not None
        )

    return dict((await house.until(flow["id"], reached))["webhook"])


async def test_a_flows_end_is_told_once_signed_as_the_openai_sdk_checks_it(
    open_house: OpenHouse, database_url: str, provider: Provider, receiver: Receiver, sender: Sender
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(database_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as house:
        flow = await ended(house, receiver)
        assert flow["webhook"] == {
            "url": receiver.url,
            "state": "pending",
            "tries": 0,
            "last_status": None,
            "last_error": None,
            "next_try_at": flow["completed_at"],
        }
        async with carrying(house, sender):
            done = await webhook(house, flow, "delivered", 1)
            await asyncio.sleep(1.2)  # the courier looks again
        (heard,) = receiver.heard
        secret = (await house.client.get("/v1/webhook-secret")).json()["secret"]
        listed = (await house.client.get("/v1/flows")).json()["data"]

    assert (done["last_status"], done["last_error"], done["next_try_at"]) == (204, None, None)
    assert listed[0]["webhook"]["state"] == "delivered"
    body = json.loads(heard.body)
    assert (body["type"], body["data"]["id"], body["data"]["status"]) == (
        "flow.completed",
        flow["id"],
        "approved",
    )
    assert body["data"]["metadata"] == {"ticket": 7}
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    client = openai.OpenAI(api_key="none", webhook_secret=secret)
    client.webhooks.verify_signature(heard.body, heard.headers)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.verify_signature(heard.body.replace(b"approved", b"rejected"), heard.headers)


async def test_nothing_is_told_before_the_end_and_each_end_is_told(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, receiver: Receiver, sender: Sender
) -> None:
    provider.script(*loop([{"status": 400}, says(GOOD_DIFF)]))
    async with (
        open_house(sqlite_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as house,
        carrying(house, sender),
    ):
        flow_id = await house.start(webhook={"url": receiver.url}, approval="plan")
        flow = await house.until(flow_id, lambda flow: flow["status"] == "requires_action")
        assert flow["webhook"]["state"] == "waiting"
        assert not receiver.heard
        said = {"gate": "plan", "decision": "approve", "version": flow["version"]}
        await house.client.post(f"/v1/flows/{flow_id}/decision", json=said)
        await house.until(flow_id, lambda flow: flow["status"] == "failed")
        await receiver.until(1)
        assert (await house.client.post(f"/v1/flows/{flow_id}/resume")).status_code == 202
        await receiver.until(2)
    statuses = [json.loads(heard.body)["data"]["status"] for heard in receiver.heard]
    assert statuses == ["failed", "approved"]
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 2


async def test_what_fails_is_tried_again_later_with_the_same_id_and_not_for_ever(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, receiver: Receiver, sender: Sender
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    receiver.statuses = [503, 302, 404, 500]
    async with open_house(sqlite_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as house:
        flow = await ended(house, receiver)
        async with carrying(house, sender) as clock:
            for tries, status in enumerate([503, 302, 404, 500, 500, 500, 500], 1):
                await receiver.until(tries)
                await asyncio.sleep(0.1)
                told = await webhook(house, flow, "pending", tries)
                assert (told["last_status"], told["last_error"]) == (status, f"answered {status}")
                clock.ahead += PAUSES[tries - 1] * 1.3
            told = await webhook(house, flow, "failed", 8)
    assert told["next_try_at"] is None
    assert {heard.path for heard in receiver.heard} == {"/done"}  # the redirect was not followed
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1
    assert len({heard.headers["webhook-signature"] for heard in receiver.heard}) > 1


async def test_a_receiver_that_wants_no_more_gets_no_more(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, receiver: Receiver, sender: Sender
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    receiver.statuses = [410]
    async with open_house(sqlite_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as house:
        flow = await ended(house, receiver)
        async with carrying(house, sender):
            assert (await webhook(house, flow, "failed", 1))["last_status"] == 410


async def test_a_try_that_died_with_its_process_is_made_again(
    open_house: OpenHouse, database_url: str, provider: Provider, receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    receiver.statuses = [HANGS, 200]

    def sender() -> Sender:
        return Sender(PublicResolver(on_loopback, allow=lambda _: True), trusting)

    async with open_house(database_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as house:
        flow = await ended(house, receiver)
        async with carrying(house, sender()):
            await receiver.until(1)
    async with open_house(database_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as later:
        told = (await later.get(flow["id"]))["webhook"]
        assert (told["state"], told["tries"]) == ("pending", 1)
        clock = Clock()
        clock.ahead = timedelta(seconds=61)
        async with carrying(later, sender(), clock):
            await webhook(later, flow, "delivered", 2)
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1


async def test_an_end_that_came_while_no_server_ran_is_told_when_one_runs_again(
    open_house: OpenHouse, postgres_url: str, provider: Provider, receiver: Receiver, sender: Sender
) -> None:
    """The worker that ends the flow knows no webhook hosts, and carries nothing itself."""
    provider.script(*loop([says(GOOD_DIFF)]))
    server = {"CFX_WEBHOOK_HOSTS": receiver.hosts, "CFX_WITH_WORKER": "false"}
    async with open_house(postgres_url, **server) as before:
        flow_id = await before.start(webhook={"url": receiver.url})
    async with open_house(postgres_url) as worker:
        worker.services.webhooks.courier.start(worker.services.chores)
        assert (await worker.ended(flow_id))["status"] == "approved"
    assert not receiver.heard
    async with open_house(postgres_url, **server) as after, carrying(after, sender):
        await webhook(after, await after.get(flow_id), "delivered", 1)
    assert [json.loads(heard.body)["data"]["status"] for heard in receiver.heard] == ["approved"]


async def test_of_two_couriers_one_carries(
    open_house: OpenHouse, database_url: str, provider: Provider, receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(database_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as house:
        flows = [await ended(house, receiver) for _ in range(3)]
        senders = [Sender(PublicResolver(on_loopback, allow=lambda _: True), trusting) for _ in range(2)]
        async with carrying(house, senders[0]), carrying(house, senders[1]):
            for flow in flows:
                await webhook(house, flow, "delivered", 1)
    assert len(receiver.heard) == 3


async def test_a_receiver_that_hangs_delays_neither_flows_nor_another_receiver(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    """Its name does not resolve in time, and the others' deliveries overtake its own."""
    provider.script(*loop([says(GOOD_DIFF)]))
    asked: list[str] = []

    async def lookup(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        if host == "hangs.test":
            await asyncio.sleep(3600)
        return ["127.0.0.1"]

    hosts = f"{receiver.hosts},hangs.test"
    async with open_house(sqlite_url, CFX_WEBHOOK_HOSTS=hosts) as house:
        stuck = [await house.run(webhook={"url": "https://hangs.test/"}) for _ in range(PER_HOST + 2)]
        sender = Sender(PublicResolver(lookup, allow=lambda _: True), trusting, timeout_s=30)
        async with carrying(house, sender):
            flow = await ended(house, receiver)
            await webhook(house, flow, "delivered", 1)
        assert asked.count("hangs.test") == PER_HOST
        assert {(await house.get(flow["id"]))["status"] for flow in stuck} == {"approved"}


async def test_the_production_sender_never_reaches_inside(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    """Even a host that the operator has named."""
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_WEBHOOK_HOSTS=f"localhost:{receiver.port}") as house:
        flow = await house.run(webhook={"url": f"https://localhost:{receiver.port}/"})
        async with carrying(house, Sender(tls=trusting)):
            told = await webhook(house, flow, "pending", 1)
    assert told["last_error"] == "not a public address"
    assert not receiver.heard


async def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(
    receiver: Receiver, trusting: ssl.SSLContext
) -> None:
    """A name that changes its mind (DNS rebinding) is asked once for each try."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def lookup(host: str, port: int) -> Sequence[str]:
        return answers.pop(0)

    sender = Sender(PublicResolver(lookup, allow=lambda address: address == "127.0.0.1"), trusting)
    assert await sender.post(URL(receiver.url), {}, b"{}") == 204
    with pytest.raises(NotSent, match="not a public address"):
        await sender.post(URL(receiver.url), {}, b"{}")
    assert len(receiver.heard) == 1
    await sender.close()


async def test_a_certificate_of_another_is_refused(receiver: Receiver, trusting: ssl.SSLContext) -> None:
    sender = Sender(PublicResolver(on_loopback, allow=lambda _: True), trusting)
    with pytest.raises(NotSent, match="certificate"):
        await sender.post(URL(receiver.url.replace("hooks.test", "other.test")), {}, b"{}")
    await sender.close()
    unknown = Sender(PublicResolver(on_loopback, allow=lambda _: True))
    with pytest.raises(NotSent, match="certificate"):
        await unknown.post(URL(receiver.url), {}, b"{}")
    await unknown.close()
    assert not receiver.heard


async def test_a_host_that_is_no_longer_named_gets_nothing(
    open_house: OpenHouse, sqlite_url: str, provider: Provider, receiver: Receiver, sender: Sender
) -> None:
    provider.script(*loop([says(GOOD_DIFF)]))
    async with open_house(sqlite_url, CFX_WEBHOOK_HOSTS=receiver.hosts) as house:
        flow = await ended(house, receiver)
    async with (
        open_house(sqlite_url, CFX_WEBHOOK_HOSTS="other.test") as house,
        carrying(house, sender),
    ):
        told = await webhook(house, flow, "failed", 1)
        assert told["last_error"] == "the operator no longer allows this host"
        refused = await house.client.post(
            "/v1/flows", json={"task": "x", "workspace": {"files": {}}, "webhook": {"url": receiver.url}}
        )
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "webhook.url")
    assert not receiver.heard
