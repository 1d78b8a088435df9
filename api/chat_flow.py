"""The model ``cfx-flow`` on chat completions: a whole flow; its progress is reasoning, its answer the patch.

The task is the last user message; what else a flow takes stands in the body's ``cfx``. Whoever leaves
cancels the flow, as an editor's Stop is meant to; a server that stops leaves it to the next one.

**Source** of ``reasoning_content``: DeepSeek's API, from where editors know it.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec

from api.begin import begin_flow
from api.context import Admission, RequestContext
from api.downstream import CutOff, Downstream
from api.waiting import is_at_rest
from api.wiring import Services
from cfx_flow.chat.relay import DONE
from cfx_flow.chat.request import ChatRequest
from cfx_flow.errors import CfxError, Conflict, InvalidRequest, StoreUnavailable, UpstreamUnavailable
from cfx_flow.flows.feed import follow
from cfx_flow.flows.model import Event, Flow, FlowStatus, Gate
from cfx_flow.flows.report import fenced
from cfx_flow.flows.telling import line_of
from cfx_flow.stages.catalogue import FLOW
from cfx_flow.stages.messages import last_user_text
from cfx_flow.upstream.sse import frame

CFX = "cfx"
"""the body's field with what a flow takes beside its task"""

STORE_PAUSE_S = 1.0


class FlowReply:
    """Of one request, from its flow's first event to the last byte."""

    def __init__(
        self, house: Services, context: RequestContext, admission: Admission, downstream: Downstream
    ) -> None:
        self._house, self._context = house, context
        self._admission, self._downstream = admission, downstream
        self._created = int(house.clock.now().timestamp())

    async def answer(self, request: ChatRequest) -> None:
        """Raises ClientGone, CutOff, and whatever is wrong with the request."""
        body, principal = _flow_request(request), self._admission.principal
        async with self._house.readers.place(principal.user_id):
            with self._house.key_watch.over(principal.key_id, self._end_for):
                await self._carry_out(body, request)

    async def _carry_out(self, body: bytes, request: ChatRequest) -> None:
        flow = await begin_flow(self._house, self._admission, self._context.request_id, body)
        self._downstream.watch(streamed=request.streamed)
        try:
            await (self._stream(flow, request) if request.streamed else self._whole(flow))
        except asyncio.CancelledError:
            if self._downstream.is_stopped:
                await self._cancel(flow)
            self._downstream.raise_if_stopped()
            raise
        finally:
            self._downstream.unwatch()

    def _end_for(self, error: CfxError) -> None:
        self._downstream.stop(CutOff(error))

    async def _cancel(self, flow: Flow) -> None:
        with contextlib.suppress(Conflict, StoreUnavailable):
            await self._house.flows.cancel(flow.user_id, flow.id)
            await self._house.dispatcher.cancel(flow.id)

    async def _whole(self, flow: Flow) -> None:
        lines = [line async for line in self._lines(flow)]
        ended = await self._at_rest(flow)
        message = {
            "role": "assistant",
            "content": await self._content(ended),
            "reasoning_content": "".join(lines),
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = self._body(flow, "chat.completion", [choice]) | {"usage": _usage(ended), CFX: _cfx(ended)}
        await self._downstream.send_whole(msgspec.json.encode(body))

    async def _stream(self, flow: Flow, request: ChatRequest) -> None:
        await self._downstream.start_stream()
        await self._send(flow, {"role": "assistant", "content": ""})
        async for line in self._lines(flow):
            await self._send(flow, {"reasoning_content": line})
        ended = await self._at_rest(flow)
        await self._send(flow, {"content": await self._content(ended)})
        await self._send(flow, {}, finish_reason="stop")
        chunk = partial(self._body, flow, "chat.completion.chunk")
        await self._downstream.send_events(frame(msgspec.json.encode(chunk([]) | {CFX: _cfx(ended)})))
        if request.wants_usage:
            await self._downstream.send_events(
                frame(msgspec.json.encode(chunk([]) | {"usage": _usage(ended)}))
            )
        await self._downstream.end_stream(DONE)

    async def _send(self, flow: Flow, delta: dict[str, Any], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        body = self._body(flow, "chat.completion.chunk", [choice])
        await self._downstream.send_events(frame(msgspec.json.encode(body)))

    def _body(self, flow: Flow, kind: str, choices: list[Any]) -> dict[str, Any]:
        shown = f"chatcmpl-{uuid.UUID(flow.id).hex}"
        return {"id": shown, "object": kind, "created": self._created, "model": FLOW, "choices": choices}

    async def _lines(self, flow: Flow) -> AsyncIterator[str]:
        """What happens, until the flow has ended or waits for a person."""
        yield f"flow {flow.id}\n"
        async for event in self._events(flow):
            if (line := line_of(event)) is not None:
                yield line + "\n"
            if event.type in ("flow.completed", "approval.requested"):
                return

    async def _events(self, flow: Flow) -> AsyncIterator[Event]:
        """A store that does not answer is waited for: the flow waits too."""
        flows, after = self._house.flows, 0
        while True:
            try:
                async for event in follow(partial(flows.events, flow.id), flows.feed, flow.id, after):
                    if event is not None:
                        after = event.seq
                        yield event
                return
            except StoreUnavailable:
                await asyncio.sleep(STORE_PAUSE_S)

    async def _at_rest(self, flow: Flow) -> Flow:
        """Raises UpstreamUnavailable when the server stops first."""
        flow = await self._house.flows.get(flow.user_id, flow.id)
        if not is_at_rest(flow.status):
            raise CutOff(
                UpstreamUnavailable(
                    f"The server is being restarted; flow {flow.id} goes on: GET /v1/flows/{flow.id}."
                )
            )
        return flow

    async def _content(self, flow: Flow) -> str:
        if flow.status is FlowStatus.APPROVED:
            return fenced(await self._house.flows.patch(flow.user_id, flow.id), "diff") + "\n"
        where = f"/v1/flows/{flow.id}"
        if flow.status is not FlowStatus.REQUIRES_ACTION:
            reason = f" ({flow.reason})" if flow.reason else ""
            ended = f"No patch: the flow is {flow.status.value}{reason}. {flow.message}"
            return f"{ended}\n\nGET {where}/report\n"
        shown = await self._awaited(flow)
        return f"{shown}\n\nThe flow waits for your decision about the {flow.gate}: POST {where}/decision\n"

    async def _awaited(self, flow: Flow) -> str:
        reads = self._house.flows
        if flow.gate == Gate.PLAN:
            planned = await reads.plan(flow.user_id, flow.id)
            return fenced(planned.output or "", "markdown")
        return fenced(await reads.patch(flow.user_id, flow.id), "diff")


def _flow_request(request: ChatRequest) -> bytes:
    """The body of ``POST /v1/flows`` that is meant. Raises InvalidRequest."""
    if request.has_tools:
        raise InvalidRequest(
            f"{FLOW} uses no tools of yours: send no `tools`, or take cfx-plan, cfx-code or cfx-review.",
            param="tools",
        )
    try:
        messages = msgspec.json.decode(request.messages)
        wanted = msgspec.json.decode(request.fields[CFX]) if CFX in request.fields else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"messages or {CFX}: {error}") from None
    if not isinstance(wanted, dict):
        raise InvalidRequest(f"{CFX}: must be an object, with the fields of POST /v1/flows.", param=CFX)
    task = {"task": last_user_text(messages), "workspace": {"files": {}}}
    return msgspec.json.encode(task | wanted)


def _usage(flow: Flow) -> dict[str, Any]:
    return {
        "prompt_tokens": flow.input_tokens,
        "completion_tokens": flow.output_tokens,
        "total_tokens": flow.input_tokens + flow.output_tokens,
        "cost": float(flow.cost_usd),
    }


def _cfx(flow: Flow) -> dict[str, Any]:
    return {
        "flow": {
            "id": flow.id,
            "status": flow.status.value,
            "reason": flow.reason,
            "gate": flow.gate,
            "version": flow.version,
            "link": f"/v1/flows/{flow.id}",
        }
    }
