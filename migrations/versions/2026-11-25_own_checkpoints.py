"""Checkpoints in tables of ours. LangGraph's, which its savers made here by themselves, go.

A flow that has no checkpoint goes on from its steps' rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "own_checkpoints"
down_revision = "approval_hash"

THEIRS = ("writes", "checkpoint_writes", "checkpoint_blobs", "checkpoints")


def upgrade() -> None:
    op.create_table(
        "flow_checkpoints",
        sa.Column("flow_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("ns", sa.String(200), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("parent_id", sa.String(64)),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("meta", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("flow_id", "ns", "id", name="pk_flow_checkpoints"),
    )
    op.create_table(
        "flow_checkpoint_writes",
        sa.Column("flow_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("ns", sa.String(200), nullable=False),
        sa.Column("checkpoint_id", sa.String(64), nullable=False),
        sa.Column("task_id", sa.String(64), nullable=False),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("task_path", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "flow_id", "ns", "checkpoint_id", "task_id", "idx", name="pk_flow_checkpoint_writes"
        ),
    )
    _forget_theirs()


def _forget_theirs() -> None:
    """Only what our flows left: the database may hold another program's graphs too."""
    connection = op.get_bind()
    there = set(sa.inspect(connection).get_table_names())
    for name in (name for name in THEIRS if name in there):
        text_id = "CAST(id AS text)" if connection.dialect.name == "postgresql" else _DASHED
        table = sa.table(name, sa.column("thread_id"))
        ours = sa.text(f"SELECT {text_id} FROM flows")  # noqa: S608 - nobody's values
        op.execute(table.delete().where(table.c.thread_id.in_(ours)))
        if connection.execute(sa.select(table).limit(1)).first() is None:
            op.drop_table(name)


_DASHED = (
    "substr(id, 1, 8) || '-' || substr(id, 9, 4) || '-' || substr(id, 13, 4) || '-' || substr(id, 17, 4)"
    " || '-' || substr(id, 21)"
)
"""SQLite keeps our ids without dashes."""


def downgrade() -> None:
    op.drop_table("flow_checkpoint_writes")
    op.drop_table("flow_checkpoints")
