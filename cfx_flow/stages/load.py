"""``config/models.yaml`` → Models. Whatever is wrong is a ConfigError with file, line and key.

Two passes: pydantic checks the form of every section (schema.py); then the names are
tied together here: targets to models, models to upstreams, upstreams to the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from cfx_flow.errors import ConfigError
from cfx_flow.stages.model import (
    Direct,
    FlowLimits,
    HelperCalls,
    Models,
    Price,
    Stage,
    StageName,
    Target,
    Upstream,
)
from cfx_flow.stages.schema import (
    DirectSection,
    HelperSection,
    ModelSection,
    ModelsFile,
    PriceSection,
    StageSection,
    UpstreamSection,
)
from cfx_flow.yaml_source import Source, read_source

RESERVED_PREFIX = "cfx-"
SPECIAL_CASED = ("o1", "o3", "o4")
"""**Source**: clients treat a model id that contains one of these as an OpenAI reasoning model
and send other parameters (SPEC section 1)."""


def load_models(path: Path, environ: Mapping[str, str]) -> Models:
    """Reads only the variables that the file names.

    An upstream whose ``url_env`` is unset is no error here, so that ``cfx config check`` works
    anywhere: it gets an empty ``base_url`` and stands in ``Models.unset``. Whoever is about to
    call models asks ``require_upstreams`` first.
    """
    source = read_source(path)
    form = source.validate(ModelsFile)
    upstreams, unset = _upstreams(source, form.upstreams, environ)
    catalogue = {
        public_id: _target(source, public_id, section, upstreams)
        for public_id, section in form.models.items()
    }
    return Models(
        stages={
            name: _stage(source, name, section, catalogue) for name, section in form.stages.by_name().items()
        },
        direct=_direct(source, form.direct, catalogue),
        modes={slug.lower(): StageName(stage) for slug, stage in form.modes.items()},
        helper=_helper(source, form.helper),
        flow=FlowLimits(**dict(form.limits.flow)),
        upstreams=upstreams,
        unset=unset,
        variables=frozenset(
            name for section in form.upstreams.values() for name in (section.url_env, section.key_env) if name
        ),
    )


def require_upstreams(models: Models) -> None:
    """Raises ConfigError when a variable that an upstream needs is unset."""
    for variable in models.unset:
        raise ConfigError(
            "is not set, and models.yaml takes an upstream's address from it. Set it to your LiteLLM proxy, "
            "for instance http://127.0.0.1:4000, or to any OpenAI-compatible URL (`cfx demo` needs neither)",
            key=variable,
        )


def _upstreams(
    source: Source, sections: Mapping[str, UpstreamSection], environ: Mapping[str, str]
) -> tuple[dict[str, Upstream], tuple[str, ...]]:
    upstreams, unset = {}, []
    for name, section in sections.items():
        url = environ.get(section.url_env, "").strip()
        if not url:
            unset.append(section.url_env)
        key = _api_key(source, name, section.key_env, environ) if section.key_env else ""
        upstreams[name] = Upstream(
            name=name,
            base_url=_base_url(source, name, section.url_env, url) if url else "",
            api_key=SecretStr(key) if key else None,
            connect_timeout_stream_s=section.timeouts.connect_stream_s,
            connect_timeout_s=section.timeouts.connect_s,
            read_timeout_s=section.timeouts.read_s,
        )
    return upstreams, tuple(dict.fromkeys(unset))


def _base_url(source: Source, upstream: str, variable: str, url: str) -> str:
    """A bare host gets ``/v1``, as LiteLLM and OpenAI serve it; any other path is the operator's."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", url) or parts.query or parts.fragment or parts.username:
        raise source.error(
            ("upstreams", upstream, "url_env"),
            f"the variable {variable} holds no usable address: it takes http://host:port or "
            "https://host/path, without user, query or fragment",
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    return f"{parts.scheme}://{parts.netloc}{path or '/v1'}"


def _api_key(source: Source, upstream: str, variable: str, environ: Mapping[str, str]) -> str:
    """Of files and secrets a line end often comes along; in a header it would break every call."""
    key = environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable():
        raise source.error(
            ("upstreams", upstream, "key_env"),
            f"the variable {variable} holds characters that no key has: copy it again",
        )
    return key


def _target(
    source: Source, public_id: str, section: ModelSection, upstreams: Mapping[str, Upstream]
) -> Target:
    at = ("models", public_id)
    if public_id.startswith(RESERVED_PREFIX):
        raise source.error(at, f"ids that start with {RESERVED_PREFIX!r} are our own: choose another")
    if special := next((part for part in SPECIAL_CASED if part in public_id.lower()), None):
        raise source.error(
            at,
            f"a public id must not contain {special!r}: editors take it for an OpenAI reasoning model. "
            "Choose another id and put the real one under `name`",
        )
    if section.upstream not in upstreams:
        raise source.unknown_name((*at, "upstream"), section.upstream, "an upstream", upstreams)
    return Target(
        upstream=upstreams[section.upstream],
        model=section.name or public_id,
        price=_price(section.price),
        context_window=section.context_window,
        max_output_tokens=section.max_output_tokens,
        structured_output=section.structured_output,
        vision=section.vision,
    )


def _price(section: PriceSection) -> Price:
    return Price(section.input, section.output, section.cached_input)


def _pick(
    source: Source, at: tuple[str | int, ...], ids: list[str], catalogue: Mapping[str, Target]
) -> dict[str, Target]:
    picked: dict[str, Target] = {}
    for position, public_id in enumerate(ids):
        if public_id not in catalogue:
            raise source.unknown_name((*at, position), public_id, "a model", catalogue)
        if public_id in picked:
            raise source.error((*at, position), f"{public_id!r} stands here twice: remove one")
        picked[public_id] = catalogue[public_id]
    return picked


def _stage(source: Source, name: StageName, section: StageSection, catalogue: Mapping[str, Target]) -> Stage:
    at = ("stages", name.value)
    targets = tuple(_pick(source, (*at, "targets"), section.targets, catalogue).values())
    sampling = section.sampling.model_dump(exclude_none=True)
    ceiling = min(target.max_output_tokens for target in targets)
    if sampling.get("max_tokens", 0) > ceiling:
        raise source.error(
            (*at, "sampling", "max_tokens"), f"is above what its targets can write: at most {ceiling}"
        )
    return Stage(name=name, targets=targets, prompt=section.prompt, sampling=sampling)


def _direct(source: Source, section: DirectSection, catalogue: Mapping[str, Target]) -> Direct:
    return Direct(_pick(source, ("direct", "models"), section.models, catalogue), section.max_tokens)


def _helper(source: Source, section: HelperSection) -> HelperCalls:
    patterns = []
    for position, pattern in enumerate(section.patterns):
        try:
            patterns.append(re.compile(pattern, re.IGNORECASE))
        except re.error as error:
            raise source.error(
                ("helper", "patterns", position), f"is no regular expression: {error}"
            ) from None
    return HelperCalls(tuple(agent.lower() for agent in section.user_agents), tuple(patterns))
