"""One chat call, from its first attempt to what it used.

``complete`` for a whole reply; ``open``, then ``read`` until it returns nothing, for a
stream. Whoever makes a call closes it, whatever happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from cfx_flow.chat.ask import Ask
from cfx_flow.chat.judge import judge
from cfx_flow.chat.relay import StreamRelay
from cfx_flow.chat.reply import Reply, read_reply, require_stream
from cfx_flow.chat.usage import Usage, estimate
from cfx_flow.clock import Clock
from cfx_flow.errors import UpstreamError
from cfx_flow.stages.model import StageName, Target
from cfx_flow.upstream.breaker import Breakers, Permit
from cfx_flow.upstream.client import Answer, UpstreamClient
from cfx_flow.upstream.lease import try_targets
from cfx_flow.upstream.texts import hide_key

BeforeAttempt = Callable[[Target], Awaitable[None]]


@dataclass(slots=True)
class _Stream:
    """What a target has begun to say."""

    answer: Answer
    relay: StreamRelay
    first: bytes


class ChatCall:
    """Not to be shared between tasks. ``before_attempt`` runs before each; what it raises ends the call."""

    def __init__(
        self,
        ask: Ask,
        *,
        client: UpstreamClient,
        breakers: Breakers,
        clock: Clock,
        before_attempt: BeforeAttempt,
    ) -> None:
        self.target: Target | None = None
        """the one that was asked last"""
        self.first_at: float | None = None
        """the clock's monotonic seconds at the first byte of the reply"""
        self.names_model = False
        """the headers went out too early to name the model: the ``cfx`` object does"""
        self._ask: Ask | None = ask
        self._stage = ask.stage
        self._client = client
        self._breakers = breakers
        self._clock = clock
        self._before_attempt = before_attempt
        self._input_bytes = 0
        self._reply: Reply | None = None
        self._stream: _Stream | None = None
        self._permit: Permit | None = None
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """The last events of the stream were read."""
        return self._is_over

    async def complete(self) -> bytes:
        """The body to relay. Raises UpstreamError and whatever ``before_attempt`` raises."""
        ask = self._asked()
        attempted = await try_targets(ask.resolved.stage.targets, self._ask_whole, breakers=self._breakers)
        self._reply = reply = attempted.value
        cfx = await judge(self._stage, reply.text()) if ask.keeps_text else None
        return reply.body(cfx)

    async def open(self) -> bytes:
        """The first events of the stream; may be empty. Raises like ``complete``."""
        targets = self._asked().resolved.stage.targets
        attempted = await try_targets(targets, self._ask_stream, breakers=self._breakers, keep_open=True)
        self._permit = attempted.permit
        self._stream = stream = attempted.value
        self._ask = None  # it holds the whole request body, and the stream may be long
        first, stream.first = stream.first, b""
        return first

    async def read(self) -> bytes:
        """The next whole events, the last ones included; ``b""`` when there are no more.

        Raises UpstreamError when the upstream fails; everything returned before stays valid.
        """
        if self._stream is None or self._is_over:
            return b""
        answer, relay = self._stream.answer, self._stream.relay
        try:
            while not relay.is_settled:
                data = await answer.read_some()
                if out := relay.feed(data) if data else relay.end():
                    return out
            return await self._close_well(relay)
        except UpstreamError as error:
            if self.target is not None:
                hide_key(error, self.target.upstream)
            if relay.is_complete and not relay.has_failed:  # only the report or the goodbye was lost
                return await self._close_well(relay)
            self._is_over = True
            if self._permit is not None:
                (self._permit.failed if error.trips_breaker else self._permit.abandoned)()
            raise

    def close(self) -> None:
        """Frees the connection; a reply that is still coming is cut off at once."""
        self._ask = None
        self._before_attempt = _never  # it leads back to who holds this call, and a circle outlives it
        if self._permit is not None:
            self._permit.abandoned()
        if self._stream is not None:
            self._stream.answer.close()

    def usage(self) -> Usage:
        """What was reported, else an estimate of what was used so far; nothing if no target was asked."""
        if self._reply is not None:
            return self._reply.usage
        if self._stream is not None:
            return self._stream.relay.usage()
        return estimate(self._input_bytes, 0, 0) if self._input_bytes else Usage(0, 0)

    def cost_usd(self) -> Decimal:
        return self.usage().cost(self.target.price) if self.target is not None else Decimal(0)

    def _asked(self) -> Ask:
        if self._ask is None:
            raise RuntimeError("a call can be made once")
        return self._ask

    async def _post(self, target: Target, *, streamed: bool) -> Answer:
        await self._before_attempt(target)
        self.target = target
        payload = self._asked().payload(target)
        self._input_bytes = len(payload)
        return await self._client.post(target, payload, streamed=streamed)

    async def _ask_whole(self, target: Target) -> Reply:
        answer = await self._post(target, streamed=False)
        try:
            body = await answer.read_all()
            reply = read_reply(body, answer.headers, model=target.model, input_bytes=self._input_bytes)
            self.first_at = self._clock.monotonic()
            return reply
        finally:
            answer.close()

    async def _ask_stream(self, target: Target) -> _Stream:
        ask = self._asked()
        answer = await self._post(target, streamed=True)
        try:
            await require_stream(answer, target.model)
            answer.slim()
            relay = StreamRelay(
                model=target.model,
                input_bytes=self._input_bytes,
                shows_usage=ask.request.wants_usage,
                keeps_text=ask.keeps_text,
            )
            return _Stream(answer, relay, await self._first_events(answer, relay))
        except BaseException:
            answer.close()
            raise

    async def _first_events(self, answer: Answer, relay: StreamRelay) -> bytes:
        """Nothing has gone down yet: an error among the first events still lets the next target try."""
        first = b""
        while not relay.has_begun and not relay.done and not relay.has_failed:
            data = await answer.read_some()
            first += relay.feed(data) if data else relay.end()
            if not data:
                break
        if relay.done:
            relay.end()
        relay.raise_error()
        self.first_at = self._clock.monotonic()
        return first

    async def _close_well(self, relay: StreamRelay) -> bytes:
        """Raises the relay's error: what came before it has been returned."""
        if relay.done:
            relay.end()
        relay.raise_error()
        self._is_over = True
        if self._permit is not None:
            self._permit.succeeded()
        cfx = await judge(self._stage, relay.text)
        if self.names_model and self.target is not None:
            cfx = (cfx or {"stage": self._stage.value}) | {"model_used": self.target.model}
        return relay.closing(cfx)


async def _never(_target: Target) -> None:
    raise RuntimeError("the call is closed")


def cfx_of_failure(stage: StageName | str, target: Target | None) -> dict[str, str]:
    """The ``cfx`` object of an error frame whose headers went out before a model was found."""
    return {"stage": str(stage)} | ({"model_used": target.model} if target is not None else {})
