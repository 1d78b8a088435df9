"""The models that a caller may name: in OpenAI's shape, and in LiteLLM's with windows and prices.

Editors ask for them before anything else, so they are answered without waiting for FastAPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from cfx_flow.errors import MethodNotAllowed
from cfx_flow.stages.catalogue import PublicModel, public_models
from cfx_flow.stages.model import Models


class Catalogue:
    """models.yaml does not change while a server runs: its answers are made once."""

    PATHS = frozenset({"/v1/models", "/models", "/v1/model/info", "/model/info"})

    def __init__(self, models: Models) -> None:
        known = public_models(models)
        listed = msgspec.json.encode({"object": "list", "data": [in_openai_shape(one) for one in known]})
        priced = msgspec.json.encode({"data": [_in_litellm_shape(one) for one in known]})
        self._answers: Mapping[str, bytes] = {
            path: priced if path.endswith("/info") else listed for path in self.PATHS
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            raise MethodNotAllowed(
                f"{scope['method']} is not possible on {scope['path']}; it takes GET.",
                headers={"allow": "GET"},
            )
        answer = Response(self._answers[scope["path"]], media_type="application/json")
        await answer(scope, receive, send)


def in_openai_shape(model: PublicModel) -> dict[str, Any]:
    return {"id": model.id, "object": "model", "created": 0, "owned_by": "cfx-flow"}


def _in_litellm_shape(model: PublicModel) -> dict[str, Any]:
    """**Source**: LiteLLM's ``GET /v1/model/info``; editors read windows and prices from it."""
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
