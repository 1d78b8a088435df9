"""Accounts, keys, counters, the request log, snapshots and flows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "first_light"
down_revision = None

ID = sa.Uuid(as_uuid=False)
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
USD = sa.Numeric(10, 6).with_variant(sa.Float(), "sqlite")


def upgrade() -> None:
    create_accounts()
    create_ledger()
    create_flows()


def create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("daily_limit", sa.Integer()),
        sa.Column("monthly_usd", USD),
        sa.Column("disabled_at", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_accounts"),
        sa.UniqueConstraint("name", name="uq_accounts_name"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("key_id", sa.String(32), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("label", sa.String(200)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("permissions", JSON, nullable=False),
        sa.Column("limits", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("key_id", name="uq_api_keys_key_id"),
        sa.ForeignKeyConstraint(["user_id"], ["accounts.user_id"], name="fk_api_keys_user_id_accounts"),
    )
    op.create_index("ix_api_keys_user_id", "api_keys", ["user_id"])


def create_ledger() -> None:
    op.create_table(
        "usage_counters",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("request_count", sa.Integer(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_counters"),
        sa.UniqueConstraint("user_id", "day", name="uq_usage_counters_user_id_day"),
    )
    op.create_table(
        "request_logs",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("api_key_id", ID),
        sa.Column("request_id", ID, nullable=False),
        sa.Column("session_id", sa.String(200)),
        sa.Column("flow_id", ID),
        sa.Column("stage", sa.String(16)),
        sa.Column("model", sa.String(200)),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("total_tokens", sa.Integer(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("cost_usd", USD, nullable=False),
        sa.Column("latency_ms", sa.Integer()),
        sa.Column("ttft_ms", sa.Integer()),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("error_message", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_request_logs"),
    )
    op.create_index("ix_request_logs_user_id_created_at", "request_logs", ["user_id", "created_at"])


def create_flows() -> None:
    op.create_table(
        "snapshots",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("id", sa.String(71), nullable=False),
        sa.Column("file_count", sa.Integer(), nullable=False),
        sa.Column("total_bytes", sa.Integer(), nullable=False),
        sa.Column("archive", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_snapshots"),
    )
    op.create_table(
        "flows",
        sa.Column("id", ID, nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("api_key_id", ID),
        sa.Column("request_id", ID, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("message", sa.Text()),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("snapshot_id", sa.String(71), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("stages", JSON, nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", USD, nullable=False),
        sa.Column("patch", sa.Text()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("completed_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_flows"),
        sa.ForeignKeyConstraint(
            ["user_id", "snapshot_id"],
            ["snapshots.user_id", "snapshots.id"],
            name="fk_flows_user_id_snapshot_id_snapshots",
        ),
    )
    op.create_index("ix_flows_user_id_created_at", "flows", ["user_id", "created_at"])
    op.create_index("ix_flows_status", "flows", ["status"])
    op.create_table(
        "flow_steps",
        sa.Column("flow_id", ID, nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(16), nullable=False),
        sa.Column("model", sa.String(200)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("input", JSON, nullable=False),
        sa.Column("output", sa.Text()),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", USD, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("completed_at", TIME),
        sa.PrimaryKeyConstraint("flow_id", "n", name="pk_flow_steps"),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name="fk_flow_steps_flow_id_flows", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "flow_events",
        sa.Column("flow_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.PrimaryKeyConstraint("flow_id", "seq", name="pk_flow_events"),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name="fk_flow_events_flow_id_flows", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    for table in (
        "flow_events",
        "flow_steps",
        "flows",
        "snapshots",
        "request_logs",
        "usage_counters",
        "api_keys",
        "accounts",
    ):
        op.drop_table(table)
