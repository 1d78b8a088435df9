"""The models that a caller may name, with what is true of each whichever target answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cfx_flow.stages.model import Models, Price, StageName, Target

AUTO = "cfx-auto"
FLOW = "cfx-flow"
STAGE_IDS = {
    "cfx-plan": StageName.PLAN,
    "cfx-code": StageName.CODE,
    "cfx-review": StageName.REVIEW,
}


@dataclass(frozen=True, slots=True)
class PublicModel:
    id: str
    context_window: int
    max_output_tokens: int
    price: Price
    structured_output: bool
    vision: bool
    takes_tools: bool = True


def public_models(models: Models) -> tuple[PublicModel, ...]:
    """cfx-plan, cfx-code, cfx-review, cfx-auto, cfx-flow, then the direct whitelist."""
    everything = [target for stage in models.stages.values() for target in stage.targets]
    staged = [_sum(public_id, models.stages[name].targets) for public_id, name in STAGE_IDS.items()]
    auto = _sum(AUTO, [*models.stages[StageName.PLAN].targets, *everything])
    flow = replace(_sum(FLOW, everything), price=auto.price, vision=False, takes_tools=False)
    return (
        *staged,
        auto,
        flow,
        *(_sum(public_id, [target]) for public_id, target in models.direct.targets.items()),
    )


def public_ids(models: Models) -> tuple[str, ...]:
    return (*STAGE_IDS, AUTO, FLOW, *models.direct.targets)


def model_names(models: Models) -> frozenset[str]:
    """As the upstreams know them: what may stand in the log and in a metric's label."""
    return frozenset(target.model for target in _targets(models))


def target_ids(models: Models) -> list[str]:
    """Of whatever may be asked, in the order of their names."""
    return sorted({target.id for target in _targets(models)})


def _targets(models: Models) -> Iterator[Target]:
    for stage in models.stages.values():
        yield from stage.targets
    yield from models.direct.targets.values()


def cheapest(models: Models) -> Target | None:
    """Of the direct whitelist, by the price of a token in and a token out; None when it is empty."""
    return min(
        models.direct.targets.values(),
        key=lambda target: target.price.input + target.price.output,
        default=None,
    )


def _sum(public_id: str, targets: Sequence[Target]) -> PublicModel:
    """The price of the first target, which is the one that normally answers; of all others the least
    that can be relied on, so that an editor never sends more than a later target takes."""
    return PublicModel(
        id=public_id,
        context_window=min(target.context_window for target in targets),
        max_output_tokens=min(target.max_output_tokens for target in targets),
        price=targets[0].price,
        structured_output=all(target.structured_output for target in targets),
        vision=all(target.vision for target in targets),
    )
