"""Carries due deliveries to their receivers, in the background of a process that serves."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from datetime import timedelta
from http import HTTPStatus

import structlog

from cfx_flow.chores import Chores
from cfx_flow.clock import Clock
from cfx_flow.errors import InvalidRequest, StoreUnavailable
from cfx_flow.webhooks.hosts import WebhookHosts
from cfx_flow.webhooks.outbox import Delivery, Outbox, Tried
from cfx_flow.webhooks.send import NotSent, Sender
from cfx_flow.webhooks.sign import WebhookSecrets

log = structlog.stdlib.get_logger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 32
PER_HOST = 4
"""tries at a time: a receiver that hangs holds up its own deliveries only"""

PAUSES = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600, 4 * 3600, 12 * 3600))
"""between tries; after the eighth there is none"""


class Courier:
    def __init__(
        self,
        outbox: Outbox,
        hosts: WebhookHosts,
        secrets: WebhookSecrets,
        clock: Clock,
        sender: Sender,
    ) -> None:
        self._outbox, self._hosts, self._secrets, self._clock = outbox, hosts, secrets, clock
        self._sender = sender
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()

    def start(self, chores: Chores) -> None:
        """Nothing is looked for where the operator has named no host."""
        if self._hosts.places:
            chores.begin("webhooks", self._begin_what_is_due, every_s=LOOK_EVERY_S)

    async def close(self) -> None:
        """After the chores. Tries that are under way are given up; they are made again later."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sender.close()

    async def _begin_what_is_due(self) -> None:
        busy = [host for host, tries in self._busy.items() if tries >= PER_HOST]
        for delivery in await self._outbox.due(AT_ONCE - len(self._under_way), busy=busy):
            if self._busy[delivery.host] < PER_HOST and delivery.id not in self._under_way:
                self._begin(delivery)

    def _begin(self, delivery: Delivery) -> None:
        self._busy[delivery.host] += 1
        task = asyncio.create_task(self._deliver(delivery), name=f"webhook {delivery.id}")
        self._under_way[delivery.id] = task
        task.add_done_callback(lambda _: self._over(delivery))

    def _over(self, delivery: Delivery) -> None:
        del self._under_way[delivery.id]
        self._busy[delivery.host] -= 1
        self._busy += Counter()  # hosts without any fall out

    async def _deliver(self, delivery: Delivery) -> None:
        """A store that fails leaves the row as it is: it is tried again."""
        with contextlib.suppress(StoreUnavailable):
            if not await self._outbox.take(delivery):
                return
            tried = await self._try(delivery)
            await self._outbox.settle(delivery.id, tried)
            log.info(
                "webhook_tried",
                flow_id=delivery.flow_id,
                delivery_id=delivery.id,
                host=delivery.host,
                tries=delivery.tries + 1,
                status=tried.status,
                error=tried.error,
            )

    async def _try(self, delivery: Delivery) -> Tried:
        if delivery.tries > len(PAUSES):
            return Tried(False, None, "the server stopped during the last try", None)
        try:
            address = self._hosts.address(delivery.url)
        except InvalidRequest:
            return Tried(False, None, "the operator no longer allows this host", None)
        body = delivery.body.encode()
        unix_s = int(self._clock.now().timestamp())
        headers = self._secrets.headers(delivery.user_id, delivery.id, unix_s, body)
        try:
            status = await self._sender.post(address, headers, body)
        except NotSent as error:
            return self._again(delivery, None, str(error))
        if HTTPStatus(200) <= status < 300:
            return Tried(True, status, None, None)
        if status == HTTPStatus.GONE:
            return Tried(False, status, "the receiver wants no more (410)", None)
        return self._again(delivery, status, f"answered {status}")

    def _again(self, delivery: Delivery, status: int | None, error: str) -> Tried:
        if delivery.tries >= len(PAUSES):
            return Tried(False, status, error, None)
        pause = PAUSES[delivery.tries] * random.uniform(0.9, 1.2)  # noqa: S311 - spreads load, hides nothing
        return Tried(False, status, error, self._clock.now() + pause)
