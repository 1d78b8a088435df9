"""Stream slots as leases; what an addition to a daily counter was granted."""

import sqlalchemy as sa
from alembic import op

revision = "stream_slots"
down_revision = "daily_usage"


def upgrade() -> None:
    op.create_table(
        "stream_slots",
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_id", sa.String(200)),
        sa.Column("message_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "slot", name="pk_stream_slots"),
    )
    op.add_column("usage_counters", sa.Column("granted", sa.Integer()))


def downgrade() -> None:
    op.drop_column("usage_counters", "granted")
    op.drop_table("stream_slots")
