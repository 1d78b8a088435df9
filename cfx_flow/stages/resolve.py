"""Which stage a chat call is for (SPEC section 1): header, then model id, then content, then plan.

``messages`` is a function, because a call that names its stage never needs its messages parsed.
They come from outside: anything in them may be of any type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from cfx_flow.errors import InvalidRequest, ModelNotFound, PermissionDenied
from cfx_flow.stages.catalogue import AUTO, STAGE_IDS, cheapest, public_ids
from cfx_flow.stages.editors import helper_call, last_mode
from cfx_flow.stages.messages import last_user_text
from cfx_flow.stages.model import Models, Stage, StageName, Target
from cfx_flow.stages.wording import stage_of_request

Message: TypeAlias = Mapping[str, Any]
StageSource: TypeAlias = Literal["header", "model", "content", "default"]

HEADER = "X-CFX-Stage"


class Resolved(msgspec.Struct, frozen=True):
    stage: Stage
    """for ``direct``: a stage made of the one target that was asked for"""
    source: StageSource


def resolve(  # noqa: PLR0913 - what a stage may be read from, each by its name
    models: Models,
    *,
    header: str | None,
    model: str | None,
    messages: Callable[[], Sequence[Message]],
    has_tools: bool,
    streamed: bool,
    user_agent: str | None,
) -> Resolved:
    """Raises InvalidRequest, PermissionDenied or ModelNotFound, each naming what is usable."""
    if header is not None:
        return Resolved(_by_header(models, header, model), "header")
    if model and model != AUTO:
        return Resolved(_by_model(models, model), "model")
    said = messages()
    helper = not has_tools and not streamed
    stage = _by_content(models, said, user_agent=user_agent, may_be_helper=helper)
    if stage is not None:
        return Resolved(stage, "content")
    return Resolved(models.stages[StageName.PLAN], "default")


def _by_header(models: Models, header: str, model: str | None) -> Stage:
    try:
        name = StageName(header.strip().lower())
    except ValueError:
        raise InvalidRequest(
            f"{HEADER} is {header[:50]!r}. Use one of: plan, code, review, direct.", param=HEADER
        ) from None
    if name is not StageName.DIRECT:
        return models.stages[name]
    usable = ", ".join(models.direct.targets) or "none is configured"
    if not model:
        raise InvalidRequest(f"{HEADER}: direct needs `model`, one of: {usable}.", param="model")
    if model not in models.direct.targets:
        raise PermissionDenied(
            f"The model {model[:100]!r} may not be called directly. Use one of: {usable}.", param="model"
        )
    return direct_stage(models.direct.targets[model])


def _by_model(models: Models, model: str) -> Stage:
    if model in STAGE_IDS:
        return models.stages[STAGE_IDS[model]]
    if model in models.direct.targets:
        return direct_stage(models.direct.targets[model])
    usable = ", ".join(public_ids(models))
    raise ModelNotFound(f"There is no model {model[:100]!r}. Use one of: {usable}.", param="model")


def _by_content(
    models: Models, messages: Sequence[Message], *, user_agent: str | None, may_be_helper: bool
) -> Stage | None:
    """The editor's mode; else a helper call; else what the last user turn asks for."""
    mode = last_mode(messages)
    if mode is not None and mode in models.modes:
        return models.stages[models.modes[mode]]
    if may_be_helper and helper_call(models.helper, messages, user_agent):
        target = cheapest(models)
        if target is not None:
            return direct_stage(target)
    name = stage_of_request(last_user_text(messages))
    return None if name is None else models.stages[name]


def direct_stage(target: Target) -> Stage:
    return Stage(name=StageName.DIRECT, targets=(target,), prompt=None, sampling={})
