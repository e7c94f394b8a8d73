"""The operator's socket: what arrives broken is answered or dropped, and never reaches the bot."""

from __future__ import annotations

import os
import socket
import stat

import msgspec
import pytest
import trio
import trio.testing

from agbot.errors import ConfigError, NotFoundError, RiskRejected
from agbot.run import control
from agbot.run.control import IDLE_S, REQUEST_MAX, ControlServer, refusal


async def echo(request):
    return {"heard": request.get("n")}


async def deny(_request):
    raise RiskRejected(["PositionLimit"])


async def lose(_request):
    raise NotFoundError("gone", id="AGB-531", remedy="look")


async def crash(_request):
    raise ZeroDivisionError


HANDLERS = {"echo": echo, "deny": deny, "lose": lose, "crash": crash}


class Client:
    def __init__(self, stream):
        self.stream = stream
        self.pending = b""

    async def ask(self, line):
        await self.stream.send_all(line if isinstance(line, bytes) else msgspec.json.encode(line) + b"\n")
        return await self.reply()

    async def reply(self):
        """Return the next reply, None when the server hung up."""
        with trio.fail_after(60):
            while b"\n" not in self.pending:
                chunk = await self.stream.receive_some()
                if not chunk:
                    return None
                self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\n")
        return msgspec.json.decode(line)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "c.sock"


@pytest.fixture
async def dial(path, nursery):
    await nursery.start(ControlServer(path, HANDLERS).run)
    opened = []

    async def connect():
        opened.append(await trio.open_unix_socket(os.fspath(path)))
        return Client(opened[-1])

    yield connect
    for stream in opened:
        await stream.aclose()


async def test_the_socket_is_private_and_gone_at_the_end(path):
    with socket.socket(socket.AF_UNIX) as left_by_a_bot_that_was_killed:
        left_by_a_bot_that_was_killed.bind(os.fspath(path))
    before = os.umask(0o022)
    os.umask(before)
    async with trio.open_nursery() as nursery:
        await nursery.start(ControlServer(path, HANDLERS).run)
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
        now = os.umask(before)
        assert now == before
        nursery.cancel_scope.cancel()
    assert not path.exists()


async def test_a_request_is_answered(dial):
    assert await (await dial()).ask({"op": "echo", "n": 1}) == {"ok": True, "heard": 1}


async def test_many_requests_on_one_connection_in_order(dial):
    client = await dial()
    lines = b"".join(msgspec.json.encode({"op": "echo", "n": n}) + b"\n" for n in range(50))
    replies = [await client.ask(lines)] + [await client.reply() for _ in range(49)]
    assert [r["heard"] for r in replies] == list(range(50))


async def test_half_a_line_waits_for_its_other_half(dial):
    client = await dial()
    await client.stream.send_all(b'{"op":"ec')
    await trio.testing.wait_all_tasks_blocked()
    assert await client.ask(b'ho","n":2}\n') == {"ok": True, "heard": 2}


@pytest.mark.parametrize(
    ("line", "error_id"),
    [
        (b"\n", "AGB-532"),
        (b"hello\n", "AGB-532"),
        (b"[]\n", "AGB-532"),
        (b"{}\n", "AGB-532"),
        (b'{"op":{}}\n', "AGB-532"),
        (b'{"op":"nope"}\n', "AGB-532"),
        (b'{"op":"echo"}{"op":"echo"}\n', "AGB-532"),
        (b'{"op":"echo","n":NaN}\n', "AGB-532"),
        (b'{"op":"\xff"}\n', "AGB-532"),
        (b'{"op":' + b"[" * 60_000 + b"\n", "AGB-532"),
        (b'{"op":"deny"}\n', "AGB-301"),
        (b'{"op":"lose"}\n', "AGB-531"),
    ],
    ids=lambda v: v[:20] if isinstance(v, bytes) else v,
)
async def test_what_cannot_be_done_is_answered_and_the_connection_lives(line, error_id, dial):
    client, other = await dial(), await dial()
    reply = await client.ask(line)
    assert reply["ok"] is False
    assert reply["error"]["id"] == error_id
    assert reply["error"]["reason"]
    assert (await client.ask({"op": "echo"}))["ok"]
    assert (await other.ask({"op": "echo"}))["ok"]


async def test_an_oversized_line_ends_its_connection_only(dial):
    client, other = await dial(), await dial()
    with trio.fail_after(60):
        try:
            await client.stream.send_all(b"x" * (3 * REQUEST_MAX))
            assert await client.reply() is None
        except trio.BrokenResourceError:
            pass  # it hung up before all of it was sent
    assert (await other.ask({"op": "echo"}))["ok"]


async def test_who_hangs_up_early_is_forgotten(dial):
    client, other = await dial(), await dial()
    await client.stream.send_all(b'{"op":"echo"}\n{"op":"ec')
    await client.stream.aclose()
    assert (await other.ask({"op": "echo"}))["ok"]


async def test_an_idle_connection_is_closed(path, autojump_clock):
    server, ours = trio.testing.memory_stream_pair()
    with trio.fail_after(10 * IDLE_S):
        await ControlServer(path, HANDLERS)._serve(server)
        began = trio.current_time()
        assert await ours.receive_some() == b""
    assert trio.current_time() == began


async def test_idle_connections_over_the_bound_wait_their_turn(path, monkeypatch):
    monkeypatch.setattr(control, "CONNECTIONS_MAX", 2)
    server = ControlServer(path, HANDLERS)
    async with trio.open_nursery() as nursery:
        pairs = [trio.testing.memory_stream_pair() for _ in range(3)]
        for theirs, _ in pairs:
            nursery.start_soon(server._serve, theirs)
            await trio.testing.wait_all_tasks_blocked()
        late = pairs[2][1]
        await late.send_all(b'{"op":"echo","n":3}\n')
        await trio.testing.wait_all_tasks_blocked()
        await pairs[0][1].aclose()
        with trio.fail_after(60):
            assert b'"heard":3' in await late.receive_some()
        nursery.cancel_scope.cancel()


async def test_a_bug_in_a_request_stops_the_bot(path):
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(ControlServer(path, HANDLERS).run)
            stream = await trio.open_unix_socket(os.fspath(path))
            async with stream:
                await stream.send_all(b'{"op":"crash"}\n')
                await trio.sleep_forever()


def test_a_refusal_carries_what_the_client_needs():
    error = refusal(NotFoundError("gone", id="AGB-531", remedy="look"))
    assert error == {
        "ok": False,
        "error": {"id": "AGB-531", "reason": "gone", "remedy": "look", "exit_code": 4},
    }


async def test_only_a_socket_is_ever_removed_for_it(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for path in (tmp_path / "notes.txt", tmp_path, tmp_path / "nowhere" / "control.sock"):
        with pytest.raises(ConfigError) as refused:
            await ControlServer(path, {}).run()
        assert (refused.value.id, str(path) in refused.value.reason) == ("AGB-507", True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
