"""The screens beside a run: which are started, and that a run without any is complete."""

from __future__ import annotations

import sys

import pytest
import trio
import trio.testing

from agbot.run import attach
from agbot.run.attach import Screens
from agbot.run.children import Monitor
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_MS


@pytest.fixture
def started(monkeypatch):
    """Return what was started, instead of starting it; both children run until cancelled."""
    calls = []

    async def keep(host, port, *, running, state_dir):
        calls.append(("watch" if running else "monitor", host, port))
        await trio.sleep_forever()

    async def tui(command, *, log):
        calls.append(("tui", *command))
        await trio.sleep_forever()

    async def send(registry, url, *, run_event, token, task_status):
        calls.append(("push", url, run_event))
        task_status.started()
        await trio.sleep_forever()

    async def sharing(host, port):
        calls.append(("sharing", host, port))
        await trio.sleep_forever()

    monkeypatch.setattr(attach, "keep_monitor", keep)
    monkeypatch.setattr(attach, "watch_sharing", sharing)
    monkeypatch.setattr(attach, "run_tui", tui)
    monkeypatch.setattr(attach, "push", send)
    return calls


@pytest.mark.parametrize(
    ("web", "tui", "running", "children"),
    [
        (True, False, False, ["monitor", "sharing"]),
        (True, False, True, ["watch", "sharing"]),
        (True, True, False, ["monitor", "sharing", "tui"]),
        (False, True, False, ["monitor", "sharing", "tui"]),
        (False, True, True, ["watch", "sharing", "tui"]),
        (False, False, False, []),
    ],
)
async def test_what_is_started_beside(web, tui, running, children, started, tmp_path, nursery):
    screens = Screens(port=7, web=web, tui=tui, state_dir=tmp_path)
    for service in screens.beside(running=running):
        await nursery.start(service)
    await trio.testing.wait_all_tasks_blocked()
    assert [call[0] for call in started] == children
    assert screens.page == ("http://127.0.0.1:7" if web else "")


async def test_the_terminal_is_told_where_to_look_and_whose_bot_it_is(started, tmp_path, nursery):
    screens = Screens(host="::1", port=7, web=True, tui=True, state_dir=tmp_path)
    for service in screens.beside(running=True):
        await nursery.start(service)
    await trio.testing.wait_all_tasks_blocked()
    (call,) = (call for call in started if call[0] == "tui")
    url = "ws://[::1]:7/dashboard"
    assert list(call[1:]) == [sys.executable, "-P", "-m", "agbot", "tui", "--url", url, "--state-dir", str(tmp_path)]


async def test_metrics_are_pushed_only_where_a_monitor_is(started, tmp_path, nursery):
    registry = Registry(lambda: NS_PER_MS, run_id="r", metrics_max=10)
    await nursery.start(Screens(port=7, state_dir=tmp_path).push(registry, {"run_id": "r"}))
    assert started == [("push", "ws://127.0.0.1:7/metrics", {"run_id": "r"})]
    with trio.fail_after(30):
        await nursery.start(Screens(web=False, state_dir=tmp_path).push(registry, {"run_id": "r"}))
    assert len(started) == 1


async def test_the_check_asks_only_when_a_monitor_is_needed(monkeypatch, tmp_path):
    asked = []

    async def at(host, port, token):
        asked.append((port, token and token.reveal()))
        return Monitor(senders=1)

    monkeypatch.setattr(attach, "monitor_at", at)
    monkeypatch.setenv("AGBOT_MONITOR_TOKEN", "0123456789abcdef")
    assert await Screens(port=7, state_dir=tmp_path).check() == Monitor(senders=1)
    assert await Screens(port=8, web=False, state_dir=tmp_path).check() is None
    assert asked == [(7, "0123456789abcdef")]
