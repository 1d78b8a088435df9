"""What of the settings only shows when a server opens, looked at before: for its start, which then leaves
nothing behind, and for `cfx config check`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator

import structlog

from cfx_flow.accounts.pepper import KEY, given_pepper
from cfx_flow.settings import Settings
from cfx_flow.webhooks.hosts import WebhookHosts

PREFIX = "CFX_"
LEAST_SALT_CHARS = 32
ELSEWHERE = frozenset(
    {"CFX_API_URL", "CFX_API_KEY"}  # of the commands that talk to a server
    | {"CFX_DB_PASSWORD", "CFX_REDIS_PASSWORD", "CFX_PUBLISHED"}  # of docker compose
    | {"CFX_TEST_DATABASE_URL", "CFX_TEST_REDIS_URL", "CFX_TEST_DATA", "CFX_REQUIRE_ALL"}  # of the tests
)
"""ours, and no settings of a server"""

log = structlog.stdlib.get_logger(__name__)


def require_usable(settings: Settings) -> None:
    """Asks nobody and writes nothing. Raises ConfigError."""
    WebhookHosts.read(settings.webhook_hosts)
    if settings.redis_url is not None:
        from cfx_flow.store.quick_redis import pool_of  # here and below: for who needs the library alone

        pool_of(settings.redis_url.get_secret_value())
    if settings.supabase_url is not None and settings.supabase_jwt_secret is not None:
        from cfx_flow.accounts.tokens import require_long

        require_long(settings.supabase_jwt_secret)


def misspelt(names: Iterable[str], known: Collection[str] = ()) -> Iterator[str]:
    """Variables that nobody reads and that look like one that somebody does, each in a sentence. What is
    ignored is not what its operator thinks holds. ``known``: others that are read."""
    read = {name for alias in Settings.aliases() for name in alias if name.startswith(PREFIX)}
    read |= ELSEWHERE | set(known)
    for name in sorted(name for name in names if name.startswith(PREFIX) and name not in read):
        for meant in difflib.get_close_matches(name, sorted(read), n=1, cutoff=0.8):
            yield f"{name} is read by nobody. Did you mean {meant}?"


def guessable(settings: Settings) -> Iterator[str]:
    """Whoever may run flows has a secret that is made from the pepper, and can try out what it is."""
    salt = given_pepper(settings)
    if salt is not None and len(salt.get_secret_value().strip()) < LEAST_SALT_CHARS:
        yield (
            f"{KEY} has fewer than {LEAST_SALT_CHARS} characters: a user who guesses it can sign as this "
            "server does. Set a longer one (openssl rand -hex 32), and this one as CFX_HASH_SALT_PREVIOUS"
        )


def warn(settings: Settings, names: Iterable[str], known: Collection[str]) -> None:
    """Into the log, at a server's start."""
    for sentence in misspelt(names, known):
        log.warning("setting_unknown", reason=sentence)
    for sentence in guessable(settings):
        log.warning("setting_guessable", reason=sentence)
