"""One question to a stage's model: ChatOpenAI under a lease, streamed, with its usage and cost.

**Source** of what is worked around here: langchain-openai 1.7 ``chat_models/base.py`` (a ``response_format``
argument leaves the plain streaming path, ``max_tokens`` is renamed); LiteLLM puts the real price into
``usage.cost`` of a stream's last chunk.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import msgspec
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from msgspec.structs import replace

from cfx_flow.chat.usage import BYTES_PER_TOKEN, Usage
from cfx_flow.flows.effects import UNREADABLE
from cfx_flow.flows.model import FlowFailed, Reason
from cfx_flow.flows.usage import Usage as FlowUsage
from cfx_flow.sizes import LEAST_BYTES_PER_TOKEN, bytes_of
from cfx_flow.stages.model import Stage, Target
from cfx_flow.upstream.breaker import Breakers
from cfx_flow.upstream.classify import talked_rubbish
from cfx_flow.upstream.client import UpstreamClient
from cfx_flow.upstream.lease import try_targets
from graphs.chat_model import REFUSAL, USAGE, HouseChat, chat_model

PROGRESS_EVERY_S = 1.0
MOST_CHARS_PER_TOKEN = 8
"""of a whole answer: who has written more does not keep to the limit, and is not listened to further"""

BREAKS_OFF: Mapping[str, str] = {
    "length": "the answer reached the model's output limit and breaks off",
    "content_filter": "the provider's content filter has stopped the answer",
}
"""finish reason → what it means"""

Progress = Callable[[int], Awaitable[None]]


class Question(msgspec.Struct, frozen=True):
    stage: Stage
    targets: tuple[Target, ...]
    messages: Sequence[BaseMessage]
    schema: Mapping[str, Any] | None = None
    """a JSON schema for models that obey one; others are asked for it by the prompt alone"""
    max_tokens: Mapping[str, int] = msgspec.field(default_factory=dict)
    """target id → output tokens that the flow's budget leaves for it; absent: the stage's own limit"""

    def most_input_tokens(self) -> int:
        """A cautious estimate."""
        schema = len(msgspec.json.encode(self.schema)) if self.schema else 0
        return (bytes_of_all(self.messages) + schema) // LEAST_BYTES_PER_TOKEN + 10 * len(self.messages)

    def fingerprint(self) -> bytes:
        """SHA-256 of what is asked. Not of whom: an answer stays one when models.yaml has changed."""
        said = [(message.type, message.content) for message in self.messages]
        return hashlib.sha256(msgspec.json.encode([self.stage.name, said, self.schema])).digest()


class Answer(msgspec.Struct, frozen=True):
    text: str
    model: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    cost_usd: Decimal
    duration_ms: int
    """of the attempt that answered"""
    ttft_ms: int | None
    attempts: int
    finish_reason: str
    cached_tokens: int = 0
    """of the input"""

    @property
    def usage(self) -> FlowUsage:
        """As of one call."""
        return FlowUsage(
            1, self.input_tokens, self.output_tokens, self.cost_usd, self.duration_ms, self.cached_tokens
        )

    @property
    def refused(self) -> bool:
        """By the model, whose words then are the text, or by its provider's content filter."""
        return self.finish_reason in (REFUSAL, "content_filter")

    def to_json(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def from_json(cls, stored: bytes) -> Answer:
        """Raises FlowFailed (state)."""
        try:
            return msgspec.json.decode(stored, type=cls)
        except UNREADABLE:
            raise FlowFailed(Reason.STATE, "The stored answer of a model cannot be read.") from None


class Attempts(Protocol):
    """Follows what is asked of whom, as ``Trace`` does."""

    def attempt(self, target: Target, heard: Heard) -> AbstractAsyncContextManager[Question]:
        """Around each attempt; gives what is asked in it."""
        ...


class Asker:
    """Holds one ChatOpenAI per target."""

    def __init__(self, breakers: Breakers, client: UpstreamClient) -> None:
        self._breakers, self._client = breakers, client
        self._models: dict[str, HouseChat] = {}

    async def ask(self, question: Question, on_progress: Progress, attempts: Attempts) -> Answer:
        """Raises the UpstreamError of the last target that was tried."""

        async def attempt(target: Target) -> Heard:
            heard = Heard()
            async with attempts.attempt(target, heard) as asked:
                with _our_errors(target):
                    await self._listen(asked, target, heard, on_progress)
                    return _complete(heard, target)

        began = await try_targets(question.targets, attempt, breakers=self._breakers)
        return _answer(question, began.target, began.value, began.attempts)

    async def _listen(self, question: Question, target: Target, heard: Heard, on_progress: Progress) -> None:
        told_at, most_chars = heard.began, MOST_CHARS_PER_TOKEN * _limit(question, target)
        chunks = self._model(target).chunks(question.messages, **_parameters(question, target))
        async with aclosing(chunks):
            async for chunk in chunks:
                heard.take(chunk)
                if heard.chars > most_chars:
                    heard.cut(most_chars)
                    return
                now = time.monotonic()
                if now - told_at >= PROGRESS_EVERY_S:
                    told_at = now
                    await on_progress(heard.chars)

    def _model(self, target: Target) -> HouseChat:
        if target.id not in self._models:
            self._models[target.id] = chat_model(target, self._client)
        return self._models[target.id]


@dataclass(slots=True)
class Heard:
    """What one attempt has said so far."""

    pieces: list[str] = field(default_factory=list)
    chars: int = 0
    usage: Usage | None = None
    """as it was reported"""
    finish_reason: str | None = None
    refused: bool = False
    began: float = field(default_factory=time.monotonic)
    first_at: float | None = None
    ended: float = 0.0

    def take(self, chunk: ChatGenerationChunk) -> None:
        said = chunk.generation_info or {}
        text = chunk.text or said.get(REFUSAL, "")
        self.refused |= REFUSAL in said
        if text:
            self.first_at = self.first_at or time.monotonic()
            self.pieces.append(text)
            self.chars += len(text)
        self.usage = said.get(USAGE, self.usage)
        self.finish_reason = said.get("finish_reason") or self.finish_reason

    def cut(self, most_chars: int) -> None:
        """As a provider that keeps to the limit would have."""
        self.pieces = ["".join(self.pieces)[:most_chars]]
        self.chars, self.finish_reason = most_chars, "length"


def output_limit(question_stage: Stage, target: Target) -> int:
    """Tokens that an answer may have; always sent, since some providers cut at 4096 otherwise."""
    wanted = question_stage.sampling.get("max_tokens", target.max_output_tokens)
    return min(int(wanted), target.max_output_tokens)


def _limit(question: Question, target: Target) -> int:
    return question.max_tokens.get(target.id) or output_limit(question.stage, target)


def _parameters(question: Question, target: Target) -> dict[str, Any]:
    """``extra_body`` carries what langchain-openai would rename or treat in its own way."""
    body: dict[str, Any] = {"max_tokens": _limit(question, target)}
    if question.schema is not None and target.structured_output:
        body["response_format"] = {"type": "json_schema", "json_schema": dict(question.schema)}
    sampling = {k: v for k, v in question.stage.sampling.items() if k != "max_tokens"}
    return {**sampling, "extra_body": body}


def _complete(heard: Heard, target: Target) -> Heard:
    heard.ended = time.monotonic()
    if heard.finish_reason is None:
        raise talked_rubbish(target.model, "broke off in the middle of its answer")
    return heard


def _answer(question: Question, target: Target, heard: Heard, attempts: int) -> Answer:
    text = "".join(heard.pieces).encode("utf-8", "replace").decode()  # lone surrogates cannot be stored
    told = heard.usage or Usage(0, 0)
    usage = replace(
        told,
        input_tokens=told.input_tokens or tokens_in(question),
        output_tokens=told.output_tokens or tokens_of(text),
    )
    return Answer(
        text=text,
        model=target.model,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        estimated=heard.usage is None,
        cost_usd=usage.cost(target.price),
        duration_ms=round((heard.ended - heard.began) * 1000),
        ttft_ms=None if heard.first_at is None else round((heard.first_at - heard.began) * 1000),
        attempts=attempts,
        finish_reason=REFUSAL if heard.refused else heard.finish_reason or "",
        cached_tokens=min(usage.cached_tokens, usage.input_tokens),
    )


def bytes_of_all(messages: Sequence[BaseMessage]) -> int:
    return sum([bytes_of(str(message.content)) for message in messages])


def tokens_in(question: Question) -> int:
    """An estimate of what an upstream does not report."""
    return bytes_of_all(question.messages) // BYTES_PER_TOKEN


def tokens_of(text: str) -> int:
    """The same of an answer."""
    return bytes_of(text) // BYTES_PER_TOKEN


@contextmanager
def _our_errors(target: Target) -> Iterator[None]:
    """What langchain-openai throws at chunks of another shape than OpenAI's leaves as an UpstreamError."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError) as error:
        raise talked_rubbish(target.model, "sent something that is no chat completion") from error
