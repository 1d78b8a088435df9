"""``/v1/stages``: which models do which stage, as models.yaml says it; no address or key of an upstream."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.dependencies import Caller, House
from api.fields import Usd
from cfx_flow.stages.model import StageName, Target

router = APIRouter(prefix="/v1/stages", tags=["models"])


class TargetShown(BaseModel):
    id: str = Field(description="As breakers and metrics name it")
    upstream: str
    model: str
    input_usd: Usd = Field(description="Per million tokens")
    output_usd: Usd
    cached_input_usd: Usd | None
    context_window: int
    max_output_tokens: int


class StageShown(BaseModel):
    stage: StageName
    prompt: str | None = Field(description="Its file in prompts/")
    targets: list[TargetShown] = Field(description="In the order in which they are tried")


class DirectModel(BaseModel):
    id: str = Field(description="What a caller names")
    target: TargetShown


class Stages(BaseModel):
    stages: list[StageShown]
    direct: list[DirectModel] = Field(description="The whitelist")
    direct_max_tokens: int = Field(description="The cap on `max_tokens` there")
    modes: dict[str, StageName] = Field(description="Editor mode → stage")
    tests: list[str] = Field(description="The test policies that a flow may name")


@router.get("")
async def list_stages(house: House, caller: Caller) -> Stages:
    models = house.models
    return Stages(
        stages=[
            StageShown(stage=name, prompt=stage.prompt, targets=[_shown(target) for target in stage.targets])
            for name, stage in models.stages.items()
        ],
        direct=[DirectModel(id=name, target=_shown(one)) for name, one in models.direct.targets.items()],
        direct_max_tokens=models.direct.max_tokens,
        modes=dict(models.modes),
        tests=sorted(house.suites.suites),
    )


def _shown(target: Target) -> TargetShown:
    price = target.price
    return TargetShown(
        id=target.id,
        upstream=target.upstream.name,
        model=target.model,
        input_usd=price.input,
        output_usd=price.output,
        cached_input_usd=price.cached_input,
        context_window=target.context_window,
        max_output_tokens=target.max_output_tokens,
    )
