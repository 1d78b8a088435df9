"""Whatever the bytes that an upstream sends: an answer in good form, in time, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from tests.campaigns.replies import Case, cases
from tests.support.campaign import generated
from tests.support.raw_client import RawAnswer, answers_in, talk
from tests.support.shapes import LEAKS
from tests.support.watched import Watched, lane

CASES = 5_000
ANSWER_S = 20.0
"""a bound for a case on a busy machine; two silent waits of 0.4 s and a pause are the longest that is meant"""


def chat_request(watched: Watched, number: int, **body: Any) -> bytes:
    """To the lane's own model, with its own key; the server closes after its answer."""
    payload = json.dumps(
        {"model": lane(number), "messages": [{"role": "user", "content": "Hi"}], **body}
    ).encode()
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        b"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n"
        % (watched.keys[number].encode(), len(payload))
    ) + payload


def test_any_upstream_gets_an_answer_in_good_form(watched: Watched, at_rest: dict[str, Any]) -> None:
    """A circuit that opened is half open in the next batch, so each call there is its only probe:
    one that never gave its leave back would be seen as ``circuit_open``."""
    for batch in generated(cases(), CASES):
        watched.state("later")
        watched.upstream.calls.clear()
        found = watched.bench.run(_run_batch(watched, batch))
        assert not found, f"{len(found)} of {len(batch)}:\n" + "\n".join(found[:3])
        watched.settled(at_rest)


async def _run_batch(watched: Watched, batch: Sequence[Case]) -> list[str]:
    """What was wrong, a line a case."""
    found = await asyncio.gather(*(_run(watched, number, case) for number, case in enumerate(batch)))
    return [one for one in found if one]


async def _run(watched: Watched, number: int, case: Case) -> str:
    watched.upstream.scripts[lane(number)] = case.script
    request = chat_request(watched, number, stream=case.streamed, stream_options={"include_usage": True})
    raw = b""
    try:
        raw = await talk(watched.port, request, timeout_s=ANSWER_S)
        (answer,) = answers_in(raw)
        check(answer, case)
    except (AssertionError, ValueError, TimeoutError) as error:
        return f"{type(error).__name__} {error}\n  {case}\n  {raw[-400:]!r}"
    return ""


def check(answer: RawAnswer, case: Case) -> None:
    if answer.status == 200 and case.streamed:
        check_stream(answer)
    elif answer.status == 200:
        reply = answer.json()
        assert isinstance(reply, dict)
        assert isinstance(reply["choices"], list)
        assert reply["choices"]
    else:
        assert 400 <= answer.status < 500 or answer.status == 503, answer.status
        assert answer.status not in {401, 403}, "the caller's key is good"
        check_error(answer.json())


def check_error(body: Any) -> None:
    assert set(body) == {"error"}, body
    error = body["error"]
    assert set(error) == {"message", "type", "param", "code"}, error
    assert isinstance(error["message"], str)
    assert error["message"].strip(), "of a refusal the upstream's own words are kept, however few"
    assert error["code"] not in {"circuit_open", "internal_error"}, error
    assert [leak for leak in LEAKS if leak in error["message"]] == []


def check_stream(answer: RawAnswer) -> None:
    """Whole events, the last one ``[DONE]`` or an error, never both."""
    assert answer.headers["content-type"].startswith("text/event-stream")
    text = answer.body.decode()
    assert text.endswith("\n\n")
    assert "\r" not in text
    events = text.removesuffix("\n\n").split("\n\n")
    assert all(event and not event.startswith("\n") for event in events), events
    last = events[-1].removeprefix("data: ")
    if last != "[DONE]":
        error = json.loads(last)
        error.pop("cfx", None)
        check_error(error)
    assert events[:-1].count("data: [DONE]") == 0
