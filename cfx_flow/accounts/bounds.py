"""What a key may call. A key that says nothing of stages or models may call all of them."""

from __future__ import annotations

from collections.abc import Iterable

from cfx_flow.accounts.principal import Principal
from cfx_flow.errors import InvalidRequest, PermissionDenied
from cfx_flow.stages.model import Models, Stage, StageName

FLOW_STAGES = (StageName.PLAN, StageName.CODE, StageName.REVIEW)


def require_stage(caller: Principal, stage: Stage, models: Models) -> None:
    """For a chat call. Raises PermissionDenied, naming what this key may call."""
    if caller.stages is not None and stage.name not in caller.stages:
        raise PermissionDenied(
            f"This key may not call the stage {stage.name}. It may call: {_listed(caller.stages)}.",
            param="model",
        )
    if stage.name is StageName.DIRECT and caller.models is not None:
        (target,) = stage.targets
        if not any(models.direct.targets.get(model) is target for model in caller.models):
            raise _not_this_model(caller.models, target.model, "model")


def require_flow(caller: Principal, chosen: Iterable[tuple[str, str]], models: Models) -> None:
    """To start one, or to have a say in it. A flow asks all three stages; ``chosen``: stage and model where
    its body names one. Raises PermissionDenied.
    """
    lacking = [stage for stage in FLOW_STAGES if caller.stages is not None and stage not in caller.stages]
    if lacking:
        raise PermissionDenied(
            f"This key may not run flows, nor steer them: it may not call the stage {lacking[0]}."
        )
    for stage, model in chosen:
        if caller.models is not None and model in models.direct.targets and model not in caller.models:
            raise _not_this_model(caller.models, model, f"stages.{stage}.model")


def stages_of(names: Iterable[str] | None) -> frozenset[str] | None:
    """Raises InvalidRequest for what is no stage, and for none at all."""
    if names is None:
        return None
    found = frozenset(names)
    unknown = sorted(found - {stage.value for stage in StageName})
    if unknown or not found:
        what = repr(unknown[0][:50]) if unknown else "an empty list"
        raise InvalidRequest(f"{what} is no stage. Use some of: plan, code, review, direct.", param="stages")
    return found


def _not_this_model(own: frozenset[str], model: str, param: str) -> PermissionDenied:
    return PermissionDenied(
        f"This key may not call the model {model[:100]!r}. It may call: {_listed(own)}.", param=param
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
