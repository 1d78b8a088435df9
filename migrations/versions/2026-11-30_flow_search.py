"""The words of flows' tasks, beside them, to be searched."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from cfx_flow.flows.search import folded
from cfx_flow.store.row_security import as_plain_owner, protect

revision = "flow_search"
down_revision = "flows_by_their_end"

CHARS = 2000
AT_ONCE = 1000
TAKE = """
INSERT INTO flow_search (flow_id, user_id, created_at, words)
SELECT id, user_id, created_at, substr(task, 1, 2000) FROM flows
"""


def upgrade() -> None:
    op.create_table(
        "flow_search",
        sa.Column("flow_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("user_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.String(CHARS), nullable=False),
        sa.PrimaryKeyConstraint("flow_id", name="pk_flow_search"),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name="fk_flow_search_flow_id_flows", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_flow_search_user_id_created_at", "flow_search", ["user_id", "created_at"])
    is_postgres = op.get_bind().dialect.name == "postgresql"
    if is_postgres:
        with as_plain_owner(op.execute, "flows"):
            _take_tasks()
        protect(op.execute, "flow_search")
        # Compressed, each would have to be unpacked in order to be looked through.
        op.execute("ALTER TABLE flow_search ALTER words SET STORAGE PLAIN")
    else:
        _take_tasks()


def _take_tasks() -> None:
    op.execute(TAKE)
    table = sa.table("flow_search", sa.column("flow_id"), sa.column("words"))
    page = sa.select(table.c.flow_id, table.c.words).order_by(table.c.flow_id).limit(AT_ONCE)
    change = (
        sa.update(table).where(table.c.flow_id == sa.bindparam("id")).values(words=sa.bindparam("folded"))
    )
    connection = op.get_bind()
    rows: Any = connection.execute(page).all()
    while rows:
        found = [{"id": row.flow_id, "folded": folded(row.words)[:CHARS]} for row in rows]
        connection.execute(change, found)
        rows = connection.execute(page.where(table.c.flow_id > rows[-1].flow_id)).all()


def downgrade() -> None:
    op.drop_table("flow_search")
