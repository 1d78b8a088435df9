"""Long inputs of steps in rows of their own, compressed; those from before stay in their steps' rows."""

import json
import zlib
from typing import Any

import sqlalchemy as sa
from alembic import op

from cfx_flow.store.row_security import OF_MY_FLOWS, as_plain_owner, protect

revision = "step_inputs"
down_revision = "sign_in_ends"

MOST_BYTES = 64 * 1024 * 1024
JSON = sa.JSON().with_variant(sa.dialects.postgresql.JSONB(), "postgresql")
LONG = sa.table("flow_step_inputs", *map(sa.column, ("flow_id", "n", "begins_as", "same_bytes", "body")))
STEPS = sa.table("flow_steps", sa.column("flow_id"), sa.column("n"), sa.column("input", JSON))


def upgrade() -> None:
    op.create_table(
        "flow_step_inputs",
        sa.Column("flow_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("begins_as", sa.Integer),
        sa.Column("same_bytes", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("flow_id", "n", name="pk_flow_step_inputs"),
        sa.ForeignKeyConstraint(
            ["flow_id"], ["flows.id"], name="fk_flow_step_inputs_flow_id_flows", ondelete="CASCADE"
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        protect(op.execute, "flow_step_inputs", OF_MY_FLOWS)
        # It is compressed already.
        op.execute("ALTER TABLE flow_step_inputs ALTER body SET STORAGE EXTERNAL")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        with as_plain_owner(op.execute, "flow_step_inputs"), as_plain_owner(op.execute, "flow_steps"):
            _put_back()
    else:
        _put_back()
    op.drop_table("flow_step_inputs")


def _put_back() -> None:
    connection = op.get_bind()
    keys = connection.execute(sa.select(LONG.c.flow_id, LONG.c.n)).all()
    for flow_id, n in keys:
        step = sa.update(STEPS).where(STEPS.c.flow_id == flow_id, STEPS.c.n == n)
        step = step.where(sa.cast(STEPS.c.input, sa.Text) == "null")  # else it began again, with a short one
        connection.execute(step.values(input=_input(connection, flow_id, n)))


def _input(connection: sa.Connection, flow_id: Any, n: int) -> Any:
    """A damaged one is given up: earlier releases take no step without an input."""
    try:
        return json.loads(_encoded(connection, flow_id, n))
    except (zlib.error, ValueError, RecursionError):
        return {}


def _encoded(connection: sa.Connection, flow_id: Any, n: int) -> bytes:
    query = sa.select(LONG).where(LONG.c.flow_id == flow_id, LONG.c.n == n)
    row = connection.execute(query).one_or_none()
    if row is None:
        return b""
    rest = zlib.decompressobj().decompress(row.body, MOST_BYTES)
    if row.begins_as is None or row.begins_as >= n:
        return rest
    return _encoded(connection, flow_id, row.begins_as)[: row.same_bytes] + rest
