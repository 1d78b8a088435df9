from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cfx_flow.settings import HOUSE
from cfx_flow.stages.load import load_models
from cfx_flow.stages.model import Models

SHIPPED = HOUSE / "config" / "models.yaml"


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Models]:
    def load(text: str | bytes, **environ: str) -> Models:
        file = tmp_path / "models.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_models(file, environ)

    return load


@pytest.fixture(scope="session")
def models() -> Models:
    """What the project ships."""
    return load_models(
        SHIPPED, {"CFX_LITELLM_URL": "http://127.0.0.1:4000", "CFX_LITELLM_KEY": "sk-of-the-tests"}
    )
