"""The exchange as it serves: its ports, its ready line, and a box that is replaced while it runs."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from agbot.errors import AgbotError, ConfigError, HandshakeRefused, LinkLost
from agbot.exchange import claim
from agbot.exchange.admin import pairs, verbs
from agbot.exchange.admin.socket import ask
from agbot.exchange.core.model import NewOrder
from agbot.exchange.server import Exchange, exchange_server
from agbot.exchange.settings import BoxSettings
from agbot.model.order import Side
from agbot.units import SCALE
from agbot.web.socket import open_socket

QUIET = BoxSettings(port=0, population="", seed=3)
WALLET = "0x" + "a" * 40
ADMIN = partial(trio.to_thread.run_sync, abandon_on_cancel=True)


def settings(tmp_path: Path, **more: Any) -> BoxSettings:
    import attrs  # noqa: PLC0415

    return attrs.evolve(QUIET, admin=tmp_path / "a.sock", **more)


async def get(url: str) -> Any:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).json()


async def say(exchange: Exchange, verb: str, **arguments: Any) -> dict[str, Any]:
    return await ADMIN(partial(ask, exchange.settings.admin, verb, **arguments))


def place(exchange: Exchange, number: int = 1) -> str:
    """Let a wallet bid ten shares of the first market at a tick of its price."""
    box = exchange.box
    listing = next(iter(box.core.listings.values()))
    new = NewOrder(
        id=f"0x{number:064x}",
        address=WALLET,
        owner="key",
        maker=WALLET,
        token=listing.market.yes,
        side=Side.BUY,
        maker_amount=10 * listing.market.tick,
        taker_amount=10 * SCALE,
    )
    return box.core.place(new, box.now_ns()).order.id


async def test_every_site_is_on_the_one_port_and_where_the_ready_line_says(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path)) as exchange:
        urls = exchange.ready()["urls"]
        assert await get(urls["clob"] + "/version") == await get(urls["clob"] + "/clob/version") == {"version": 2}
        assert len((await get(urls["gamma"] + "/markets/keyset"))["markets"]) == 8
        assert (await get(urls["data"] + f"/v2/positions?user={WALLET}"))["data"] == []
        assert (await get(urls["geoblock"]))["blocked"] is False
        assert await get(urls["relayer"] + f"/deployed?address={WALLET}&type=WALLET") == {"deployed": True}
        for name in ("market_socket", "user_socket", "rtds", "realtime"):
            async with open_socket(urls[name]):
                pass


async def test_the_sites_tell_one_question_id_of_a_market(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path)) as exchange:
        urls = exchange.ready()["urls"]
        told = {x["conditionId"]: x["questionID"] for x in (await get(urls["gamma"] + "/markets/keyset"))["markets"]}
        rows = (await get(urls["clob"] + "/markets"))["data"]
        assert {row["condition_id"]: row["question_id"] for row in rows} == told


async def test_a_page_of_another_site_gets_nothing_by_http_or_socket(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path)) as exchange, httpx.AsyncClient(trust_env=False) as client:
        page = {"Origin": "https://example.com"}
        assert (await client.get(exchange.urls["clob"] + "/time", headers=page)).status_code == 403
        with pytest.raises(HandshakeRefused):
            async with open_socket(exchange.urls["user_socket"], headers=page):
                pass


async def test_ports_of_their_own(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path, split_ports=True)) as exchange:
        urls = exchange.ready()["urls"]
        ports = {httpx.URL(urls[name]).port for name in ("clob", "gamma", "data", "rtds", "realtime")}
        assert len(ports) == 5
        assert len((await get(urls["gamma"] + "/markets/keyset"))["markets"]) == 8
        async with open_socket(urls["rtds"].replace("/ws/rtds", "/anything")):
            pass


async def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}: Address already in use") as refused:
            async with exchange_server(settings(tmp_path, port=port)):
                pass
    assert refused.value.id == "AGB-865"


async def test_a_reset_begins_anew_and_breaks_the_sockets(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path)) as exchange:
        order = place(exchange)
        before = exchange.ready()
        async with open_socket(before["urls"]["market_socket"]) as market:
            await say(exchange, "reset")
            with pytest.raises(LinkLost), trio.fail_after(5):
                await market.receive()
        assert exchange.box.core.order(order) is None
        assert exchange.ready()["keys"] == before["keys"]
        place(exchange)


async def test_a_snapshot_is_gone_back_to_without_its_orders(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path)) as exchange:
        first = place(exchange)
        exchange.box.core.deposit(WALLET, 7 * SCALE, exchange.box.now_ns())
        await say(exchange, "snapshot", file=str(tmp_path / "s.json"))
        place(exchange, 2)
        exchange.box.core.deposit(WALLET, 100 * SCALE, exchange.box.now_ns())
        await say(exchange, "restore", file=str(tmp_path / "s.json"))
        core = exchange.box.core
        assert core.balance(WALLET) == 1007 * SCALE
        assert [core.order(x) and str(core.order(x).status) for x in (first, f"0x{2:064x}")] == ["CANCELED", None]
        assert core.ledger()["faults"] == []


async def test_a_state_file_is_gone_on_with_and_a_bad_one_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    async with exchange_server(settings(tmp_path, state=state)) as exchange:
        exchange.box.core.deposit(WALLET, 5 * SCALE, exchange.box.now_ns())
    async with exchange_server(settings(tmp_path, state=state)) as exchange:
        assert exchange.box.core.balance(WALLET) == 1005 * SCALE
    state.write_text("{}")
    with pytest.raises(ConfigError) as refused:
        async with exchange_server(settings(tmp_path, state=state)):
            pass
    assert (refused.value.id, refused.value.path) == ("AGB-863", str(state))


async def test_a_state_file_and_an_admin_socket_are_one_exchanges(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("agbot.exchange.claim.PATIENCE_S", 0.0)
    state = tmp_path / "state.json"
    (tmp_path / ".state.json.x.new").touch()
    async with exchange_server(settings(tmp_path, state=state)) as exchange:
        assert not (tmp_path / ".state.json.x.new").exists()
        for other in (BoxSettings(port=0, state=state), settings(tmp_path)):
            with pytest.raises(ConfigError, match=str(os.getpid()) if other.state else "a.sock") as refused:
                async with exchange_server(other):
                    pass
            assert refused.value.id == "AGB-866"
        assert await say(exchange, "ready")
    async with exchange_server(settings(tmp_path, state=state)):
        pass


async def test_the_next_exchange_waits_for_one_that_still_saves(tmp_path: Path, monkeypatch: Any) -> None:
    state, tried = tmp_path / "state.json", list[str]()
    really = claim._tried

    def counted(*args: Any) -> str:
        tried.append(really(*args))
        return tried[-1]

    monkeypatch.setattr(claim, "_tried", counted)

    async def leaving(*, task_status: trio.TaskStatus[None]) -> None:
        async with exchange_server(BoxSettings(port=0, population="", state=state)) as exchange:
            task_status.started()
            while not any(tried):
                await trio.sleep(0.01)
            exchange.box.core.deposit(WALLET, 7 * SCALE, exchange.box.now_ns())

    async with trio.open_nursery() as nursery:
        await nursery.start(leaving)
        async with exchange_server(BoxSettings(port=0, population="", state=state)) as following:
            assert following.box.core.balance(WALLET) == 1007 * SCALE


async def test_a_full_disk_ends_no_exchange(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place_of_state = tmp_path / "there"
    place_of_state.mkdir()
    state = place_of_state / "state.json"
    async with exchange_server(settings(tmp_path, state=state, save_every_s=0.01)) as exchange:
        with trio.fail_after(5):
            while not state.exists():
                await trio.sleep(0.01)
            place_of_state.rename(tmp_path / "gone")
            while state.exists():
                await trio.sleep(0.01)
            exchange.box.core.deposit(WALLET, 7 * SCALE, exchange.box.now_ns())
            while "exchange.unsaved" not in caplog.text:
                await trio.sleep(0.01)
            (tmp_path / "gone").rename(place_of_state)
    async with exchange_server(settings(tmp_path, state=state)) as exchange:
        assert exchange.box.core.balance(WALLET) == 1007 * SCALE


async def test_resets_at_once_are_all_answered(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path)) as exchange:
        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(say, exchange, "reset")
            place(exchange)


# ---------------------------------------------------------------- the command


@pytest.fixture
def start(tmp_path: Path) -> Any:
    """Start `agbot exchange` and give its process; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str, **more: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "agbot", "exchange", "--port", "0", "--population", "none", *options]
        env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, **more))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def test_the_command_says_where_it_is_and_leaves_on_a_signal(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("--json")
    ready = json.loads(process.stdout.readline())
    assert ready["event"] == "ready"
    assert Path(ready["admin"]).is_socket()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not Path(ready["admin"]).exists()


def test_it_leaves_when_its_standard_input_ends(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    process = start("--json", "--while-stdin", "--state", str(tmp_path / "state.json"), stdin=subprocess.PIPE)
    assert json.loads(process.stdout.readline())["event"] == "ready"
    process.stdin.close()
    assert process.wait(10) == 0
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--population", "wild"), "AGB-158"),
        (("--export-env", "nobody"), "AGB-867"),
        (("--tier", "Lead"), "AGB-868"),
        (("--markets-file", "nowhere.yaml"), "AGB-100"),
        (("--recording", "nowhere.agh"), "AGB-201"),
        (("--faults", "nowhere.yaml"), "AGB-100"),
        (("--grant", "much"), "AGB-107"),
        (("--host", "203.0.113.1"), "AGB-865"),
    ],
)
def test_what_is_asked_wrongly_is_exit_2(
    start: Callable[..., subprocess.Popen[str]], options: tuple[str, ...], said: str
) -> None:
    process = start(*options, stderr=subprocess.PIPE)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, said in errors) == (2, True), errors


# ---------------------------------------------------------------- what an operator does for a wallet


async def test_pairs_are_split_merged_converted_and_redeemed_by_the_operator(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path)) as exchange:
        core = exchange.box.core
        mayors = [x for x in core.listings.values() if x.event.neg_risk]
        names = [x.market.slug for x in mayors]
        held = await say(exchange, "split", wallet=WALLET, market=names[0], size="10")
        assert (held["usd"], set(held["shares"].values())) == ("990", {"10"})
        held = await say(exchange, "convert", wallet=WALLET, markets=names[:1], size="10")
        assert held["shares"][f"{names[1]} Yes"] == "10"
        await say(exchange, "split", wallet=WALLET, market=names[1], size="5")
        assert (await say(exchange, "merge", wallet=WALLET, market=names[1], size="5"))["usd"] == "990"
        await say(exchange, "resolve", market=names[1], winner="yes")
        assert (await say(exchange, "redeem", wallet=WALLET, market=names[1]))["paid"] == "10"
        with pytest.raises(AgbotError, match="is resolved") as refused:
            await say(exchange, "split", wallet=WALLET, market=names[1], size="1")
        assert refused.value.id == "AGB-862"
        assert core.ledger()["faults"] == []


async def test_news_moves_the_fair_price_of_the_population(tmp_path: Path) -> None:
    async with exchange_server(settings(tmp_path, population="calm")) as exchange:
        told = await say(exchange, "news", market="demo-derby", logit=2.0)
        assert told["fair"] > told["fair_before"] + 0.1
    async with exchange_server(settings(tmp_path)) as exchange:
        with pytest.raises(ConfigError, match="nobody trades it"):
            await say(exchange, "news", market="demo-derby")


async def test_a_rolling_market_and_a_recording_are_listed_beside_the_others(tmp_path: Path, root: Path) -> None:
    recording = root / "tests" / "data" / "demo-120s.agh"
    more = {"rolling_s": 60.0, "recording": recording, "recording_market": "demo-derby", "population": "calm"}
    async with exchange_server(settings(tmp_path, markets=2, **more)) as exchange:
        slugs = [row["slug"] for row in exchange.box.market_rows()]
        assert "box-coin-1-up-or-down" in str(slugs)
        assert len(slugs) == 4


async def test_every_verb_that_is_described_can_be_asked(tmp_path: Path) -> None:
    described = {
        name for page in (verbs.__doc__, pairs.__doc__) for name in re.findall(r"^(\w+)  +\S", page or "", re.MULTILINE)
    } - {"verb"}
    assert {"faults", "list_market", "clock", "news"} <= described
    async with exchange_server(settings(tmp_path)) as exchange:
        assert described <= exchange.verbs().keys()


def test_two_of_one_user_have_admin_sockets_of_their_own(start: Callable[..., subprocess.Popen[str]]) -> None:
    first, second = (json.loads(start("--json").stdout.readline())["admin"] for _ in range(2))
    assert first != second
    assert Path(first).is_socket()
    assert Path(second).is_socket()


def test_a_reader_that_is_gone_ends_it_quietly(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("--json", stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(20) == 1
    assert process.stderr.read() == ""
