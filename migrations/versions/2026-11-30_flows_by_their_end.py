"""What a list that is live looks for: a user's flows that have not ended, or have just ended."""

from alembic import op

revision = "flows_by_their_end"
down_revision = "retention"


def upgrade() -> None:
    op.create_index("ix_flows_user_id_completed_at", "flows", ["user_id", "completed_at"])


def downgrade() -> None:
    op.drop_index("ix_flows_user_id_completed_at", "flows")
