"""What one client of a broadcast may hold, however it reads: whole frames in order, within the bound, or a drop."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import trio
from hypothesis import given, settings
from trio_websocket import ConnectionClosed

from agbot.telemetry.websocket import open_websocket
from agbot.web.http import PushRoute, Request
from agbot.web.outlet import Outlet, text_frame
from agbot.web.server import Response, Server

WAITING_MAX, BYTES_MAX = 3, 400


class Client:
    """A socket whose window the test opens: `room` bytes may be written."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.got = b""

    def write(self, data: bytes | memoryview) -> int:
        taken = min(self.room, len(data))
        if not taken:
            raise BlockingIOError
        self.room -= taken
        self.got += bytes(data[:taken])
        return taken


def outlet(client: Client) -> Outlet:
    return Outlet(client.write, waiting_max=WAITING_MAX, bytes_max=BYTES_MAX)


STEPS = st.lists(st.tuples(st.sampled_from(["offer", "read", "ping"]), st.integers(0, 300)), max_size=60)


@settings(max_examples=50)
@given(STEPS)
def test_whatever_a_client_reads_it_gets_whole_frames_in_order_and_holds_no_more_than_the_bound(steps):
    client = Client()
    out = outlet(client)
    sent = b""
    longest = 0
    for number, (what, amount) in enumerate(steps):
        if what == "read":
            client.room = amount
            out.flush()
            client.room = 0
        elif not out.over.is_set():
            frame = text_frame(bytes([number % 256]) * (amount if what == "offer" else amount % 126))
            longest = max(longest, len(frame))
            if what == "ping":
                out.last(frame)
            else:
                assert out.offer(frame) is not out.over.is_set()
            sent += frame
        assert out.held <= BYTES_MAX + 2 * longest + WAITING_MAX * 127  # on its way, the bound, one over it, pongs
        assert len(out._waiting) <= WAITING_MAX
        assert sent.startswith(client.got), "bytes left out or in another order"
    client.room = 1 << 20
    out.flush()
    assert out.held == 0
    assert out.over.is_set() or client.got == sent


def test_one_offer_may_be_longer_than_the_bound():
    out = outlet(Client())
    assert out.offer(b"x")  # on its way
    assert out.offer(b"x" * (BYTES_MAX + 1))
    assert not out.offer(b"x")
    assert out.dropped


def test_a_dropped_client_still_gets_the_end_of_the_frame_on_its_way_and_then_the_close():
    client = Client(room=4)
    out = outlet(client)
    for _ in range(WAITING_MAX + 2):
        out.offer(b"12345678")
    assert (out.dropped, out.code, out.reason) == (True, 1013, "too slow")
    out.last(b"close")
    assert not out.offer(b"never")
    client.room = 100
    out.flush()
    assert client.got == b"12345678close"


def test_a_client_that_is_gone_is_over_and_holds_nothing():
    def gone(_: bytes | memoryview) -> int:
        raise BrokenPipeError

    out = Outlet(gone, waiting_max=WAITING_MAX, bytes_max=BYTES_MAX)
    assert not out.offer(b"x")
    assert out.over.is_set()
    assert not out.dropped
    assert out.held == 0


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
async def test_every_length_is_a_message(nursery, length):
    async def talk(out: Outlet, _: Request) -> None:
        out.offer(text_frame(b"x" * length))

    async with open_websocket(await serving(nursery, talk)) as ws:
        with trio.fail_after(10):
            assert await ws.get_message() == "x" * length


async def serving(nursery, talk, *, waiting_max=WAITING_MAX, bytes_max=1 << 20):
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    route = PushRoute(talk=talk, waiting_max=waiting_max, bytes_max=bytes_max)
    await nursery.start(Server(lambda _: Response(404), {"/": route}).run, listeners)
    return f"ws://127.0.0.1:{listeners[0].socket.getsockname()[1]}/"


async def test_pings_are_answered_and_messages_left_unread(nursery):
    async def talk(out: Outlet, _: Request) -> None:
        await out.over.wait()

    async with open_websocket(await serving(nursery, talk)) as ws:
        await ws.send_message("hello?")
        with trio.fail_after(10):
            await ws.ping(b"are you there")


async def test_what_is_larger_than_the_socket_arrives_whole(nursery):
    sizes = [3 << 20, 10, 2 << 20]

    async def talk(out: Outlet, _: Request) -> None:
        for size in sizes:
            assert out.offer(text_frame(b"x" * size))
        await out.over.wait()

    async with open_websocket(await serving(nursery, talk, bytes_max=8 << 20)) as ws:
        with trio.fail_after(30):
            assert [len(await ws.get_message()) for _ in sizes] == sizes


async def test_a_reader_that_wakes_up_in_time_learns_why(nursery):
    long = 8 << 20

    async def talk(out: Outlet, _: Request) -> None:
        assert [out.offer(text_frame(b"x" * long)), out.offer(b"y"), out.offer(b"z")] == [True, True, False]

    async with open_websocket(await serving(nursery, talk, waiting_max=1)) as ws:
        with trio.fail_after(30):
            assert len(await ws.get_message()) == long
            with pytest.raises(ConnectionClosed) as closed:
                await ws.get_message()
    assert (closed.value.reason.code, closed.value.reason.reason) == (1013, "too slow")


async def test_a_message_beyond_the_bound_ends_the_client_only(nursery):
    talking = trio.Event()

    async def talk(out: Outlet, _: Request) -> None:
        await out.over.wait()
        talking.set()

    async with open_websocket(await serving(nursery, talk)) as ws:
        await ws.send_message("x" * 5000)
        with trio.fail_after(10):
            await talking.wait()


async def test_no_upgrade_worth_the_name_is_refused(nursery):
    async def talk(out: Outlet, _: Request) -> None:
        pytest.fail("talked to")

    url = await serving(nursery, talk)
    port = int(url.rsplit(":", 1)[1].rstrip("/"))
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        with trio.fail_after(10):
            got = b"".join([part async for part in stream])
    assert got.startswith(b"HTTP/1.1 400 ")
