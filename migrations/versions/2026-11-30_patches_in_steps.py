"""A flow's patch is the output of its newest check that accepted one; the flow's row no longer repeats it."""

import sqlalchemy as sa
from alembic import op

from cfx_flow.store.row_security import as_plain_owner

revision = "patches_in_steps"
down_revision = "step_inputs"

JSON = sa.JSON().with_variant(sa.dialects.postgresql.JSONB(), "postgresql")
FLOWS = sa.table("flows", sa.column("id"), sa.column("patch", sa.Text))
STEPS = sa.table(
    "flow_steps",
    *map(sa.column, ("flow_id", "n", "node", "status", "output")),
    sa.column("detail", JSON),
)


def upgrade() -> None:
    op.drop_column("flows", "patch")


def downgrade() -> None:
    op.add_column("flows", sa.Column("patch", sa.Text))
    if op.get_bind().dialect.name == "postgresql":
        with as_plain_owner(op.execute, "flows"), as_plain_owner(op.execute, "flow_steps"):
            _put_back()
    else:
        _put_back()


def _put_back() -> None:
    accepted = (
        sa.select(STEPS.c.output)
        .where(STEPS.c.flow_id == FLOWS.c.id, STEPS.c.node == "check", STEPS.c.status == "completed")
        .where(STEPS.c.detail["status"].as_string() == "accepted")
        .order_by(STEPS.c.n.desc())
        .limit(1)
        .correlate(FLOWS)
        .scalar_subquery()
    )
    op.execute(sa.update(FLOWS).values(patch=accepted))
