"""A request with its stage: what will be asked, of which targets, and what will be looked at in the reply."""

from __future__ import annotations

from typing import Any

import msgspec

from cfx_flow.chat.payload import payload_for
from cfx_flow.chat.request import ChatRequest, read_request
from cfx_flow.errors import InvalidRequest
from cfx_flow.prompts import Prompts
from cfx_flow.stages.catalogue import FLOW
from cfx_flow.stages.model import Models, StageName, Target
from cfx_flow.stages.resolve import Resolved, resolve

PROMPT_HEADER = "X-CFX-Prompt"


class Wishes(msgspec.Struct, frozen=True):
    """The request headers that say what the caller wants, as they came."""

    stage: str | None = None
    prompt: str | None = None
    user_agent: str | None = None


class Ask(msgspec.Struct, frozen=True):
    request: ChatRequest
    resolved: Resolved
    prompt: str | None
    """the stage's system prompt, if it is to be added"""
    checks: bool
    """the reply is the stage's own product and will be looked at"""
    max_tokens_cap: int | None

    @property
    def stage(self) -> StageName:
        return self.resolved.stage.name

    @property
    def keeps_text(self) -> bool:
        return self.checks and self.stage in (StageName.CODE, StageName.PLAN)

    def payload(self, target: Target) -> bytes:
        return payload_for(
            self.request,
            self.resolved.stage,
            target,
            prompt=self.prompt,
            max_tokens_cap=self.max_tokens_cap,
        )


class FlowWanted(Exception):
    """Not one stage is asked for, but the whole loop."""

    def __init__(self, request: ChatRequest) -> None:
        super().__init__()
        self.request = request


def read_ask(body: bytes, wishes: Wishes, models: Models, prompts: Prompts) -> Ask:
    """Raises InvalidRequest, PermissionDenied or ModelNotFound; FlowWanted for the model ``cfx-flow``."""
    request = read_request(body)
    if request.model == FLOW and wishes.stage is None:
        raise FlowWanted(request)
    resolved = resolve(
        models,
        header=wishes.stage,
        model=request.model,
        messages=lambda: _messages(request),
        has_tools=request.has_tools,
        streamed=request.streamed,
        user_agent=wishes.user_agent,
    )
    is_direct = resolved.stage.name is StageName.DIRECT
    ours = _is_stages_own(wishes.prompt, request)
    name = resolved.stage.prompt if ours else None
    return Ask(
        request=request,
        resolved=resolved,
        prompt=prompts.text(name) if name else None,
        checks=ours and not is_direct,
        max_tokens_cap=models.direct.max_tokens if is_direct else None,
    )


def _is_stages_own(wish: str | None, request: ChatRequest) -> bool:
    """A caller that brings its own protocol is routed and relayed untouched, unless it says otherwise."""
    if wish is None:
        return not request.speaks_own_protocol
    if (wish := wish.strip().lower()) not in ("stage", "none"):
        raise InvalidRequest(
            f"{PROMPT_HEADER} is {wish[:50]!r}. Use one of: stage, none.", param=PROMPT_HEADER
        )
    return wish == "stage"


def _messages(request: ChatRequest) -> list[dict[str, Any]]:
    """Only for a call that names no stage."""
    try:
        messages: list[dict[str, Any]] = msgspec.json.decode(request.messages)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"messages: {error}", param="messages") from None
    return messages
