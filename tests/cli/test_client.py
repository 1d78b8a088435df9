from __future__ import annotations

import socket

import pytest

from cli.client import ApiError, Client, sse_data
from cli.credentials import Credentials
from cli.exits import CommandError, Exit
from tests.cli.recorded import Recorder, mended_flow
from tests.cli.scripted_api import ScriptedApi, frames

EVENTS = "/v1/flows/f1/events"


def client_of(api: ScriptedApi, *, reconnect_for_s: float = 30.0) -> Client:
    return Client(Credentials(api.url, "cfx_key"), sleep=lambda _: None, reconnect_for_s=reconnect_for_s)


def test_events_come_once_and_in_order(api: ScriptedApi) -> None:
    rows = mended_flow().rows
    api.stream(EVENTS, b": ping\n\n" + frames(rows))
    with client_of(api) as client:
        assert [event.raw for event in client.events("f1")] == rows
    assert api.headers_of(EVENTS)[0]["authorization"] == "Bearer cfx_key"


def test_lost_stream_is_taken_up_where_it_broke(api: ScriptedApi) -> None:
    rows = mended_flow().rows
    api.stream(EVENTS, frames(rows[:3]), cut_short=True)
    api.error(EVENTS, 503, "draining", "unavailable")
    api.error(EVENTS, 429, "20 of your event streams are open. Close one.", "code")
    api.stream(EVENTS, frames(rows[:5]))  # a server that replays too much
    api.stream(EVENTS, frames(rows[5:]))
    with client_of(api) as client:
        assert [event.seq for event in client.events("f1")] == [row["seq"] for row in rows]
    assert [headers["last-event-id"] for headers in api.headers_of(EVENTS)] == ["0", "3", "3", "3", "5"]


def test_a_stream_that_asks_to_come_back_is_taken_up_where_it_ended(api: ScriptedApi) -> None:
    rows = mended_flow().rows
    wish = b'retry: 1000\nevent: stream.reconnect\ndata: {"type":"stream.reconnect"}\n\n'
    api.stream(EVENTS, frames(rows[:2]) + wish)
    api.stream(EVENTS, frames(rows[2:]))
    with client_of(api) as client:
        assert [event.raw for event in client.events("f1")] == rows
    assert [headers["last-event-id"] for headers in api.headers_of(EVENTS)] == ["0", "2"]


def test_a_resumed_flow_is_followed_to_its_last_end(api: ScriptedApi) -> None:
    record = Recorder()
    for type_ in ("flow.queued", "flow.completed", "flow.resumed", "flow.completed"):
        record(type_, {})
    api.stream(EVENTS, frames(record.rows))
    with client_of(api) as client:
        assert [event.type for event in client.events("f1")][-2:] == ["flow.resumed", "flow.completed"]
    assert len(api.headers_of(EVENTS)) == 1


def test_server_that_stays_away_is_given_up(api: ScriptedApi) -> None:
    api.stream(EVENTS, b"")
    with (
        client_of(api, reconnect_for_s=0.1) as client,
        pytest.raises(ApiError, match="no CF-X server") as raised,
    ):
        list(client.events("f1"))
    assert raised.value.exit is Exit.UNREACHABLE


@pytest.mark.parametrize(("status", "exit"), [(429, Exit.USAGE), (503, Exit.UNREACHABLE)])
def test_server_that_refuses_for_long_has_the_last_word(api: ScriptedApi, status: int, exit: Exit) -> None:
    """It is there: who hears that it is not looks in the wrong place. And no flow has failed."""
    api.error(EVENTS, status, "20 of your event streams are open. Close one.", "code")
    with (
        client_of(api, reconnect_for_s=0.0) as client,
        pytest.raises(ApiError, match="event streams are open") as raised,
    ):
        list(client.events("f1"))
    assert (raised.value.status, raised.value.exit) == (status, exit)


def test_event_stream_that_is_refused_is_not_tried_again(api: ScriptedApi) -> None:
    api.error(EVENTS, 404, "There is no flow f1.", "not_found")
    with client_of(api) as client, pytest.raises(ApiError, match="There is no flow f1"):
        list(client.events("f1"))
    assert len(api.seen) == 1


def test_line_separators_inside_json_do_not_break_a_frame() -> None:
    record = Recorder()
    record("step.completed", {"text": "a\u2028b\u0085c"})
    payload = frames(record.rows)
    pieces = [payload[start : start + 7] for start in range(0, len(payload), 7)]
    assert list(sse_data(iter(pieces))) == [payload.split(b"data: ")[1].rstrip()]


def test_unfinished_frame_is_dropped() -> None:
    assert list(sse_data(iter([b'data: {"a"', b": 1}\n"]))) == []


def test_nobody_there_says_how_to_start_a_server() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with Client(Credentials(url, "k")) as client, pytest.raises(ApiError, match="cfx serve") as raised:
            client.flow("f1")
    assert raised.value.exit is Exit.UNREACHABLE


def test_refused_key_says_how_to_get_one(api: ScriptedApi) -> None:
    api.error("/v1/flows/f1", 401, "This key is not known.", "invalid_api_key")
    with client_of(api) as client, pytest.raises(ApiError, match=r"not known\. .*cfx keys create") as raised:
        client.flow("f1")
    assert raised.value.exit is Exit.USAGE


def test_server_s_own_words_are_passed_on(api: ScriptedApi) -> None:
    api.error("/v1/flows", 429, "Your 1000 requests of today are used up.", "rate_limit_exceeded")
    with client_of(api) as client, pytest.raises(ApiError) as raised:
        client.create_flow("task", "sha256:x")
    assert str(raised.value) == "Your 1000 requests of today are used up."
    assert raised.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize(("body", "status"), [(b"<html>Bad gateway</html>", 502), (b"[]", 200), (b"", 302)])
def test_something_else_behind_the_address_is_told_apart(api: ScriptedApi, body: bytes, status: int) -> None:
    api.stream("/v1/flows/f1", body)
    api.answers["/v1/flows/f1"] = [type(api.answers["/v1/flows/f1"][0])(body, status, "text/html")]
    with client_of(api) as client, pytest.raises(ApiError, match="not a CF-X reply"):
        client.flow("f1")


def test_id_that_a_person_typed_stays_one_path_segment(api: ScriptedApi) -> None:
    with client_of(api) as client, pytest.raises(ApiError):
        client.cancel("../keys?x#y")
    assert api.seen[0][:2] == ("POST", "/v1/flows/..%2Fkeys%3Fx%23y/cancel")


@pytest.mark.parametrize("typed", ["", ".", "..", "\udcff"], ids=ascii)
def test_what_leaves_no_path_segment_is_no_id_and_is_asked_of_nobody(api: ScriptedApi, typed: str) -> None:
    with client_of(api) as client:
        for ask in (client.flow, client.cancel, client.diff, client.plan, lambda id: list(client.events(id))):
            with pytest.raises(CommandError, match="is no flow's id"):
                ask(typed)
    assert api.seen == []


@pytest.mark.parametrize("after_the_end", ["patch.applied", "patch.rolled_back"])
def test_what_was_done_with_the_patch_is_the_last_that_is_waited_for(
    api: ScriptedApi, after_the_end: str
) -> None:
    record = mended_flow()(after_the_end)
    api.stream(EVENTS, frames(record.rows))
    with client_of(api) as client:
        assert [event.type for event in client.events("f1")][-2:] == ["flow.completed", after_the_end]
    assert len(api.headers_of(EVENTS)) == 1
