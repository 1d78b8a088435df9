"""What Supabase has and a plain Postgres lacks: the API's roles, ``auth.users``, ``auth.uid()``.

Each part is made where it is absent; on Supabase nothing is. The login role ``cfx_app`` is made without a
password, and so cannot log in before ``cfx migrate`` is given one (CFX_APP_PASSWORD) or an operator sets it.

Roles belong to the whole server, which may hold other databases: going down leaves them.

**Source**: supabase/postgres, ``init-scripts``, for roles and ``auth.uid()``.
"""

import sqlalchemy as sa
from alembic import op

revision = "supabase_shim"
down_revision = "audit_log"

API_ROLES = ("anon", "authenticated", "service_role")
OURS = "cfx-flow: stands in for Supabase Auth"


def upgrade() -> None:
    _keys_go_with_their_account(ondelete="CASCADE")
    if op.get_bind().dialect.name != "postgresql":
        return
    for role in (*API_ROLES, "cfx_app"):
        op.execute(MAKE_ROLE.format(role=role))
    for role in ("authenticated", "service_role"):
        op.execute(MAKE_MEMBERS.format(role=role))
    op.execute("GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role")
    if not _is_there("to_regnamespace('auth')"):
        op.execute("CREATE SCHEMA auth")
        op.execute(f"COMMENT ON SCHEMA auth IS '{OURS}'")
        op.execute("GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role")
    if not _is_there("to_regprocedure('auth.uid()')"):
        op.execute(UID)
        op.execute(f"COMMENT ON FUNCTION auth.uid() IS '{OURS}'")
    if not _is_there("to_regclass('auth.users')"):
        _make_users()
    _refer_to_users()


def _make_users() -> None:
    """Whoever gets an account becomes a user: nobody else signs them up."""
    op.execute("CREATE TABLE auth.users (id uuid PRIMARY KEY)")
    op.execute(f"COMMENT ON TABLE auth.users IS '{OURS}'")
    op.execute("INSERT INTO auth.users SELECT user_id FROM accounts")
    op.execute(MAKE_USER)
    op.execute(
        "CREATE TRIGGER cfx_make_user BEFORE INSERT ON accounts"
        " FOR EACH ROW EXECUTE FUNCTION auth.cfx_make_user()"
    )


def _refer_to_users() -> None:
    """Accounts that were made on a Supabase before this, by name, stay: its users know nothing of them."""
    has_strangers = op.get_bind().scalar(
        sa.text("SELECT EXISTS (SELECT FROM accounts WHERE user_id NOT IN (SELECT id FROM auth.users))")
    )
    op.execute(
        "ALTER TABLE accounts ADD CONSTRAINT fk_accounts_user_id_users"
        " FOREIGN KEY (user_id) REFERENCES auth.users (id) ON DELETE CASCADE"
        + (" NOT VALID" if has_strangers else "")
    )


def _keys_go_with_their_account(ondelete: str | None) -> None:
    """So that whoever is deleted in Supabase Auth is gone here too."""
    name = "fk_api_keys_user_id_accounts"
    with op.batch_alter_table("api_keys") as batch:
        batch.drop_constraint(name)
        batch.create_foreign_key(name, "accounts", ["user_id"], ["user_id"], ondelete=ondelete)


def _is_there(expression: str) -> bool:
    return op.get_bind().scalar(sa.text(f"SELECT {expression} IS NOT NULL")) is True


# Another database of the same server may be migrated at this moment.
MAKE_ROLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
        CREATE ROLE {role} NOLOGIN NOINHERIT;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

# The second grant: so that one role may own the tables, migrate and serve, where that is enough. An
# administrator may have made it; who makes a role is since Postgres 16 a member that may not become it.
MAKE_MEMBERS = """
DO $$ BEGIN
    IF NOT pg_has_role('cfx_app', '{role}', 'MEMBER') THEN
        GRANT {role} TO cfx_app;
    END IF;
    IF NOT pg_has_role(current_user, '{role}',
            CASE WHEN current_setting('server_version_num')::int < 160000 THEN 'MEMBER' ELSE 'SET' END) THEN
        GRANT {role} TO CURRENT_USER;
    END IF;
EXCEPTION WHEN unique_violation THEN NULL;
END $$
"""

UID = """
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
    )::uuid
$$
"""

MAKE_USER = """
CREATE FUNCTION auth.cfx_make_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO auth.users (id) VALUES (NEW.user_id) ON CONFLICT DO NOTHING;
    RETURN NEW;
END $$
"""


def downgrade() -> None:
    _keys_go_with_their_account(ondelete=None)
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE accounts DROP CONSTRAINT fk_accounts_user_id_users")
    op.execute("DROP TRIGGER IF EXISTS cfx_make_user ON accounts")
    op.execute("DROP FUNCTION IF EXISTS auth.cfx_make_user()")
    for kind, name, of in (
        ("TABLE", "auth.users", "to_regclass('auth.users'), 'pg_class'"),
        ("FUNCTION", "auth.uid()", "to_regprocedure('auth.uid()'), 'pg_proc'"),
        ("SCHEMA", "auth", "to_regnamespace('auth'), 'pg_namespace'"),
    ):
        if op.get_bind().scalar(sa.text(f"SELECT obj_description({of})")) == OURS:
            op.execute(f"DROP {kind} {name}")
