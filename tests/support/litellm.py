"""The real LiteLLM proxy as a session fixture, with the scripted provider behind every model.

Its configuration is the repository's own config/litellm.yaml: only where a model leads to is
replaced. It is heavy, so one worker runs it: tests that use it say ``litellm`` in their ids
(name, file or parameter), and tests/conftest.py keeps those together.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.support.loopback import is_ready
from tests.support.processes import HOUSE, Running, child_environ, free_port, running, wait_ready
from tests.support.provider import Provider

PROGRAM = HOUSE / ".venv-litellm" / "bin" / "litellm"
MASTER_KEY = "sk-of-the-tests"
START_TIMEOUT_S = 240  # 10 to 30 s with two cores to itself


@dataclass(frozen=True)
class LiteLlm:
    """``url`` has no ``/v1``: as an operator would write it."""

    url: str
    key: str
    process: Running

    def log_tail(self) -> str:
        return self.process.log_tail()


def led_to(shipped: dict[str, Any], api_base: str) -> dict[str, Any]:
    """The shipped configuration with every model answered by ``api_base``."""
    models = [
        entry
        | {
            "litellm_params": {
                "model": f"openai/{entry['model_name']}",
                "api_base": api_base,
                "api_key": "of-the-provider",
            }
        }
        for entry in shipped["model_list"]
    ]
    return shipped | {"model_list": models}


def require_litellm() -> None:
    if PROGRAM.exists():
        return
    reason = f"{PROGRAM.relative_to(HOUSE)} is absent: `make litellm` installs it"
    if os.environ.get("CFX_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def litellm(provider_process: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLlm]:
    require_litellm()
    folder = tmp_path_factory.mktemp("litellm")
    config, port = folder / "litellm.yaml", free_port()
    url = f"http://127.0.0.1:{port}"
    shipped = yaml.safe_load((HOUSE / "config" / "litellm.yaml").read_text())
    config.write_text(yaml.safe_dump(led_to(shipped, provider_process.url)))
    argv = [str(PROGRAM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = child_environ(
        HOME=str(folder),
        LITELLM_MASTER_KEY=MASTER_KEY,
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # or it asks the internet for prices at start, three times
    )
    with running("litellm", argv, log=folder / "litellm.log", env=env) as process:
        wait_ready(process, lambda: is_ready(f"{url}/health/readiness"), timeout_s=START_TIMEOUT_S)
        yield LiteLlm(url, MASTER_KEY, process)
