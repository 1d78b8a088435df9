"""What a model call that is under way can cost at most: counted, if it never comes to an answer."""

import sqlalchemy as sa
from alembic import op

revision = "broken_off_calls"
down_revision = "retakes"

USD = sa.Numeric(10, 6).with_variant(sa.Float(), "sqlite")
NAMES = {"most_input_tokens": sa.Integer(), "most_output_tokens": sa.Integer(), "most_usd": USD}


def upgrade() -> None:
    for name, kind in NAMES.items():
        op.add_column("effects", sa.Column(name, kind, nullable=False, server_default="0"))


def downgrade() -> None:
    for name in NAMES:
        op.drop_column("effects", name)
