"""The monitor beside the bot: recognised, started, started again, and given up."""

from __future__ import annotations

import json
import os
import signal
import socket
from functools import partial
from itertools import pairwise

import httpx
import pytest
import trio
import trio.testing

from agbot import __version__
from agbot.errors import ConfigError
from agbot.monitor.app import serve
from agbot.monitor.hub import Hub
from agbot.run import children
from agbot.run.children import (
    QUICK_FAILURES_MAX,
    RESTART_S,
    SHARED_S,
    WATCH_S,
    Monitor,
    keep_monitor,
    monitor_answers,
    monitor_at,
    netloc,
    own_command,
    watch_sharing,
)
from agbot.secrets import Secret

OURS = {"app": "agbot-monitor", "version": "0", "protocol": 1, "runs": 0}


@pytest.fixture
def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
async def stage(nursery):
    async def serve(body):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(raw)

        async def answer(stream):
            async with stream:
                await stream.receive_some()
                await stream.send_all(raw if raw.startswith(b"SSH") else head + raw)

        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        return listener.socket.getsockname()[1]

    return serve


async def test_nobody_there(free_port):
    assert await monitor_answers("127.0.0.1", free_port) is False


async def test_ours_is_there(stage):
    assert await monitor_answers("127.0.0.1", await stage(OURS)) is True


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"app": "other", "protocol": 1}, "another program"),
        ({**OURS, "protocol": 2}, r"agbot-monitor \(protocol 2\)"),
        ([], "another program"),
        (b"<html>", "another program"),
        (b"\xff\xfe", "another program"),
        (b"SSH-2.0-OpenSSH_9\r\n", "another program"),
    ],
    ids=str,
)
async def test_somebody_else_is_named_with_a_remedy(body, named, stage):
    with pytest.raises(ConfigError, match=named) as caught:
        await monitor_answers("127.0.0.1", await stage(body))
    assert (caught.value.id, caught.value.exit_code) == ("AGB-120", 2)
    assert "--no-web" in caught.value.remedy


async def test_a_monitor_tells_how_many_push_to_it_and_whether_it_lets_us_in(free_port, nursery):
    assert await monitor_at("127.0.0.1", free_port, None) is None
    token, other = Secret("0123456789abcdef"), Secret("fedcba9876543210")
    hub = Hub()
    port = await nursery.start(partial(serve, "127.0.0.1", 0, token=token, hub=hub))
    wrong = "wants another AGBOT_MONITOR_TOKEN than this bot has: nothing of it is shown there"
    for shown, trouble in ((token, ""), (other, wrong), (None, wrong)):
        assert await monitor_at("127.0.0.1", port, shown) == Monitor(senders=0, trouble=trouble)
    hub.feed().take(b'{"timestamp":1,"event_type":"run","event":{"run_id":"r"}}')
    assert await monitor_at("127.0.0.1", port, token) == Monitor(senders=1)
    hub.feed().take(b'{"timestamp":1,"event_type":"run","event":{"run_id":"s","mode":"LIVE"}}')
    assert await monitor_at("127.0.0.1", port, token) == Monitor(senders=2, live=1)
    open_to_all = await nursery.start(partial(serve, "127.0.0.1", 0))
    for shown in (token, None):
        assert await monitor_at("127.0.0.1", open_to_all, shown) == Monitor(senders=0)


async def test_the_log_says_when_others_share_the_page(monkeypatch, logged, autojump_clock):
    log = logged("agbot.run.children")
    told = [None, Monitor(1), Monitor(2), Monitor(2), ConfigError("x", id="AGB-120"), Monitor(1), Monitor(3, live=1)]

    async def found(_client, _host, _port):
        if not told:
            await trio.sleep_forever()
        answer = told.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    monkeypatch.setattr(children, "_found", found)
    with trio.move_on_after(SHARED_S * 20):
        await watch_sharing("127.0.0.1", 8080)
    assert [(event, row["others"], row["shows"][:19]) for event, row in log.lines] == [
        ("monitor.shared", 1, "the bot that began "),
        ("monitor.shared", 2, "a bot that trades r"),
    ]


async def test_a_monitor_that_falls_silent_is_no_monitor_that_lets_in(stage, monkeypatch):
    port, get = await stage({**OURS, "runs": 2}), httpx.AsyncClient.get

    async def once(client, url, **more):
        if url.endswith("/healthz"):
            return await get(client, url, **more)
        raise httpx.ReadTimeout("late")

    monkeypatch.setattr(httpx.AsyncClient, "get", once)
    silent = "did not say whether it lets this bot in (ReadTimeout)"
    assert await monitor_at("127.0.0.1", port, None) == Monitor(senders=2, trouble=silent)


def test_an_ipv6_address_is_bracketed():
    assert netloc("::1", 8080) == "[::1]:8080"
    assert netloc("127.0.0.1", 8080) == "127.0.0.1:8080"


class Child:
    def __init__(self, lives, code):
        self.lives, self.code = lives, code

    async def wait(self):
        await trio.sleep_until(trio.current_time() + self.lives)
        return self.code


@pytest.fixture
def births(monkeypatch, logged):
    """Return the log and a list of lives; each start of a monitor takes the next, an OSError is raised."""
    lives, began = [], []

    async def open_process(command, **options):
        began.append((trio.current_time(), command, options))
        life = lives.pop(0)
        if isinstance(life, OSError):
            raise life
        return Child(life, 1)

    async def nobody(_host, _port):
        return False

    monkeypatch.setattr(trio.lowlevel, "open_process", open_process)
    monkeypatch.setattr(children, "monitor_answers", nobody)
    return lives, began, logged("agbot.run.children")


async def test_a_child_is_this_agbot_also_inside_a_clone(tmp_path):
    (tmp_path / "agbot").mkdir()
    (tmp_path / "agbot" / "__init__.py").write_text("raise SystemExit('the sources, not the installed package')")
    done = await trio.run_process(own_command("--version"), cwd=tmp_path, capture_stdout=True)
    assert __version__ in done.stdout.decode()


async def test_five_quick_failures_are_enough(births, autojump_clock):
    lives, began, log = births
    lives += [0.5] * 10
    await keep_monitor("127.0.0.1", 1)
    assert len(began) == QUICK_FAILURES_MAX
    assert [round(b[0] - a[0], 1) for a, b in pairwise(began)] == [0.5 + RESTART_S] * 4
    assert log.events == ["monitor.ended"] * 5 + ["monitor.given_up"]


async def test_a_long_life_forgives_what_was_before(births, autojump_clock):
    lives, began, _ = births
    lives += [0] * 4 + [3600] + [0] * 10
    await keep_monitor("127.0.0.1", 1)
    assert len(began) == 5 + QUICK_FAILURES_MAX


@pytest.mark.parametrize("last", [False, ConfigError("another program", id="AGB-120")], ids=["gone", "another program"])
async def test_a_monitor_that_was_there_is_watched_and_replaced(last, births, monkeypatch, autojump_clock):
    lives, began, _ = births
    lives += [FileNotFoundError("enough")]
    answers = [True, True, last]

    async def answer(_host, _port):
        found = answers.pop(0)
        if isinstance(found, ConfigError):
            raise found
        return found

    monkeypatch.setattr(children, "monitor_answers", answer)
    start = trio.current_time()
    await keep_monitor("127.0.0.1", 1, running=True)
    assert [at - start for at, _, _ in began] == [2 * WATCH_S]


async def test_a_monitor_that_cannot_be_started_is_no_incident(births):
    lives, began, log = births
    lives.append(FileNotFoundError("no python"))
    await keep_monitor("127.0.0.1", 1)
    assert log.events == ["monitor.not_started"]
    _, command, options = began[0]
    assert command[1:5] == ["-P", "-m", "agbot", "monitor"]
    assert options["start_new_session"]


async def test_the_monitor_is_told_where_the_history_is(births, tmp_path):
    lives, began, _ = births
    lives.append(FileNotFoundError("enough"))
    await keep_monitor("127.0.0.1", 1, state_dir=tmp_path)
    assert began[0][1][-2:] == ["--state-dir", str(tmp_path)]


async def test_a_killed_monitor_is_started_again(free_port, monkeypatch):
    monkeypatch.setattr(children, "RESTART_S", 0.01)
    monkeypatch.setattr(children, "LINGER_S", 5)
    processes = []
    real = trio.lowlevel.open_process

    async def open_process(*args, **options):
        processes.append(await real(*args, **options))
        return processes[-1]

    async def answering(count):
        while not (len(processes) == count and await monitor_answers("127.0.0.1", free_port)):
            await trio.sleep(0.05)

    monkeypatch.setattr(trio.lowlevel, "open_process", open_process)
    try:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(keep_monitor, "127.0.0.1", free_port)
                await answering(1)
                os.kill(processes[0].pid, signal.SIGKILL)
                await answering(2)
                nursery.cancel_scope.cancel()
        assert processes[1].poll() is None  # left behind on purpose: it serves the last state
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                await process.wait()
