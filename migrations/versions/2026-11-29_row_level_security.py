"""Row level security on every table: an owner reads its own rows, the service role writes all."""

from alembic import op

from cfx_flow.store.row_security import NOTHING, OF_MY_FLOWS, protect, unprotect

revision = "row_level_security"
down_revision = "supabase_shim"

MINE = (
    "accounts",
    "audit_log",
    "usage_counters",
    "daily_usage",
    "request_logs",
    "snapshots",
    "flows",
    "webhook_deliveries",
)
OF_FLOWS = ("flow_steps", "flow_events")
KEY_WITHOUT_ITS_HASH = (
    "id",
    "user_id",
    "key_id",
    "label",
    "status",
    "permissions",
    "limits",
    "created_at",
    "expires_at",
    "last_used_at",
)
# How we remember things, which tells its owner nothing: protected alike, and granted to nobody.
INNER_MINE = ("stream_slots", "idempotency_keys")
INNER_OF_FLOWS = ("effects", "flow_checkpoints", "flow_checkpoint_writes")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in MINE:
        protect(op.execute, table)
    protect(op.execute, "api_keys", columns=KEY_WITHOUT_ITS_HASH)
    for table in OF_FLOWS:
        protect(op.execute, table, OF_MY_FLOWS)
    for table in INNER_MINE:
        protect(op.execute, table, columns=NOTHING)
    for table in INNER_OF_FLOWS:
        protect(op.execute, table, OF_MY_FLOWS, columns=NOTHING)
    # Not forced: its owner, who migrates, goes on writing it.
    op.execute("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")
    op.execute("REVOKE ALL ON alembic_version FROM PUBLIC, anon, authenticated, service_role")
    op.execute("GRANT SELECT ON alembic_version TO service_role")
    op.execute("CREATE POLICY service_reads ON alembic_version FOR SELECT TO service_role USING (true)")


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ("api_keys", *MINE, *OF_FLOWS, *INNER_MINE, *INNER_OF_FLOWS):
        unprotect(op.execute, table)
    op.execute("DROP POLICY service_reads ON alembic_version")
    op.execute("ALTER TABLE alembic_version DISABLE ROW LEVEL SECURITY")
    op.execute("REVOKE ALL ON alembic_version FROM service_role")
