"""The CLOB client against the venue on loopback: what each fault becomes."""

import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from agbot.errors import (
    AgbotError,
    ExecutionError,
    VenueAmbiguous,
    VenueAuthFailed,
    VenueDuplicate,
    VenueForbidden,
    VenueNotFound,
    VenueProtocolError,
    VenueRefused,
    VenueThrottled,
    VenueUnavailable,
)
from agbot.testing.venue_stub import (
    CANCEL_ONLY,
    DISABLED,
    DUPLICATED,
    HTML_403,
    NOT_EXECUTED,
    RESTARTING,
    TIMED_OUT,
    Break,
    Reply,
    StubKey,
    VenueStub,
    error,
    post_only_mode,
    throttled,
    venue_stub,
)
from agbot.venue.polymarket.errors import TradingMode
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.wire_log import WireLog

Body = Callable[..., bytes]
Clob = Callable[..., ClobClient]
NOW_S = 1_790_000_000


# ---------------------------------------------------------------- what goes wrong

_SUBMIT: Callable[[ClobClient, Body], Awaitable[Any]] = lambda c, b: c.submit(b())  # noqa: E731
_CANCEL: Callable[[ClobClient, Body], Awaitable[Any]] = lambda c, b: c.cancel("0x1")  # noqa: E731
_READ: Callable[[ClobClient, Body], Awaitable[Any]] = lambda c, b: c.open_orders()  # noqa: E731
_BEAT: Callable[[ClobClient, Body], Awaitable[Any]] = lambda c, b: c.heartbeat()  # noqa: E731
CALLS = {"POST /order": _SUBMIT, "DELETE /order": _CANCEL, "GET /data/orders": _READ, "POST /v1/heartbeats": _BEAT}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (HTML_403, [VenueForbidden] * 4),
        (RESTARTING, [VenueUnavailable] * 4),
        (throttled(7), [VenueThrottled] * 4),
        (DISABLED, [VenueUnavailable] * 4),
        (NOT_EXECUTED, [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable]),
        (TIMED_OUT, [VenueUnavailable, VenueAmbiguous, VenueUnavailable, VenueUnavailable]),
        (DUPLICATED, [VenueDuplicate, VenueRefused, VenueRefused, VenueRefused]),
        (error(401, "Unauthorized/Invalid api key"), [VenueAuthFailed] * 4),
        (Reply(200, body=b"no json"), [VenueAmbiguous, VenueAmbiguous, VenueProtocolError, VenueProtocolError]),
        (Reply(200, body=b"["), [VenueAmbiguous, VenueAmbiguous, VenueProtocolError, VenueProtocolError]),
        (Reply(404, body=b"<html>"), [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable]),
        (Reply(302), [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable]),
        (Break(reset=True), [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable]),
        (Break(), [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable]),
        (
            Break(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
            [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable],
        ),
        (Break(b"junk\r\n\r\n"), [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable]),
        (
            Break(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk"),
            [VenueAmbiguous, VenueAmbiguous, VenueUnavailable, VenueUnavailable],
        ),
    ],
)
async def test_faults(
    body: Body, client: ClobClient, stub: VenueStub, said: Reply | Break, expected: list[type[ExecutionError]]
) -> None:
    found = []
    for route, call in CALLS.items():
        method, path = route.split()
        stub.reply(method, path, said, times=1)
        with pytest.raises(ExecutionError) as caught:
            await call(client, body)
        found.append(type(caught.value))
        assert len(stub.asked(method, path)) == 1, "nothing is sent twice"
    assert found == expected


async def test_nobody_there_is_unavailable_for_orders_too(body: Body, clob: Clob) -> None:
    async with venue_stub() as stub:
        hosts = stub.hosts
    client = clob(hosts)
    for call in CALLS.values():
        with pytest.raises(VenueUnavailable):
            await call(client, body)


async def test_a_reply_without_end_is_cut(
    stub: VenueStub, monkeypatch: pytest.MonkeyPatch, body: Body, clob: Clob
) -> None:
    monkeypatch.setattr("agbot.venue.polymarket.transport.REPLY_BYTES_MAX", 1000)
    stub.reply("GET", "/time", Reply(200, body=b"1" * 1_000_000))
    stub.reply("POST", "/order", Reply(200, body=b"1" * 2000))
    client = clob(stub.hosts)
    with pytest.raises(VenueProtocolError, match="longer than"):
        await client.server_time()
    with pytest.raises(VenueAmbiguous, match="longer than"):
        await client.submit(body())


async def test_packed_replies_are_unpacked_within_the_bound(
    client: ClobClient, stub: VenueStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def packed(raw: bytes) -> Reply:
        return Reply(200, body=raw, headers=(("Content-Encoding", "gzip"),))

    stub.reply("GET", "/time", packed(gzip.compress(b"1790000000")), times=1)
    assert await client.server_time() == NOW_S * 1_000_000_000
    stub.reply("GET", "/time", packed(gzip.compress(b"1790000000")[:-4]), times=1)
    with pytest.raises(VenueUnavailable, match="ends too early"):
        await client.server_time()
    monkeypatch.setattr("agbot.venue.polymarket.transport.REPLY_BYTES_MAX", 1000)
    stub.reply("GET", "/time", packed(gzip.compress(b"1" * 100_000)), times=1)
    with pytest.raises(VenueProtocolError, match="longer than"):
        await client.server_time()


async def test_a_cancelled_call_leaves_a_client_that_works(client: ClobClient, stub: VenueStub, body: Body) -> None:
    held = stub.hold("POST", "/order")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:

            async def give_up() -> None:
                await held.arrived.wait()
                scope.cancel()

            nursery.start_soon(give_up)
            await client.submit(body())
    assert scope.cancelled_caught
    held.release()
    with pytest.raises(VenueDuplicate):
        await client.submit(body())


@pytest.mark.parametrize(
    ("said", "mode", "lasts_s"),
    [
        (RESTARTING, TradingMode.RESTARTING, 120),
        (post_only_mode(79), TradingMode.POST_ONLY, 79),
        (CANCEL_ONLY, TradingMode.CANCEL_ONLY, 120),
        (DISABLED, TradingMode.DISABLED, 120),
    ],
)
async def test_modes_are_published_until_they_end(
    stub: VenueStub, said: Reply, mode: TradingMode, lasts_s: int, body: Body, clob: Clob
) -> None:
    now = [NOW_S]
    client = clob(stub.hosts, now_s=lambda: now[0])
    stub.reply("POST", "/order", said, times=1)
    assert client.mode is TradingMode.NORMAL
    with pytest.raises(VenueUnavailable) as caught:
        await client.submit(body())
    assert caught.value.retry_after_s == (79 if mode is TradingMode.POST_ONLY else None)
    assert client.mode is mode
    now[0] += lasts_s - 1
    assert client.mode is mode
    await client.submit(body(post_only=True))
    assert client.mode is (mode if mode is TradingMode.POST_ONLY else TradingMode.NORMAL)
    now[0] += 1
    assert client.mode is TradingMode.NORMAL


async def test_a_429_holds_orders_back_and_lets_cancels_through(
    client: ClobClient, stub: VenueStub, body: Body
) -> None:
    stub.reply("POST", "/order", throttled(1000), times=1)
    with pytest.raises(VenueThrottled) as caught:
        await client.submit(body())
    assert caught.value.retry_after_s == 1000
    with trio.move_on_after(0) as scope:
        await client.submit(body())
    assert scope.cancelled_caught
    await client.cancel("0x1")
    assert len(stub.asked("POST", "/order")) == 1


async def test_lists_that_do_not_end_are_ended(
    client: ClobClient, stub: VenueStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agbot.venue.polymarket.transport.PAGES_MAX", 20)
    stub.reply("GET", "/data/orders", Reply(json={"data": [], "next_cursor": "MTAw"}))
    with pytest.raises(VenueProtocolError, match="came twice"):
        await client.open_orders()
    count = iter(range(10_000))
    stub.reply("GET", "/data/trades", lambda _: Reply(json={"data": [], "next_cursor": f"c{next(count)}"}))
    with pytest.raises(VenueProtocolError, match="more than 20 pages"):
        await client.trades()


async def test_a_long_list_is_read_to_its_end_and_told_on_the_way(
    client: ClobClient, stub: VenueStub, caplog: pytest.LogCaptureFixture
) -> None:
    count = iter(range(1, 61))
    ended = {60: "LTE="}
    stub.reply(
        "GET", "/data/trades", lambda _: Reply(json={"data": [], "next_cursor": ended.get(n := next(count), f"c{n}")})
    )
    with caplog.at_level("INFO"):
        assert await client.trades() == ()
    assert len(stub.asked("GET", "/data/trades")) == 60
    assert [pages for pages in (25, 50) if f"'pages': {pages}," in caplog.text] == [25, 50]


async def test_not_found_is_none_only_for_an_order(client: ClobClient, stub: VenueStub) -> None:
    stub.reply("GET", "/data/order/*", error(404, "order not found"), times=1)
    assert await client.order("0x1") is None
    stub.reply("GET", "/data/order/*", Reply(404, body=b"<html>"), times=1)
    with pytest.raises(VenueUnavailable):
        await client.order("0x1")
    for read in (client.book("1"), client.market("0x1"), client.record("0x1")):
        with pytest.raises(VenueNotFound):
            await read


async def test_what_is_logged_has_ids_and_no_secrets(
    stub: VenueStub, tmp_path: Path, body: Body, clob: Clob, key: SigningKey
) -> None:
    log = WireLog(tmp_path, now_ns=lambda: 7)
    client = clob(stub.hosts, wire_log=log)
    await client.submit(body())
    await client.create_key(key, nonce=5)
    stub.reset("GET", "/time")
    with pytest.raises(AgbotError):
        await client.server_time()
    log.close()
    text = log.path.read_text()
    told = [msgspec.json.decode(line) for line in text.splitlines()]
    assert [(line["kind"], line["id"]) for line in told] == [
        ("request", 1),
        ("reply", 1),
        ("request", 2),
        ("reply", 2),
        ("request", 3),
        ("lost", 3),
    ]
    assert told[0]["headers"]["poly_signature"] == "***"
    for secret in (StubKey().key, StubKey().secret, StubKey().passphrase, "00000000-0000-4000"):
        assert secret not in text
