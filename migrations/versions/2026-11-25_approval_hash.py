"""What a flow's approval is bound to."""

import sqlalchemy as sa
from alembic import op

revision = "approval_hash"
down_revision = "flows_in_turn"


def upgrade() -> None:
    op.add_column("flows", sa.Column("approval_hash", sa.String(71)))


def downgrade() -> None:
    op.drop_column("flows", "approval_hash")
