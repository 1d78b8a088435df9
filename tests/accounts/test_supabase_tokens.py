"""Supabase's access tokens: who gets in, which forgeries do not, and what happens while its keys are away."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update

from cfx_flow.accounts.audit import read_audit
from cfx_flow.accounts.jwks import AGAIN_S, FRESH_S, MAX_BYTES, USABLE_S, Jwks, fetch
from cfx_flow.accounts.signed_in import SignedIn
from cfx_flow.accounts.tokens import Tokens
from cfx_flow.errors import ConfigError, InvalidApiKey, StoreUnavailable
from cfx_flow.store.engine import Store
from cfx_flow.store.tables import accounts
from tests.support.clock import FakeClock
from tests.support.stores import eventually, heard
from tests.support.supabase import ADA, PATH, RSA, SECRET, SupabaseProject, ec_key, public, supabase_project


@pytest.fixture
def project() -> Iterator[SupabaseProject]:
    with supabase_project() as project:
        yield project


@dataclass
class House:
    project: SupabaseProject
    clock: FakeClock
    store: Store
    people: SignedIn


@pytest.fixture
async def house(project: SupabaseProject, store: Store) -> AsyncIterator[House]:
    clock = FakeClock(datetime.now(UTC))
    jwks = Jwks(project.url + PATH, clock)
    people = SignedIn(Tokens(project.url, jwks, SecretStr(SECRET)), store, clock, 1000, 2)
    yield House(project, clock, store, people)
    await people.close()


async def account_of(store: Store, user_id: str = ADA) -> Any:
    async with store.read() as connection:
        return (await connection.execute(select(accounts).where(accounts.c.user_id == user_id))).one()


@pytest.mark.parametrize("kid", ["es", "rs"])
async def test_a_token_that_a_key_of_the_project_signed_lets_in(house: House, kid: str) -> None:
    principal = await house.people.authenticate(house.project.token(kid))
    assert (principal.user_id, principal.name, principal.role) == (ADA, "ada@example.com", "user")
    assert (principal.api_key_id, principal.daily_limit, principal.permissions) == (None, 1000, frozenset())


async def test_a_token_that_the_shared_secret_signed_lets_in(house: House) -> None:
    assert (await house.people.authenticate(house.project.shared_secret_token())).user_id == ADA
    assert house.project.asked == 0


async def test_the_first_sign_in_makes_the_account_and_the_next_ones_find_it(house: House) -> None:
    tokens = [house.project.token() for _ in range(5)]
    principals = await asyncio.gather(*map(house.people.authenticate, tokens))
    assert {principal.user_id for principal in principals} == {ADA}
    async with house.store.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(accounts))).scalar() == 1
    rows, _ = await read_audit(house.store, user_id=ADA, limit=10)
    assert [(row.actor, row.action, row.detail) for row in rows] == [
        ("the server", "user.created", {"signed_in": True})
    ]


async def test_many_with_one_sign_in_ask_the_database_once(house: House) -> None:
    token = house.project.token()
    await house.people.authenticate(token)  # makes the account, and opens what is listened to
    house.people.forget()
    asked = heard(house.store)
    everyone = await asyncio.gather(*(house.people.authenticate(token) for _ in range(20)))
    assert {principal.user_id for principal in everyone} == {ADA}
    assert sum("FROM accounts" in statement for statement in asked) == 1


async def test_who_finds_their_name_taken_is_called_by_their_id(house: House) -> None:
    other = "9d1f6f62-3f0a-4f57-9a43-1f6c9e5b7a09"
    await house.people.authenticate(house.project.token())
    assert (await house.people.authenticate(house.project.token(sub=other))).name == other


@pytest.mark.parametrize("email", ["", " bob@example.com", "bob@example.com ", "b\nb@example.com", "b" * 201])
async def test_who_has_an_address_that_can_be_no_name_is_called_by_their_id(house: House, email: str) -> None:
    assert (await house.people.authenticate(house.project.token(email=email))).name == ADA


async def test_the_account_decides_about_role_limit_and_whether_at_all(house: House) -> None:
    await house.people.authenticate(house.project.token())
    await change(house, role="admin", daily_limit=7)
    principal = await house.people.authenticate(house.project.token())
    assert (principal.role, principal.daily_limit) == ("admin", 7)


async def test_a_disabled_user_is_out_within_five_seconds(house: House) -> None:
    token = house.project.token()
    await house.people.authenticate(token)
    await change(house, disabled_at=house.clock.now())
    house.clock.advance(seconds=5.01)
    with pytest.raises(InvalidApiKey, match="disabled"):
        await house.people.authenticate(token)


async def change(house: House, **values: Any) -> None:
    async with house.store.transaction() as connection:
        await connection.execute(update(accounts).where(accounts.c.user_id == ADA).values(**values))


async def test_a_token_is_read_once_in_five_seconds(house: House) -> None:
    token = house.project.token()
    one = await house.people.authenticate(token)
    assert await house.people.authenticate(token) is one


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(project: SupabaseProject, header: object, signature: bytes = b"", **changes: Any) -> str:
    return f"{part(header)}.{part(project.claims(**changes))}.{part(signature)}"


def with_header(project: SupabaseProject, **header: Any) -> str:
    return jwt.encode(project.claims(), project.keys["es"][1], "ES256", headers={"kid": "es", **header})


def signed_with_the_public_key(project: SupabaseProject) -> str:
    """The classic: the server's public key as the secret of an HMAC."""
    from cryptography.hazmat.primitives import hashes, hmac, serialization

    pem = RSA.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = by_hand(project, {"alg": "HS256", "kid": "rs", "typ": "JWT"}).rpartition(".")[0]
    mac = hmac.HMAC(pem, hashes.SHA256())
    mac.update(body.encode())
    return f"{body}.{part(mac.finalize())}"


def tampered(token: str, **changes: Any) -> str:
    header, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    return f"{header}.{part(claims | changes)}.{signature}"


def own_key_inside(project: SupabaseProject) -> str:
    key = ec_key()
    header = {"kid": "es", "jwk": public("es", "ES256", key)}
    return jwt.encode(project.claims(), key, "ES256", headers=header)


Forge = Callable[[SupabaseProject], str]
NOW = int(time.time())
OTHER = "1d1f6f62-3f0a-4f57-9a43-1f6c9e5b7a02"
FORGED: dict[str, Forge] = {
    "no signature, alg none": lambda p: by_hand(p, {"alg": "none", "kid": "es"}),
    "alg None": lambda p: by_hand(p, {"alg": "None", "kid": "es"}),
    "alg nOnE and a signature": lambda p: by_hand(p, {"alg": "nOnE", "kid": "es"}, b"x" * 64),
    "alg empty": lambda p: by_hand(p, {"alg": "", "kid": "es"}),
    "alg missing": lambda p: by_hand(p, {"kid": "es"}),
    "alg a list": lambda p: by_hand(p, {"alg": ["ES256"], "kid": "es"}),
    "header no object": lambda p: by_hand(p, ["ES256"]),
    "header no JSON": lambda p: by_hand(p, b"{"),
    "header no text": lambda p: by_hand(p, b"\xff\xfe"),
    "empty signature": lambda p: by_hand(p, {"alg": "ES256", "kid": "es"}),
    "signature of zeros": lambda p: by_hand(p, {"alg": "ES256", "kid": "es"}, b"\0" * 64),
    "signature of another length": lambda p: by_hand(p, {"alg": "ES256", "kid": "es"}, b"\1" * 63),
    "the public key as a secret": signed_with_the_public_key,
    "another project's key": lambda p: jwt.encode(p.claims(), ec_key(), "ES256", headers={"kid": "es"}),
    "its own key in the header": own_key_inside,
    "unknown kid": lambda p: with_header(p, kid="of nobody"),
    "kid a path": lambda p: with_header(p, kid="../../dev/null"),
    "kid a number": lambda p: by_hand(p, {"alg": "ES256", "kid": 1}),
    "no kid": lambda p: jwt.encode(p.claims(), p.keys["es"][1], "ES256"),
    "kid of the other algorithm": lambda p: jwt.encode(p.claims(), RSA.key, "RS256", headers={"kid": "es"}),
    "RS384": lambda p: jwt.encode(p.claims(), RSA.key, "RS384", headers={"kid": "rs"}),
    "PS256": lambda p: jwt.encode(p.claims(), RSA.key, "PS256", headers={"kid": "rs"}),
    "HS512 with the secret": lambda p: jwt.encode(p.claims(), SECRET.ljust(64, "x"), "HS512"),
    "another secret": lambda p: p.shared_secret_token("x" * 40),
    "critical header": lambda p: with_header(p, crit=["exp"]),
    "unencoded payload": lambda p: by_hand(p, {"alg": "ES256", "kid": "es", "b64": False}, b"x" * 64),
    "other user's id put in": lambda p: tampered(p.token(), sub=OTHER),
    "role put in": lambda p: tampered(p.token(), role="service_role"),
    "time added": lambda p: tampered(p.token(), exp=NOW + 10**6),
    "ended": lambda p: p.token(exp=NOW - 60),
    "end a word": lambda p: p.token(exp="tomorrow"),
    "end without measure": lambda p: p.token(exp=1e308),
    "no end": lambda p: p.token(exp=None),
    "not yet valid": lambda p: p.token(nbf=NOW + 3600),
    "issued in the future": lambda p: p.token(iat=NOW + 3600),
    "not said when issued": lambda p: p.token(iat=None),
    "another project": lambda p: p.token(iss="https://other.supabase.co/auth/v1"),
    "issuer with a suffix": lambda p: p.token(iss=f"{p.url}/auth/v1.evil.example"),
    "issuer a list": lambda p: p.token(iss=[f"{p.url}/auth/v1"]),
    "no issuer": lambda p: p.token(iss=None),
    "another audience": lambda p: p.token(aud="anon"),
    "several audiences": lambda p: p.token(aud=["authenticated", "other"]),
    "no audience": lambda p: p.token(aud=None),
    "the project's public API key": lambda p: p.shared_secret_token(role="anon", sub=None, iss="supabase"),
    "the project's service key": lambda p: p.shared_secret_token(role="service_role", sub=None),
    "role service_role of a user": lambda p: p.token(role="service_role"),
    "no role": lambda p: p.token(role=None),
    "no subject": lambda p: p.token(sub=None),
    "subject no uuid": lambda p: p.token(sub="admin"),
    "subject with more behind": lambda p: p.token(sub=f"{ADA}' OR true"),
    "subject a number": lambda p: p.token(sub=1),
    "without an account": lambda p: p.token(is_anonymous=True),
    "payload no object": lambda p: f"{part({'alg': 'HS256'})}.{part([])}.{part(b'x' * 32)}",
    "nothing but dots": lambda _: "..",
    "of great length": lambda p: p.token(more="x" * 9000),
    "one part too many": lambda p: p.token() + ".e30",
}


@pytest.mark.parametrize("name", FORGED)
async def test_forged_token_is_refused_and_makes_no_account(
    project: SupabaseProject, sqlite_store: Store, name: str
) -> None:
    jwks = Jwks(project.url + PATH, FakeClock())
    tokens = Tokens(project.url, jwks, SecretStr(SECRET))
    people = SignedIn(tokens, sqlite_store, FakeClock(datetime.now(UTC)), 1000, 2)
    with pytest.raises(InvalidApiKey) as refused:
        await people.authenticate(FORGED[name](project))
    assert "sign" in refused.value.message.lower()
    async with sqlite_store.read() as connection:
        assert (await connection.execute(select(accounts))).all() == []
    await people.close()


def test_there_are_at_least_thirty_forgeries() -> None:
    assert len(FORGED) >= 30


async def test_without_the_secret_no_token_of_it_is_read(project: SupabaseProject) -> None:
    tokens = Tokens(project.url, Jwks(project.url + PATH, FakeClock()))
    with pytest.raises(InvalidApiKey):
        await tokens.read(project.shared_secret_token())
    await tokens.close()


def test_a_secret_that_could_be_guessed_is_refused_at_start(project: SupabaseProject) -> None:
    with pytest.raises(ConfigError, match="less than 32 bytes"):
        Tokens(project.url, Jwks(project.url + PATH, FakeClock()), SecretStr("secret"))


# The keys ---------------------------------------------------------------------------------


async def test_the_keys_are_fetched_once_for_many(house: House) -> None:
    house.project.delay_s = 0.05
    await asyncio.gather(*(house.people.authenticate(house.project.token(kid)) for kid in ("es", "rs") * 5))
    assert house.project.asked == 1


async def test_invented_ids_of_keys_are_asked_for_at_most_every_ten_seconds(house: House) -> None:
    for n in range(20):
        with pytest.raises(InvalidApiKey):
            await house.people.authenticate(with_header(house.project, kid=f"of nobody {n}"))
    assert house.project.asked == 1
    house.clock.advance(seconds=AGAIN_S)
    with pytest.raises(InvalidApiKey):
        await house.people.authenticate(with_header(house.project, kid="of nobody again"))
    assert house.project.asked == 2


async def test_a_new_key_is_found_when_it_first_signs(house: House) -> None:
    await house.people.authenticate(house.project.token())
    house.project.keys["new"] = ("ES256", ec_key())
    house.clock.advance(seconds=AGAIN_S)
    assert (await house.people.authenticate(house.project.token("new"))).user_id == ADA


async def test_a_withdrawn_key_opens_nothing_once_the_keys_were_fetched_again(house: House) -> None:
    withdrawn = [house.project.token() for _ in range(2)]
    await house.people.authenticate(withdrawn[0])
    del house.project.keys["es"]
    house.clock.advance(seconds=FRESH_S + 1)
    await house.people.authenticate(house.project.token("rs"))
    await eventually(lambda: house.project.asked == 2)
    await house.people.close()
    with pytest.raises(InvalidApiKey):
        await house.people.authenticate(withdrawn[1])


@pytest.mark.parametrize(
    "answer",
    [
        (503, b""),
        (200, b"{"),
        (200, b"[]"),
        (200, b'{"keys": 1}'),
        (200, b"[" * MAX_BYTES),
        (200, b"x" * (MAX_BYTES + 1)),
        (204, b""),
        (404, b""),
    ],
    ids=["503", "half", "list", "number", "deep", "huge", "nothing", "404"],
)
async def test_keys_outlast_an_outage_of_who_publishes_them(house: House, answer: tuple[int, bytes]) -> None:
    await house.people.authenticate(house.project.token())
    house.project.answer = answer
    for _ in range(3):
        house.clock.advance(seconds=FRESH_S + 1)
        await house.people.authenticate(house.project.token(exp=NOW + 10**6))
    await house.people.close()
    assert house.project.asked > 1


async def test_keys_that_drip_are_given_up_after_the_deadline_as_a_whole(project: SupabaseProject) -> None:
    """Each read is answered in time; together they never end."""
    project.drips = True
    with pytest.raises(TimeoutError):
        await fetch(project.url + PATH, deadline_s=0.5)


async def test_while_old_keys_are_fetched_anew_nobody_waits(house: House) -> None:
    await house.people.authenticate(house.project.token())
    house.project.speaks.clear()
    house.clock.advance(seconds=FRESH_S + 1)
    for _ in range(3):
        await house.people.authenticate(house.project.token(exp=NOW + 10**6))
    await eventually(lambda: house.project.asked == 2)
    house.project.speaks.set()


async def test_keys_of_yesterday_are_trusted_no_more(house: House) -> None:
    await house.people.authenticate(house.project.token())
    house.project.answer = (503, b"")
    house.clock.advance(seconds=USABLE_S + 1)
    with pytest.raises(StoreUnavailable, match="cannot be fetched"):
        await house.people.authenticate(house.project.token(exp=NOW + 10**6))


async def test_while_no_key_is_known_one_is_told_to_come_again(house: House) -> None:
    house.project.answer = (503, b"")
    with pytest.raises(StoreUnavailable, match="cannot be fetched") as unknown:
        await house.people.authenticate(house.project.token())
    assert (unknown.value.code, unknown.value.headers["retry-after"]) == ("sign_in_unavailable", "10")
    house.project.answer = None
    house.clock.advance(seconds=AGAIN_S)
    assert (await house.people.authenticate(house.project.token())).user_id == ADA


async def test_a_redirect_to_other_keys_is_not_followed(house: House) -> None:
    with supabase_project() as other:
        house.project.answer = (302, (other.url + PATH).encode())
        with pytest.raises(StoreUnavailable):
            await house.people.authenticate(house.project.token())
        assert other.asked == 0


async def test_keys_that_may_not_check_a_signature_are_left_out(house: House) -> None:
    good = public("es", *house.project.keys["es"])
    strange: list[Any] = [
        good | {"kid": "enc", "use": "enc"},
        good | {"kid": "alg", "alg": "HS256"},
        {"kid": "oct", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {name: value for name, value in good.items() if name != "kid"},
        good | {"kid": "broken", "x": "!"},
        "no object",
    ]
    house.project.answer = (200, json.dumps({"keys": [*strange, good]}).encode())
    assert (await house.people.authenticate(house.project.token())).user_id == ADA
    for kid in ("enc", "alg", "oct", "broken"):
        with pytest.raises(InvalidApiKey):
            await house.people.authenticate(with_header(house.project, kid=kid))
