"""The room's parts, put together once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from cfx_flow.clock import Clock
from cfx_flow.settings import Settings
from cfx_flow.store.engine import Store
from cfx_flow.webhooks.courier import Courier
from cfx_flow.webhooks.hosts import WebhookHosts
from cfx_flow.webhooks.outbox import Outbox
from cfx_flow.webhooks.send import Sender
from cfx_flow.webhooks.sign import WebhookSecrets


@dataclass(frozen=True, slots=True)
class Webhooks:
    hosts: WebhookHosts
    secrets: WebhookSecrets
    outbox: Outbox
    courier: Courier
    """not started: one process that serves is enough, more do no harm"""


@asynccontextmanager
async def open_webhooks(
    settings: Settings, store: Store, pepper: SecretStr, clock: Clock
) -> AsyncIterator[Webhooks]:
    """Raises ConfigError for hosts that are none."""
    hosts, secrets = WebhookHosts.read(settings.webhook_hosts), WebhookSecrets(pepper)
    outbox = Outbox(store, clock)
    courier = Courier(outbox, hosts, secrets, clock, Sender())
    try:
        yield Webhooks(hosts, secrets, outbox, courier)
    finally:
        await courier.close()
