"""The tables (SPEC section 4). Alembic makes them; a test compares the two.

Ids and times are made by the caller, never by a column default: a row that is
written twice after a crash must be the same row.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from cfx_flow.store.types import Json, Usd, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Uuid[str]:
    return Uuid(as_uuid=False)


def _rare(column: str, where: str) -> Index:
    """Of the few rows that one looks for, so that the many cost nothing when they are written."""
    return Index(
        None, "user_id", column, "created_at", sqlite_where=text(where), postgresql_where=text(where)
    )


_PENDING = "state = 'pending'"
_ENDED = "completed_at IS NOT NULL"

accounts = Table(
    "accounts",
    metadata,
    Column("user_id", _id(), primary_key=True),
    Column("name", String(200), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("daily_limit", Integer),
    Column("monthly_usd", Usd),
    Column("disabled_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", _id(), primary_key=True),
    Column("user_id", _id(), ForeignKey("accounts.user_id", ondelete="CASCADE"), nullable=False),
    Column("key_id", String(32), nullable=False, unique=True),  # the public part: the look-up column
    Column("key_hash", LargeBinary(32), nullable=False),
    Column("label", String(200)),
    Column("status", String(16), nullable=False),
    Column("permissions", Json, nullable=False),
    Column("limits", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index(None, "user_id"),
)

audit_log = Table(
    "audit_log",  # see accounts/audit.py
    metadata,
    Column("id", _id(), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("actor_id", _id()),  # none for commands
    Column("actor_key_id", _id()),
    Column("action", String(32), nullable=False),
    Column("user_id", _id(), nullable=False),  # whose key or account it is
    Column("subject", String(200), nullable=False),
    Column("detail", Json, nullable=False),
    Index(None, "user_id", "created_at"),
    Index(None, "created_at"),
)

usage_counters = Table(
    "usage_counters",
    metadata,
    Column("id", _id(), primary_key=True),
    Column("user_id", _id(), nullable=False),
    Column("day", Date, nullable=False),
    Column("request_count", Integer, nullable=False),
    # Of the last addition. Postgres tells it apart by this: before 18, RETURNING has no old values.
    Column("granted", Integer),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("user_id", "day"),
)

# One row for each slot that a user ever used; the token is its holder's, or empty.
stream_slots = Table(
    "stream_slots",
    metadata,
    Column("user_id", _id(), primary_key=True),
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("token", String(32), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("session_id", String(200)),
    Column("message_count", Integer, nullable=False),
    Column("digest", LargeBinary(64), nullable=False),
)

request_logs = Table(
    "request_logs",
    metadata,
    Column("id", _id(), primary_key=True),
    Column("user_id", _id(), nullable=False),
    Column("api_key_id", _id()),
    Column("request_id", _id(), nullable=False),
    Column("session_id", String(200)),
    Column("flow_id", _id()),
    Column("stage", String(16)),
    Column("model", String(200)),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("total_tokens", Integer, nullable=False),
    Column("estimated", Boolean, nullable=False),  # a cancelled stream: counted, not reported
    Column("cost_usd", Usd, nullable=False),
    Column("latency_ms", Integer),
    Column("ttft_ms", Integer),
    Column("status", String(16), nullable=False),
    Column("error_message", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "user_id", "created_at"),
    _rare("status", "status <> 'success'"),
    _rare("session_id", "session_id IS NOT NULL"),
)

daily_usage = Table(
    "daily_usage",  # summed in the transaction that writes the rows: a year is read in milliseconds
    metadata,
    Column("user_id", _id(), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("stage", String(16), primary_key=True),  # '' where the log has none
    Column("model", String(200), primary_key=True),  # '' where the log has none
    Column("requests", Integer, nullable=False),
    Column("errors", Integer, nullable=False),
    Column("rate_limited", Integer, nullable=False),
    Column("cancelled", Integer, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_micro_usd", BigInteger, nullable=False),  # whole micro-dollars: sums are exact on SQLite too
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("user_id", _id(), primary_key=True),
    Column("id", String(71), primary_key=True),  # "sha256:" + 64 hex digits
    Column("file_count", Integer, nullable=False),
    Column("total_bytes", Integer, nullable=False),
    Column("archive", LargeBinary, nullable=False),  # tar.gz in canonical order
    Column("created_at", UtcDateTime, nullable=False),
)

flows = Table(
    "flows",
    metadata,
    Column("id", _id(), primary_key=True),
    Column("user_id", _id(), nullable=False),
    Column("api_key_id", _id()),
    Column("request_id", _id(), nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", String(32)),
    Column("message", Text),  # the reason in a sentence for people
    Column("task", Text, nullable=False),
    Column("snapshot_id", String(71), nullable=False),
    Column("options", Json, nullable=False),
    Column("parent_id", _id()),  # forked from it: no foreign key, the parent may be deleted
    Column("parent_step", Integer),
    Column("gate", String(8)),  # what a person must decide about: plan or patch
    Column("decision", Json),  # what they said, until the graph has taken it
    Column("epoch", Integer, nullable=False),  # which runner may write; see DESIGN, "A flow"
    Column("retakes", Integer, nullable=False),  # see flows/retakes.py
    Column("version", Integer, nullable=False),  # counts transitions; decisions are bound to it
    Column("last_seq", Integer, nullable=False),  # of its newest event
    Column("round", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("stages", Json, nullable=False),  # per stage: model, calls, tokens, cost, duration
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost_usd", Usd, nullable=False),
    Column("approval_hash", String(71)),  # of what was approved; see workspace/bundle.py
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("completed_at", UtcDateTime),
    ForeignKeyConstraint(["user_id", "snapshot_id"], ["snapshots.user_id", "snapshots.id"]),
    Index(None, "user_id", "created_at"),
    Index(None, "status"),
    _rare("status", "status IN ('queued', 'in_progress')"),  # whose turn it is
    Index(None, "completed_at", sqlite_where=text(_ENDED), postgresql_where=text(_ENDED)),
    Index(None, "user_id", "snapshot_id"),
    Index(None, "user_id", "completed_at"),  # null: it has not ended
)

SEARCHED_CHARS = 2000

flow_search = Table(
    "flow_search",  # see flows/search.py; narrow, so that ten thousand are looked through in one go
    metadata,
    Column("flow_id", _id(), ForeignKey("flows.id", ondelete="CASCADE"), primary_key=True),
    Column("user_id", _id(), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("words", String(SEARCHED_CHARS), nullable=False),
    Index(None, "user_id", "created_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", _id(), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("body_hash", LargeBinary(32), nullable=False),
    Column("flow_id", _id(), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "created_at"),
)

flow_steps = Table(
    "flow_steps",
    metadata,
    Column("flow_id", _id(), ForeignKey("flows.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("round", Integer, nullable=False),
    Column("node", String(16), nullable=False),
    Column("model", String(200)),
    Column("status", String(16), nullable=False),
    Column("input", Json, nullable=False),
    Column("output", Text),
    Column("detail", Json, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost_usd", Usd, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
)

flow_step_inputs = Table(
    "flow_step_inputs",  # of steps whose own row has null; see flows/inputs.py
    metadata,
    Column("flow_id", _id(), ForeignKey("flows.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("begins_as", Integer),  # another of these rows, whose first same_bytes this one does not repeat
    Column("same_bytes", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),  # JSON, by zlib
)

effects = Table(
    "effects",  # see flows/effects.py
    metadata,
    Column("flow_id", _id(), ForeignKey("flows.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("call", Integer, primary_key=True),
    Column("request_hash", LargeBinary(32), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("most_input_tokens", Integer, nullable=False),
    Column("most_output_tokens", Integer, nullable=False),
    Column("most_usd", Usd, nullable=False),
    Column("answer", LargeBinary),  # bytes: Postgres' text takes no NUL, and models write it
    Column("started_at", UtcDateTime, nullable=False),
    Column("done_at", UtcDateTime),
)

webhook_deliveries = Table(
    "webhook_deliveries",  # see webhooks/outbox.py
    metadata,
    Column("id", _id(), primary_key=True),
    Column("flow_id", _id(), ForeignKey("flows.id", ondelete="CASCADE"), nullable=False),
    Column("user_id", _id(), nullable=False),
    Column("url", Text, nullable=False),
    Column("host", String(255), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("due_at", UtcDateTime),  # none once it is settled
    Column("created_at", UtcDateTime, nullable=False),
    Index(None, "flow_id"),
    Index(None, "due_at", sqlite_where=text(_PENDING), postgresql_where=text(_PENDING)),
)

# LangGraph's saved state, written by graphs/checkpoints.py; texts, as its author writes them.
flow_checkpoints = Table(
    "flow_checkpoints",
    metadata,
    Column("flow_id", _id(), primary_key=True),
    Column("ns", String(200), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("parent_id", String(64)),
    Column("body", Text, nullable=False),
    Column("meta", Text, nullable=False),
)

flow_checkpoint_writes = Table(
    "flow_checkpoint_writes",
    metadata,
    Column("flow_id", _id(), primary_key=True),
    Column("ns", String(200), primary_key=True),
    Column("checkpoint_id", String(64), primary_key=True),
    Column("task_id", String(64), primary_key=True),
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("task_path", Text, nullable=False),
    Column("channel", String(200), nullable=False),
    Column("body", Text, nullable=False),
)

flow_events = Table(
    "flow_events",
    metadata,
    Column("flow_id", _id(), ForeignKey("flows.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("type", String(32), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("body", Json, nullable=False),
)
