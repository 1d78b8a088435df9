"""One model by its id; the lists are ``api/catalogue.py``'s."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.catalogue import in_openai_shape
from api.dependencies import Caller, House
from cfx_flow.errors import ModelNotFound
from cfx_flow.stages.catalogue import public_models

router = APIRouter(tags=["models"])


@router.get("/v1/models/{model_id}")
@router.get("/models/{model_id}", include_in_schema=False)
async def get_model(house: House, caller: Caller, model_id: str) -> dict[str, Any]:
    known = {model.id: model for model in public_models(house.models)}
    if model_id not in known:
        usable = ", ".join(known)
        raise ModelNotFound(f"There is no model {model_id[:100]!r}. Use one of: {usable}.", param="model")
    return in_openai_shape(known[model_id])
