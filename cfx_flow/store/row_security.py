"""Row level security, as each table's migration puts it on (Postgres only).

Two roles meet our tables. ``service_role``, which writes, has every row. ``authenticated`` stands for a
person, whose id is in the transaction's claims: it reads that person's rows, of the columns that it is
granted. ``anon`` gets nothing. FORCE holds the owner of the tables to the same.

**Source**: Supabase's guide "Row Level Security": a policy that wraps ``auth.uid()`` in a SELECT asks once
for a statement, not once for a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, text

Execute = Callable[[str], object]

MINE = "user_id = (SELECT auth.uid())"
OF_MY_FLOWS = "EXISTS (SELECT FROM flows WHERE flows.id = flow_id AND flows.user_id = (SELECT auth.uid()))"
ALL: Sequence[str] = ("*",)
NOTHING: Sequence[str] = ()


def protect(execute: Execute, table: str, is_mine: str = MINE, *, columns: Sequence[str] = ALL) -> None:
    """For a migration that makes a table. ``columns``: what its rows' owner may read.

    What comes later to a table whose columns are named must be granted by the migration that adds it.
    """
    execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    execute(f"CREATE POLICY owner_reads ON {table} FOR SELECT TO authenticated USING ({is_mine})")
    execute(f"CREATE POLICY service_writes ON {table} TO service_role USING (true) WITH CHECK (true)")
    # On Supabase every new table is granted to all of them by default.
    execute(f"REVOKE ALL ON {table} FROM PUBLIC, anon, authenticated, service_role")
    execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO service_role")
    if columns:
        shown = "" if columns is ALL else f" ({', '.join(columns)})"
        execute(f"GRANT SELECT{shown} ON {table} TO authenticated")


@contextmanager
def as_plain_owner(execute: Execute, table: str) -> Iterator[None]:
    """For a migration that reads or changes rows: FORCE would hide all of them from an owner who is no
    superuser."""
    execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    yield
    execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def unprotect(execute: Execute, table: str) -> None:
    execute(f"REVOKE ALL ON {table} FROM authenticated, service_role")
    execute(f"DROP POLICY service_writes ON {table}")
    execute(f"DROP POLICY owner_reads ON {table}")
    execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


def open_queue_to_service(connection: Connection, *, is_ours: bool) -> None:
    """procrastinate's tables are its own: no policies, but nobody else reaches them. ``is_ours``: else
    others use them too, and what those may do stays as it is."""
    found = connection.execute(_QUEUE).all()
    for kind, name in found:
        if is_ours:
            connection.execute(text(f"REVOKE ALL ON {kind} {name} FROM PUBLIC, anon, authenticated"))
        connection.execute(text(f"GRANT ALL ON {kind} {name} TO service_role"))


_QUEUE = text("""
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, oid::regclass::text
    FROM pg_class
    WHERE relname LIKE 'procrastinate\\_%' AND relkind IN ('r', 'S')
        AND relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('procrastinate_jobs'))
    UNION ALL
    SELECT 'FUNCTION', oid::regprocedure::text
    FROM pg_proc
    WHERE proname LIKE 'procrastinate\\_%'
        AND pronamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('procrastinate_jobs'))
""")
