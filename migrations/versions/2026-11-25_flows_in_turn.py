"""A user's flows that run or wait for their turn, found without looking through those that have ended."""

import sqlalchemy as sa
from alembic import op

revision = "flows_in_turn"
down_revision = "webhooks"

NAME = "ix_flows_user_id_status_created_at"
UNENDED = sa.text("status IN ('queued', 'in_progress')")


def upgrade() -> None:
    columns = ["user_id", "status", "created_at"]
    op.create_index(NAME, "flows", columns, sqlite_where=UNENDED, postgresql_where=UNENDED)


def downgrade() -> None:
    op.drop_index(NAME, "flows")
