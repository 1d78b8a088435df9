"""What a flow waits for, and what a person has said."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "approvals"
down_revision = "idempotency_keys"


def upgrade() -> None:
    op.add_column("flows", sa.Column("gate", sa.String(8)))
    op.add_column("flows", sa.Column("decision", sa.JSON().with_variant(JSONB(), "postgresql")))


def downgrade() -> None:
    op.drop_column("flows", "decision")
    op.drop_column("flows", "gate")
