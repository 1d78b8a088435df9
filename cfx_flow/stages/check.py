"""models.yaml and prompts/ checked against each other, for the server's start and `cfx config check`."""

from __future__ import annotations

from collections.abc import Mapping

from cfx_flow.errors import ConfigError
from cfx_flow.prompts import Prompts, load_prompts
from cfx_flow.settings import HOUSE, Settings
from cfx_flow.stages.load import load_models
from cfx_flow.stages.model import Models


def load_config(settings: Settings, environ: Mapping[str, str]) -> tuple[Models, Prompts]:
    """Raises ConfigError."""
    models = load_models(settings.models_file, environ)
    prompts = load_prompts(HOUSE / "prompts")
    for name, stage in models.stages.items():
        if stage.prompt is not None and stage.prompt not in prompts.names:
            raise ConfigError(
                f"there is no {stage.prompt!r} in {HOUSE / 'prompts'}; there are: "
                f"{', '.join(sorted(prompts.names))}",
                file=settings.models_file,
                key=f"stages.{name}.prompt",
            )
    return models, prompts
