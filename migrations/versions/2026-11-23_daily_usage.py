"""Usage per day, stage and model, summed as the request log is written; indexes for what people look for."""

import sqlalchemy as sa
from alembic import op

revision = "daily_usage"
down_revision = "first_light"

ID = sa.Uuid(as_uuid=False)
LOGS = "request_logs"


def upgrade() -> None:
    op.create_table(
        "daily_usage",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("rate_limited", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost_micro_usd", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day", "stage", "model", name="pk_daily_usage"),
    )
    op.execute(SUM_UP_WHAT_IS_THERE.format(day=_day_of_created_at()))
    _index("status", "status <> 'success'")
    _index("session_id", "session_id IS NOT NULL")


def _day_of_created_at() -> str:
    if op.get_bind().dialect.name == "postgresql":
        return "CAST(created_at AT TIME ZONE 'UTC' AS date)"
    return "substr(created_at, 1, 10)"


def _index(column: str, where: str) -> None:
    """Of the few rows that one looks for, so that the many cost nothing when they are written."""
    op.create_index(
        f"ix_{LOGS}_user_id_{column}_created_at",
        LOGS,
        ["user_id", column, "created_at"],
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )


SUM_UP_WHAT_IS_THERE = """
INSERT INTO daily_usage
SELECT user_id, {day}, coalesce(stage, ''), coalesce(model, ''), count(*),
       sum(CASE WHEN status = 'error' THEN 1 ELSE 0 END),
       sum(CASE WHEN status = 'rate_limited' THEN 1 ELSE 0 END),
       sum(CASE WHEN status = 'cancelled' THEN 1 ELSE 0 END),
       sum(input_tokens), sum(output_tokens), sum(CAST(round(cost_usd * 1000000) AS bigint))
FROM request_logs GROUP BY 1, 2, 3, 4
"""


def downgrade() -> None:
    for column in ("session_id", "status"):
        op.drop_index(f"ix_{LOGS}_user_id_{column}_created_at", LOGS)
    op.drop_table("daily_usage")
