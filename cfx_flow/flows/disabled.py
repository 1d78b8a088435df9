"""Flows of disabled accounts: whoever disabled them, a command, an admin or SQL, what runs is stopped."""

from __future__ import annotations

import structlog

from cfx_flow.flows.dispatch import Dispatcher
from cfx_flow.flows.model import FlowStatus, Outcome, Reason
from cfx_flow.flows.store import FlowStore

log = structlog.stdlib.get_logger(__name__)

LOOK_EVERY_S = 5.0
STOPPED = Outcome(
    FlowStatus.CANCELLED,
    Reason.DISABLED,
    "The account was disabled. Once it is enabled again, the flow can be resumed.",
)


class DisabledOwners:
    """Of every process one, so that none has to be told: a flow that came in while another process still
    let its key in is found too. What waits for a person keeps waiting: it costs nothing."""

    def __init__(self, flows: FlowStore, dispatcher: Dispatcher) -> None:
        self._flows, self._dispatcher = flows, dispatcher

    async def look(self) -> int:
        """How many it has stopped. Raises StoreUnavailable."""
        stopped = 0
        for flow_id in await self._flows.of_disabled_owners():
            if await self._flows.end(flow_id, None, STOPPED):
                stopped += 1
                log.info("flow_stopped", flow_id=flow_id, reason=Reason.DISABLED.value)
            await self._dispatcher.cancel(flow_id)
        return stopped
