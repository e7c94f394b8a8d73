"""The WebSocket client against a scripted peer: every message once, every loss by its name, the socket closed."""

from __future__ import annotations

import struct
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Opcode

from agbot.errors import LinkLost, MessageTooLarge, VenueUnavailable
from agbot.testing.peer import Peer, Switchboard, frame, listening
from agbot.web.socket import Socket, open_socket

URL = "ws://venue.test/ws/market"


@asynccontextmanager
async def pair(**terms):
    """An open client socket and its peer, on memory streams."""
    board = Switchboard()
    async with trio.open_nursery() as nursery:
        peers = []

        async def answer():
            peers.append(await board.call())

        nursery.start_soon(answer)
        async with open_socket(URL, connect=board.connect, **terms) as socket:
            await trio.testing.wait_all_tasks_blocked()
            yield socket, peers[0]
            nursery.cancel_scope.cancel()
            await peers[0].stream.aclose()


async def until_lost(socket: Socket) -> LinkLost:
    try:
        while True:
            await socket.receive()
    except LinkLost as loss:
        return loss


async def test_all_messages_of_one_read_come_together():
    async with pair() as (socket, peer):
        await peer.send("one", b"two", "PONG")
        assert await socket.receive() == [b"one", b"two", b"PONG"]


async def test_what_is_sent_arrives_as_text():
    async with pair() as (socket, peer):
        await socket.send('{"type":"market"}')
        await socket.send(b"PING")
        assert [await peer.receive(), await peer.receive()] == ['{"type":"market"}', "PING"]


async def test_the_upgrade_names_host_path_and_our_headers():
    async with pair(headers={"User-Agent": "agbot"}) as (_, peer):
        assert peer.path == "/ws/market"
        assert (peer.headers["host"], peer.headers["user-agent"]) == ("venue.test", "agbot")
        assert "sec-websocket-extensions" not in peer.headers


@given(
    messages=st.lists(st.binary(max_size=300), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=20),
)
def test_bytes_may_be_split_anywhere(messages, cuts):
    async def main():
        wire = b"".join(frame(m, opcode=Opcode.BINARY) for m in messages)
        got = []
        async with pair() as (socket, peer), trio.open_nursery() as nursery:

            async def trickle():
                rest, turn = wire, 0
                while rest:
                    cut = cuts[turn % len(cuts)]
                    await peer.raw(rest[:cut])
                    rest, turn = rest[cut:], turn + 1

            nursery.start_soon(trickle)
            while len(got) < len(messages):
                got += await socket.receive()
        assert got == messages

    trio.run(main)


async def test_messages_that_come_with_the_answer_to_the_upgrade():
    board = Switchboard()
    async with trio.open_nursery() as nursery:

        async def answer():
            await (await board.calls.receive()).accept(early=frame("book") + frame("second")[:4])

        nursery.start_soon(answer)
        async with open_socket(URL, connect=board.connect) as socket:
            assert await socket.receive() == [b"book"]
            nursery.cancel_scope.cancel()


async def test_one_mebibyte_over_tcp():
    message = b"x" * 2**20

    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.send(message)
        await peer.receive()

    async with listening(script) as url, open_socket(url) as socket:
        assert await socket.receive() == [message]


async def test_fragments_with_a_ping_between_are_one_message_and_the_ping_is_answered():
    async with pair() as (socket, peer):
        await peer.raw(frame("on", fin=False) + frame(b"are you", opcode=Opcode.PING))
        await peer.raw(frame(b"", opcode=Opcode.CONT, fin=False) + frame(b"e", opcode=Opcode.CONT) + frame("two"))
        assert await socket.receive() == [b"one", b"two"]
        await socket.send("after the pong")
        assert await peer.receive() == "after the pong"
        assert peer.pongs == 1


async def test_a_close_is_told_after_the_messages_before_it():
    async with pair() as (socket, peer):
        await peer.raw(frame("last") + frame(struct.pack("!H", 1012) + b"restart", opcode=Opcode.CLOSE) + b"junk")
        assert await socket.receive() == [b"last"]
        loss = await until_lost(socket)
        assert (loss.code, "1012" in str(loss), "restart" in str(loss)) == (1012, True, True)
        with pytest.raises(LinkLost, match="1012"):
            await socket.send("too late")


@pytest.mark.parametrize("whole", [True, False])
async def test_a_message_beyond_the_bound_is_a_loss_of_its_own(whole):
    async with pair(message_bytes_max=1000) as (socket, peer):
        await peer.send("fits")
        assert await socket.receive() == [b"fits"]
        parts = [frame("x" * 600, fin=False), frame(b"x" * 600, opcode=Opcode.CONT)]
        await peer.raw(frame("x" * 1001) if whole else b"".join(parts))
        with pytest.raises(MessageTooLarge, match="more than 1000 bytes") as caught:
            await socket.receive()
        assert isinstance(caught.value, VenueUnavailable)


@pytest.mark.parametrize(
    ("junk", "said"),
    [
        (b"HTTP/1.1 500 oops\r\n\r\n" * 9, "reserved bits"),
        (b"\x83\x00", "opcode"),
        (b"\x81\x81aaaab", "masking"),
        (frame(b"e", opcode=Opcode.CONT), "continuation"),
    ],
    ids=["http", "opcode", "masked", "continuation"],
)
async def test_junk_after_the_upgrade(junk, said):
    async with pair() as (socket, peer):
        await peer.raw(junk)
        assert said in str(await until_lost(socket))


async def test_the_stream_ends_in_the_middle_of_a_frame():
    async with pair() as (socket, peer):
        await peer.raw(frame("half a frame")[:5])
        await peer.stream.aclose()
        loss = await until_lost(socket)
        assert (loss.code, "stream" in str(loss)) == (0, True)


async def test_a_reset_in_the_middle_of_a_frame():
    async def script(peer: Peer) -> None:
        await peer.accept()
        await peer.raw(frame("half a frame")[:5])
        await peer.receive()
        linger = struct.pack("ii", 1, 0)
        peer.stream.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, linger)  # type: ignore[attr-defined]

    async with listening(script) as url, open_socket(url) as socket:
        await socket.send("now")
        assert "broke" in str(await until_lost(socket))


# ---------------------------------------------------------------- deadlines and the end


async def test_a_peer_that_takes_nothing(autojump_clock):
    client, _server = trio.testing.lockstep_stream_pair()

    async def connect(_uri):
        return client

    with pytest.raises(LinkLost, match="not open"):
        async with open_socket(URL, connect=connect):
            pytest.fail("opened")


async def test_a_send_that_is_not_taken_breaks_the_socket(autojump_clock):
    async with pair() as (socket, peer):
        stuck = trio.Event()
        client = socket._stream

        async def send_all(_octets):
            await stuck.wait()

        client.send_stream.send_all = send_all
        with pytest.raises(LinkLost, match="took nothing for 5 s"):
            await socket.send("never read")
        with pytest.raises(LinkLost):
            await socket.send("half a frame may be out")
        assert peer.pongs == 0


async def test_a_cancelled_send_leaves_no_half_frame_behind_which_another_is_sent(autojump_clock):
    async with pair() as (socket, _):
        stuck = trio.Event()

        async def send_all(_octets):
            await stuck.wait()

        socket._stream.send_stream.send_all = send_all
        with trio.move_on_after(1) as scope:
            await socket.send("cut")
        assert scope.cancelled_caught
        with pytest.raises(LinkLost):
            await socket.send("next")


async def test_we_say_goodbye_and_wait_for_the_answer():
    board = Switchboard()
    async with trio.open_nursery() as nursery:
        ends = []

        async def script():
            peer = await board.call()
            with pytest.raises(EOFError) as caught:
                await peer.receive()
            ends.append(str(caught.value))
            await peer.stream.aclose()

        nursery.start_soon(script)
        async with open_socket(URL, connect=board.connect) as socket:
            pass
        with pytest.raises(LinkLost):
            await socket.receive()
    assert "1000" in ends[0]


async def test_a_peer_that_never_answers_our_close(autojump_clock):
    board = Switchboard()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(board.call)
        began = trio.current_time()
        async with open_socket(URL, connect=board.connect):
            pass
        assert trio.current_time() - began == 1


async def test_a_cancelled_body_closes_the_tcp_socket():
    ended = trio.Event()

    async def script(peer: Peer) -> None:
        await peer.accept()
        with pytest.raises(EOFError):
            await peer.receive()
        ended.set()

    async with listening(script) as url:
        with trio.CancelScope() as scope:
            async with open_socket(url) as socket:
                scope.cancel()
                await socket.receive()
        with trio.fail_after(30):
            await ended.wait()


async def test_a_thousand_pings_in_one_read_are_one_answer():
    async with pair() as (socket, peer):
        sends = []
        stream = socket._stream.send_stream
        send_all = stream.send_all

        async def counted(octets):
            sends.append(len(octets))
            await send_all(octets)

        stream.send_all = counted
        await peer.raw(frame(b"", opcode=Opcode.PING) * 1000 + frame("data"))
        assert await socket.receive() == [b"data"]
        assert len(sends) == 1
