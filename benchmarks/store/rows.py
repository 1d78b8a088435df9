"""Fills a Postgres: log rows with their sums, flows with steps and events; a fifth is one heavy user's."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal

import psycopg

from cfx_flow.flows.model import Budget, FlowOptions

HEAVY = str(uuid.UUID(int=1))
USERS = 100
DAYS = 60
_BUDGET = Budget(Decimal(1), 300_000, 1800)
OPTIONS = json.dumps(FlowOptions(max_rounds=3, max_fixes=2, budget=_BUDGET).to_json())

_OWNER = "CASE WHEN n % 5 = 0 THEN 1 ELSE 2 + n % {others} END"
"""the number of a row's user"""
_ID = "lpad(to_hex({number}), 32, '0')::uuid"
_AT = "timestamptz '2026-11-29 12:00Z' - make_interval(secs => n * {step_s})"

_LOGS = """
INSERT INTO request_logs (id, user_id, request_id, session_id, stage, model, input_tokens, output_tokens,
    total_tokens, estimated, cost_usd, latency_ms, ttft_ms, status, created_at)
SELECT gen_random_uuid(), {user}, gen_random_uuid(), 'session ' || n / 50,
    (ARRAY['plan', 'code', 'review', 'direct'])[1 + n % 4],
    (ARRAY['claude-sonnet-4-5', 'deepseek-v3', 'gpt-4o-mini'])[1 + n % 3],
    1000 + n % 900, n % 400, 1000 + n % 900 + n % 400, false, (n % 1000) * 0.000001, 400 + n % 5000, n % 900,
    CASE WHEN n % 97 = 0 THEN 'error' WHEN n % 211 = 0 THEN 'rate_limited' ELSE 'success' END, {at}
FROM generate_series(1, {count}) AS n
"""
_SUMS = """
INSERT INTO daily_usage
SELECT user_id, CAST(created_at AT TIME ZONE 'UTC' AS date), stage, model, count(*),
    count(*) FILTER (WHERE status = 'error'), count(*) FILTER (WHERE status = 'rate_limited'), 0,
    sum(input_tokens), sum(output_tokens), sum(CAST(round(cost_usd * 1000000) AS bigint))
FROM request_logs GROUP BY 1, 2, 3, 4
"""
_ACCOUNTS = """
INSERT INTO accounts (user_id, name, role, created_at)
SELECT {user}, 'user ' || n, 'user', now() FROM generate_series(1, {count}) AS n
"""
_KEYS = """
INSERT INTO api_keys (id, user_id, key_id, key_hash, status, permissions, limits, created_at)
SELECT gen_random_uuid(), {user}, 'key' || n, decode(lpad(to_hex(n), 64, '0'), 'hex'), 'active',
    '[]', '{{}}', {at}
FROM generate_series(1, {count}) AS n
"""
_SNAPSHOTS = """
INSERT INTO snapshots (user_id, id, file_count, total_bytes, archive, created_at)
SELECT user_id, 'sha256:0', 1, 1, '', now() FROM accounts
"""
_FLOWS = """
INSERT INTO flows (id, user_id, request_id, status, task, snapshot_id, options, epoch, version, last_seq,
    round, step, stages, input_tokens, output_tokens, cost_usd, created_at)
SELECT {id}, {user}, gen_random_uuid(),
    CASE WHEN n <= 20 THEN 'in_progress' WHEN n % 7 = 0 THEN 'rejected' ELSE 'approved' END,
    'Task ' || n || repeat(' in words', 30), 'sha256:0', '{options}', 1, 3, 8, 1, 3, '{{}}',
    4000, 900, 0.01, {at}
FROM generate_series(1, {count}) AS n
"""
_SEARCH = """
INSERT INTO flow_search (flow_id, user_id, created_at, words)
SELECT id, user_id, created_at, lower(task) FROM flows
"""
_STEPS = """
INSERT INTO flow_steps (flow_id, n, round, node, model, status, input, output, detail, attempts, input_tokens,
    output_tokens, cost_usd, started_at)
SELECT id, n, 1, (ARRAY['plan', 'check', 'review'])[n], 'deepseek-v3', 'completed', '{{}}',
    repeat('+line' || chr(10), 100), '{{"status": "accepted"}}', 1, 10, 10, 0.001, created_at
FROM flows, generate_series(1, 3) AS n
"""
_EVENTS = """
INSERT INTO flow_events (flow_id, seq, type, at, body)
SELECT id, n, 'step.completed', created_at, '{{"step": 1}}' FROM flows, generate_series(1, 8) AS n
"""


def fill(url: str, *, logs: int, flows: int) -> None:
    """As the owner of the tables, in minutes at most."""
    user = _ID.format(number=_OWNER.format(others=USERS - 1))
    plain_user = _ID.format(number="n")
    span_s = DAYS * 86_400
    with psycopg.connect(url) as connection:
        for statement, count, owner, step_s in (
            (_ACCOUNTS, USERS, plain_user, 1),
            (_KEYS, USERS * 20, user, 60),
            (_LOGS, logs, user, span_s / logs),
            (_SUMS, None, user, 1),
            (_SNAPSHOTS, None, user, 1),
            (_FLOWS, flows, user, span_s / flows),
            (_SEARCH, None, user, 1),
            (_STEPS, None, user, 1),
            (_EVENTS, None, user, 1),
        ):
            meanings = {"user": owner, "at": _AT.format(step_s=step_s), "id": plain_user, "count": count}
            connection.execute(statement.format(**meanings, options=OPTIONS))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
