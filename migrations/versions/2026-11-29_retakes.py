"""How often a flow was taken up again without having come further."""

import sqlalchemy as sa
from alembic import op

revision = "retakes"
down_revision = "own_checkpoints"


def upgrade() -> None:
    op.add_column("flows", sa.Column("retakes", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("flows", "retakes")
