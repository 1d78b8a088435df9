"""Whether a sign-in has been ended in Supabase Auth before its token ends: signed out, banned, deleted.

Its tables are shown to the owner of ours, who migrates, and to neither of the API's roles: the function
answers this one question for the service role. Where there is no Supabase Auth, or one too old to say, or its
tables are not shown to the owner, no sign-in has ended.

**Source**: Supabase's guide "User sessions": a token's ``session_id`` is a row of ``auth.sessions`` for as
long as the session lasts.
"""

from alembic import op

revision = "sign_in_ends"
down_revision = "flow_search"

HAS_ENDED = """
CREATE FUNCTION cfx_sign_in_has_ended(person uuid, session uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF to_regclass('auth.sessions') IS NULL
        OR NOT has_table_privilege('auth.sessions', 'SELECT') OR row_security_active('auth.sessions')
        OR NOT has_table_privilege('auth.users', 'SELECT') OR row_security_active('auth.users')
    THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (
            SELECT FROM auth.users AS its WHERE its.id = person AND its.deleted_at IS NULL
                AND (its.banned_until IS NULL OR its.banned_until <= now())
        )
        OR session IS NOT NULL AND NOT EXISTS (
            SELECT FROM auth.sessions AS its WHERE its.id = session AND its.user_id = person
                AND (its.not_after IS NULL OR its.not_after > now())
        );
EXCEPTION WHEN undefined_column THEN  -- a Supabase Auth from before bans, or soft deletion
    RETURN false;
END $$
"""
NAME = "cfx_sign_in_has_ended(uuid, uuid)"


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(HAS_ENDED)
    # On Supabase every new function is granted to all of them by default, and PostgREST offers it.
    op.execute(f"REVOKE ALL ON FUNCTION {NAME} FROM PUBLIC, anon, authenticated")
    op.execute(f"GRANT EXECUTE ON FUNCTION {NAME} TO service_role")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION {NAME}")
