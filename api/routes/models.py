"""The models that a caller may name: in OpenAI's shape, and in LiteLLM's with windows and prices."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.dependencies import Caller, House
from cfx_flow.errors import ModelNotFound
from cfx_flow.stages.catalogue import PublicModel, public_models

router = APIRouter(tags=["models"])


@router.get("/v1/models")
@router.get("/models", include_in_schema=False)
async def list_models(house: House, caller: Caller) -> dict[str, Any]:
    return {"object": "list", "data": [_openai(model) for model in public_models(house.models)]}


@router.get("/v1/models/{model_id}")
@router.get("/models/{model_id}", include_in_schema=False)
async def get_model(house: House, caller: Caller, model_id: str) -> dict[str, Any]:
    known = {model.id: model for model in public_models(house.models)}
    if model_id not in known:
        usable = ", ".join(known)
        raise ModelNotFound(f"There is no model {model_id[:100]!r}. Use one of: {usable}.", param="model")
    return _openai(known[model_id])


@router.get("/v1/model/info")
@router.get("/model/info", include_in_schema=False)
async def model_info(house: House, caller: Caller) -> dict[str, Any]:
    """**Source**: LiteLLM's ``GET /v1/model/info``; editors read windows and prices from it."""
    return {"data": [_litellm(model) for model in public_models(house.models)]}


def _openai(model: PublicModel) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": 0, "owned_by": "cfx-flow"}


def _litellm(model: PublicModel) -> dict[str, Any]:
    price = model.price
    cached = price.input if price.cached_input is None else price.cached_input
    return {
        "model_name": model.id,
        "litellm_params": {"model": model.id},
        "model_info": {
            "id": model.id,
            "mode": "chat",
            "max_tokens": model.max_output_tokens,
            "max_input_tokens": model.context_window,
            "max_output_tokens": model.max_output_tokens,
            "input_cost_per_token": float(price.input / 1_000_000),
            "output_cost_per_token": float(price.output / 1_000_000),
            "cache_read_input_token_cost": float(cached / 1_000_000),
            "supports_function_calling": model.takes_tools,
            "supports_vision": model.vision,
            "supports_prompt_caching": price.cached_input is not None,
            "supports_response_schema": model.structured_output,
        },
    }
