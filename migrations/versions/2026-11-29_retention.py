"""What pruning looks for: flows by their end, and the flows of a snapshot."""

import sqlalchemy as sa
from alembic import op

revision = "retention"
down_revision = "row_level_security"

ENDED = sa.text("completed_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_flows_completed_at", "flows", ["completed_at"], sqlite_where=ENDED, postgresql_where=ENDED
    )
    op.create_index("ix_flows_user_id_snapshot_id", "flows", ["user_id", "snapshot_id"])


def downgrade() -> None:
    op.drop_index("ix_flows_user_id_snapshot_id", "flows")
    op.drop_index("ix_flows_completed_at", "flows")
