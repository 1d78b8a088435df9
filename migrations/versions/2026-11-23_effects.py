"""The journal of paid calls."""

import sqlalchemy as sa
from alembic import op

revision = "effects"
down_revision = "stream_slots"


def upgrade() -> None:
    op.create_table(
        "effects",
        sa.Column("flow_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("call", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("request_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("answer", sa.LargeBinary()),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("flow_id", "step", "call", "request_hash", name="pk_effects"),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name="fk_effects_flow_id_flows", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("effects")
