"""``POST /v1/chat/completions``: a plain ASGI app that stands in front of FastAPI.

**Source**: issue 3's prototypes: FastAPI's routing, dependencies and responses cost
about 95 µs a request, more than the rest of the relay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal

import msgspec
from starlette.types import Receive, Scope, Send

from api.chat_flow import FlowReply
from api.context import Admission, RequestContext, context_of
from api.downstream import ClientGone, CutOff, Downstream, Pace
from api.wiring import Services
from cfx_flow.accounts.bounds import require_stage
from cfx_flow.chat import ChatCall, FlowWanted, Wishes, cfx_of_failure, read_ask
from cfx_flow.chat.conversation import Conversation
from cfx_flow.errors import (
    BudgetExceeded,
    CfxError,
    InternalError,
    InvalidApiKey,
    MethodNotAllowed,
    RateLimitExceeded,
    StreamReplaced,
    TooManyConcurrentRequests,
    UpstreamUnavailable,
)
from cfx_flow.ledger import CallRecord
from cfx_flow.ledger.record import Status
from cfx_flow.limits import resends
from cfx_flow.limits.resends import says_resend
from cfx_flow.limits.slots import Slot
from cfx_flow.stages.model import Target

EVENTS_PER_YIELD = 16
"""a hot stream never waits, and a task that never waits cannot be cancelled"""

MAX_SESSION_CHARS = 200

GONE_ON = (
    "This reply was ended because a newer request goes on with the same conversation, or because its place "
    "among your running streams was lost. Send the request again if you still want it."
)


class ChatEndpoint:
    def __init__(self, services: Services, pace: Pace | None = None) -> None:
        self._services = services
        self._pace = pace or Pace()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["method"] != "POST":
            raise MethodNotAllowed(
                f"{scope['method']} is not possible on {scope['path']}; it takes POST.",
                headers={"allow": "POST"},
            )
        context = context_of(scope)
        if context.admission is None:
            raise InvalidApiKey("There is no key in this request.")
        _ = context.admission.principal.key_id  # or it is refused
        downstream = Downstream(receive, send, context, self._services.upstream.sweeper, self._pace)
        headers = _Headers.of(scope)
        scope["headers"].clear()  # an SDK sends twenty, and a stream may be long
        return _Visit(self._services, context, context.admission, downstream, headers).run()


class _Headers(msgspec.Struct, frozen=True):
    wishes: Wishes
    session_id: str | None
    replaces: bool
    """the session's running stream"""
    is_resend: bool

    @classmethod
    def of(cls, scope: Scope) -> _Headers:
        """A header that was sent twice counts as it was sent last."""
        found = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _READ}
        return cls(
            wishes=Wishes(found.get(b"x-cfx-stage"), found.get(b"x-cfx-prompt"), found.get(b"user-agent")),
            session_id=found.get(b"x-cfx-session-id", "")[:MAX_SESSION_CHARS] or None,
            replaces=found.get(b"x-cfx-replace", "").strip().lower() == "true",
            is_resend=says_resend(found.get(resends.HEADER)),
        )


_READ = frozenset(
    {
        b"x-cfx-stage",
        b"x-cfx-prompt",
        b"x-cfx-session-id",
        b"x-cfx-replace",
        b"user-agent",
        resends.HEADER,
    }
)


class _Visit:
    """One request, from its body to its row in the log."""

    def __init__(
        self,
        services: Services,
        context: RequestContext,
        admission: Admission,
        downstream: Downstream,
        headers: _Headers,
    ) -> None:
        self._services = services
        self._context = context
        self._principal = admission.principal
        self._admission = admission
        self._downstream = downstream
        self._headers = headers
        self._call: ChatCall | None = None
        self._claim: Conversation | None = None
        """of a streamed call"""
        self._body: bytes | None = None
        """as long as a re-send may have to be known by it"""
        self._is_admitted = False
        self._is_free = False

    async def run(self) -> None:
        try:
            if not self._headers.is_resend:
                self._admission.refuse_early()
            await self._answer()
        except ClientGone:
            self._context.error_code = "client_gone"
            if self._is_admitted:
                self._record("cancelled", "The caller closed the connection.")
        except CutOff as cut:
            await self._cut_off(cut.error)
        except CfxError as error:
            await self._fail(error)
        except asyncio.CancelledError:  # the server stops; and then this task ends, as it was told to
            await self._cut_off(UpstreamUnavailable("The server is being restarted. Send the request again."))
        except Exception:
            await self._fail(InternalError(self._context.request_id))
            raise  # the outermost middleware writes it to the log

    async def _answer(self) -> None:
        self._body = await self._downstream.read_body()
        try:
            self._call = call = self._resolve(self._body)
        except FlowWanted as wish:
            reply = FlowReply(self._services, self._context, self._admission, self._downstream)
            await reply.answer(wish.request)
            return
        self._downstream.watch(streamed=self._claim is not None)
        try:
            await (self._whole(call) if self._claim is None else self._stream(call, self._claim))
        except asyncio.CancelledError:
            self._downstream.raise_if_stopped()
            raise
        finally:
            self._downstream.unwatch()
            call.close()

    def _resolve(self, body: bytes) -> ChatCall:
        """Nothing but the call may hold the request: it can be large, and a stream long."""
        services, headers = self._services, self._headers
        ask = read_ask(body, headers.wishes, services.models, services.prompts)
        if self._principal.stages is not None or self._principal.models is not None:
            require_stage(self._principal, ask.resolved.stage, services.models)
        if ask.request.streamed:
            self._claim = Conversation(ask.request.messages, headers.session_id, replaces=headers.replaces)
        self._context.stage = ask.stage.value
        self._context.stage_source = ask.resolved.source
        return ChatCall(
            ask,
            client=services.upstream,
            breakers=services.breakers,
            clock=services.clock,
            before_attempt=self._before_attempt,
        )

    async def _before_attempt(self, target: Target) -> None:
        """What counts is a call that reaches an upstream, once however many targets it takes."""
        if not self._is_admitted:
            self._is_free = self._is_known_resend()
            await (self._admission.require_money() if self._is_free else self._admission.charge())
            self._is_admitted = True
        self._context.model_used = target.model

    def _is_known_resend(self) -> bool:
        if not self._headers.is_resend or self._body is None:
            return False
        return self._services.resends.is_free(self._principal.key_id, self._body)

    async def _whole(self, call: ChatCall) -> None:
        body = await call.complete()
        await self._downstream.send_whole(body)
        self._record("success")

    async def _stream(self, call: ChatCall, claim: Conversation) -> None:
        services, principal = self._services, self._principal
        slot = await services.slots.acquire(principal.user_id, principal.max_streams, claim, self._lose_slot)
        self._claim = None
        del claim  # it knows every message by a digest, and the stream may be long
        try:
            with services.key_watch.over(principal.key_id, self._end_for):
                await self._relay(call, slot)
        finally:
            slot.release()

    def _lose_slot(self) -> None:
        self._end_for(StreamReplaced(GONE_ON))

    def _end_for(self, error: CfxError) -> None:
        self._downstream.stop(CutOff(error))

    async def _relay(self, call: ChatCall, slot: Slot) -> None:
        downstream = self._downstream
        events = await call.open()
        self._body = None
        await downstream.start_stream()
        call.names_model = downstream.opened_early
        sent = 0
        while not call.is_over:
            if events:
                await downstream.send_events(events)
            sent += 1
            if sent % EVENTS_PER_YIELD == 0:
                await asyncio.sleep(0)
            events = b""  # what was sent is not held while the upstream is silent
            events = await call.read()
        slot.release()  # who has read the end may ask again at once
        await downstream.end_stream(events)
        self._record("success")

    async def _cut_off(self, error: CfxError) -> None:
        """It is we who end the call: what ran so far was used, and the caller is told why."""
        self._context.error_code = error.code
        if self._is_admitted:
            self._record("cancelled", error.message)
        await self._downstream.fail(error, self._cfx())

    async def _fail(self, error: CfxError) -> None:
        if self._is_admitted and self._body is not None:
            self._services.resends.failed(
                self._principal.key_id, self._body, self._context.started, was_free=self._is_free
            )
        limited = isinstance(error, RateLimitExceeded | TooManyConcurrentRequests | BudgetExceeded)
        self._context.error_code = error.code
        self._record("rate_limited" if limited else "error", error.message)
        await self._downstream.fail(error, self._cfx())

    def _cfx(self) -> dict[str, str]:
        target = self._call.target if self._call is not None else None
        return cfx_of_failure(self._context.stage or "", target)

    def _record(self, status: Status, error_message: str | None = None) -> None:
        call, services = self._call, self._services
        used = call is not None and self._is_admitted and (status != "error" or call.first_at is not None)
        usage = call.usage() if call is not None and used else None
        first_at = call.first_at if call is not None else None
        services.request_log.record(
            CallRecord(
                user_id=self._principal.user_id,
                api_key_id=self._principal.api_key_id,
                request_id=self._context.request_id,
                session_id=self._headers.session_id,
                stage=self._context.stage,
                model=self._context.model_used,
                input_tokens=usage.input_tokens if usage else 0,
                output_tokens=usage.output_tokens if usage else 0,
                estimated=usage.estimated if usage else False,
                cost_usd=call.cost_usd() if call is not None and used else Decimal(0),
                latency_ms=self._ms_until(services.clock.monotonic()),
                ttft_ms=None if first_at is None else self._ms_until(first_at),
                status=status,
                error_message=error_message,
                error_code=self._context.error_code,
                created_at=services.clock.now(),
            )
        )

    def _ms_until(self, moment: float) -> int:
        return round((moment - self._context.started) * 1000)
