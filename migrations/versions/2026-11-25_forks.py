"""Which flow a flow was forked from."""

import sqlalchemy as sa
from alembic import op

revision = "forks"
down_revision = "approvals"


def upgrade() -> None:
    op.add_column("flows", sa.Column("parent_id", sa.Uuid(as_uuid=False)))
    op.add_column("flows", sa.Column("parent_step", sa.Integer()))


def downgrade() -> None:
    op.drop_column("flows", "parent_step")
    op.drop_column("flows", "parent_id")
