"""Settings from the environment (SPEC section 8), read once, by whoever starts the process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from cfx_flow.errors import ConfigError

HOUSE = Path(__file__).resolve().parent.parent
"""Where prompts/, config/ and migrations/ lie: beside the package, in a checkout as in a wheel."""

_PASSWORD = re.compile(r"://[^/\s]*@")
"""of an address, with the name before it"""


class Settings(BaseModel):
    """Frozen. Every field is documented in ``.env.example`` (a test compares the two)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", validation_alias="CFX_HOST")
    port: int = Field(8000, ge=0, le=65535, validation_alias="CFX_PORT")
    data_dir: Path = Field(Path(".cfx"), validation_alias="CFX_DATA_DIR")
    database_url: str = Field("", validation_alias="CFX_DATABASE_URL")
    """Empty: SQLite in ``data_dir``."""
    app_password: SecretStr | None = Field(None, validation_alias="CFX_APP_PASSWORD")
    """Of the role ``cfx_app``, for ``cfx migrate`` alone."""
    litellm_url: str | None = Field(None, validation_alias="CFX_LITELLM_URL")
    litellm_key: SecretStr | None = Field(None, validation_alias="CFX_LITELLM_KEY")
    redis_url: SecretStr | None = Field(None, validation_alias="CFX_REDIS_URL")
    models_file: Path = Field(HOUSE / "config" / "models.yaml", validation_alias="CFX_MODELS_FILE")
    policy_file: Path = Field(HOUSE / "config" / "policy.yaml", validation_alias="CFX_POLICY_FILE")
    test_policies_file: Path = Field(
        HOUSE / "config" / "test_policies.yaml", validation_alias="CFX_TEST_POLICIES_FILE"
    )
    hash_salt: SecretStr | None = Field(None, validation_alias=AliasChoices("CFX_HASH_SALT", "HASH_SALT"))
    hash_salt_previous: SecretStr | None = Field(None, validation_alias="CFX_HASH_SALT_PREVIOUS")
    """Former ones, with commas between them."""
    daily_limit: int = Field(1000, ge=0, validation_alias="CFX_DAILY_LIMIT")
    streams_per_user: int = Field(2, ge=1, validation_alias="CFX_STREAMS_PER_USER")
    running_flows_per_user: int = Field(5, ge=1, validation_alias="CFX_RUNNING_FLOWS_PER_USER")
    webhook_hosts: str = Field("", validation_alias="CFX_WEBHOOK_HOSTS")
    running_flows: int = Field(1000, ge=1, validation_alias="CFX_RUNNING_FLOWS")
    """At a time, of everybody, in one process."""
    open_snapshots_mb: int = Field(256, ge=1, validation_alias="CFX_OPEN_SNAPSHOTS_MB")
    """Files of flows that a process keeps at hand."""
    flow_retakes: int = Field(10, ge=1, le=1000, validation_alias="CFX_FLOW_RETAKES")
    with_worker: bool = Field(False, validation_alias="CFX_WITH_WORKER")
    """Of ``cfx serve`` on Postgres; on SQLite the server runs its flows in any case."""
    serve_drain_s: float = Field(5.0, ge=0, le=3600, validation_alias="CFX_SERVE_DRAIN_S")
    worker_drain_s: float = Field(60.0, ge=0, le=3600, validation_alias="CFX_WORKER_DRAIN_S")
    worker_port: int | None = Field(None, ge=0, le=65535, validation_alias="CFX_WORKER_PORT")
    workspace_roots: str = Field("", validation_alias="CFX_WORKSPACE_ROOTS")
    """Absolute folders, with ``:`` between them; below them flows may work in place."""
    sandbox: Literal["auto", "bubblewrap", "container", "none"] = Field(
        "auto", validation_alias="CFX_SANDBOX"
    )
    tests_at_once: int = Field(2, ge=1, le=1000, validation_alias="CFX_TESTS_AT_ONCE")
    """In one process."""
    sandbox_image: str | None = Field(None, validation_alias="CFX_SANDBOX_IMAGE")
    """Of a container, where a test policy names none."""
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024, validation_alias="CFX_MAX_BODY_BYTES")
    stalled_reader_s: float = Field(120.0, ge=1, le=86_400, validation_alias="CFX_STALLED_READER_S")
    keep_logs_days: int = Field(90, ge=0, le=36_500, validation_alias="CFX_KEEP_LOGS_DAYS")
    """0, here and below: for ever."""
    keep_flows_days: int = Field(90, ge=0, le=36_500, validation_alias="CFX_KEEP_FLOWS_DAYS")
    keep_resumable_days: int = Field(30, ge=0, le=36_500, validation_alias="CFX_KEEP_RESUMABLE_DAYS")
    keep_snapshots_days: int = Field(7, ge=0, le=36_500, validation_alias="CFX_KEEP_SNAPSHOTS_DAYS")
    keep_audit_days: int = Field(730, ge=0, le=36_500, validation_alias="CFX_KEEP_AUDIT_DAYS")
    prune_every_s: float = Field(3600.0, ge=0, le=604_800, validation_alias="CFX_PRUNE_EVERY_S")
    """0: never."""
    public_url: str | None = Field(None, validation_alias="CFX_PUBLIC_URL")
    """As people write it, without a slash at its end; None: as each of them reached us."""
    dashboard_dir: Path = Field(HOUSE / "dashboard" / "site", validation_alias="CFX_DASHBOARD_DIR")
    """A static export; need not be there."""
    supabase_url: str | None = Field(None, validation_alias="SUPABASE_URL")
    supabase_anon_key: str | None = Field(None, validation_alias="SUPABASE_ANON_KEY")
    supabase_jwt_secret: SecretStr | None = Field(None, validation_alias="SUPABASE_JWT_SECRET")
    """Of projects that sign with one; others sign with keys that are fetched."""
    metrics_token: SecretStr | None = Field(None, validation_alias="CFX_METRICS_TOKEN")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", validation_alias="CFX_LOG_LEVEL")

    @field_validator("workspace_roots")
    @classmethod
    def _absolute(cls, roots: str) -> str:
        if not all(Path(root).is_absolute() and ".." not in root for root in roots.split(":") if root):
            raise ValueError("must name absolute folders, with ':' between them")
        return roots

    @field_validator("public_url", "supabase_url")
    @classmethod
    def _origin(cls, url: str | None) -> str | None:
        """The second goes into a header of the dashboard's pages: nothing but an origin may stand there."""
        if url is not None and not re.fullmatch(
            r"https?://[\w.-]+(:\d+)?/?|https?://\[[\da-f:]+\](:\d+)?/?", url
        ):
            raise ValueError("must be an address like https://example.com, without a path")
        return url and url.rstrip("/")

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Raises ConfigError naming the variable. An empty variable counts as absent."""
        try:
            return cls.model_validate({name: value for name, value in environ.items() if value != ""})
        except ValidationError as error:
            first = error.errors()[0]
            shown = _PASSWORD.sub("://…@", repr(first["input"]))
            wrong = first["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{wrong} (it is {shown})", key=str(first["loc"][0])) from None

    @classmethod
    def aliases(cls) -> Iterator[tuple[str, ...]]:
        """The variables of each setting, the one that counts first."""
        for field in cls.model_fields.values():
            alias = field.validation_alias
            yield tuple(map(str, alias.choices)) if isinstance(alias, AliasChoices) else (str(alias),)

    @property
    def roots(self) -> tuple[Path, ...]:
        return tuple(Path(root) for root in self.workspace_roots.split(":") if root)

    @property
    def store_url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'cfx.db'}"
