"""The admin socket: its verbs over the real core, what is wrong said by name, and who may speak to it."""

from __future__ import annotations

import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from agbot.errors import AgbotError, ConfigError, NotRunningError
from agbot.exchange.admin import socket as admin
from agbot.exchange.admin.socket import AdminServer, Answer
from agbot.exchange.admin.verbs import account_verbs, clock_verbs, market_verbs, verbs
from agbot.exchange.clob.limits import Limits
from agbot.exchange.clob.standing import Standing
from agbot.exchange.clock import ExchangeClock
from agbot.exchange.core.exchange import Exchange
from agbot.faults import CATALOGUE, FaultPlan
from agbot.model.order import Side
from agbot.units import NS_PER_S, to_units
from tests.exchange.fake_core import ADDRESS, NOW_NS, listing


@attrs.define
class Operated:
    """An exchange with an admin socket."""

    path: Path
    core: Exchange
    plan: FaultPlan
    limits: Limits
    standing: Standing
    clock: ExchangeClock

    async def ask(self, op: str, /, **arguments: Any) -> Answer:
        """Send one request as the command line does."""
        return await trio.to_thread.run_sync(partial(admin.ask, self.path, op, 10.0, **arguments))


@asynccontextmanager
async def operated(tmp_path: Path) -> AsyncIterator[Operated]:
    """Serve an exchange with one market."""
    core, plan, limits, standing = Exchange(), FaultPlan(), Limits(), Standing()
    clock = ExchangeClock(lambda: NOW_NS)
    core.list_market(listing(), NOW_NS)
    table = verbs(core, plan, limits, clock.now_ns) | account_verbs(standing) | clock_verbs(clock)
    table |= market_verbs(core, clock.now_ns)
    server = AdminServer(tmp_path / "admin.sock", table)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield Operated(server.path, core, plan, limits, standing, clock)
        nursery.cancel_scope.cancel()
    assert not server.path.exists()
    assert list(core.accounts.faults()) == []


async def test_only_its_owner_may_speak_to_it(tmp_path: Path) -> None:
    async with operated(tmp_path) as it:
        mode = it.path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600


async def test_faults(tmp_path: Path) -> None:
    async with operated(tmp_path) as it:
        listed = (await it.ask("faults"))["faults"]
        assert [row["name"] for row in listed] == list(CATALOGUE)
        assert not any(row["on"] for row in listed)
        told = await it.ask("faults", action="on", name="slow_reply", delay_s=2.5, match={"path": "/book"}, times=3)
        assert told["on"] == ["slow_reply"]
        assert told["report"]["slow_reply"]["switches"][0]["delay_s"] == 2.5
        assert it.plan.strikes("slow_reply", NOW_NS, path="GET /book")
        assert (await it.ask("faults", action="report"))["report"]["slow_reply"]["struck"] == 1
        assert (await it.ask("faults", action="off", name="slow_reply"))["on"] == []
        file = tmp_path / "plan.yaml"
        file.write_text("- html_403\n- {name: geo_block, country: XX}\n")
        assert (await it.ask("faults", action="load", file=str(file)))["on"] == ["html_403", "geo_block"]
        assert (await it.ask("faults", action="clear"))["on"] == []


@pytest.mark.parametrize("name", ["on", "self", "name_", "parts"])
async def test_a_parameter_no_fault_has_is_refused_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    async with operated(tmp_path) as it:
        with pytest.raises(AgbotError, match="unknown"):
            await it.ask("faults", **{"action": "on", "name": "slow_reply", name: True})
        assert not it.plan.busy


@pytest.mark.parametrize("name", CATALOGUE)
async def test_every_fault_is_switched_by_name(tmp_path: Path, name: str) -> None:
    async with operated(tmp_path) as it:
        assert (await it.ask("faults", action="on", name=name))["on"] == [name]
        assert it.plan.busy
        assert (await it.ask("faults", action="off", name=name))["on"] == []


async def test_modes(tmp_path: Path) -> None:
    async with operated(tmp_path) as it:
        await it.ask("mode", mode="cancel_only")
        assert it.plan.names() == ["cancel_only_503"]
        await it.ask("mode", mode="restarting")
        assert it.plan.names() == ["restart_425"]
        await it.ask("mode", mode="normal")
        assert not it.plan.busy


async def test_money(tmp_path: Path) -> None:
    async with operated(tmp_path) as it:
        grant = it.core.balance(ADDRESS)
        told = await it.ask("deposit", wallet=ADDRESS.lower(), usd="250.5")
        assert told["wallet"] == ADDRESS
        assert to_units(told["usd"]) == grant + 250_500_000
        await it.ask("withdraw", wallet=ADDRESS, usd="250.5")
        told = await it.ask("fund", wallet=ADDRESS, usd=7, market="will-it-1", size="40")
        assert to_units(told["usd"]) == grant + 7_000_000
        assert list(told["shares"].values()) == ["40", "40"]
        with pytest.raises(AgbotError) as refused:
            await it.ask("withdraw", wallet=ADDRESS, usd="1000000000")
        assert refused.value.id == "AGB-862"
        ledger = (await it.ask("ledger"))["ledger"]
        assert ledger["wallets"][ADDRESS]
        assert ledger["faults"] == []


async def test_markets(tmp_path: Path) -> None:
    async with operated(tmp_path) as it:
        market = next(iter(it.core.listings.values()))
        assert (await it.ask("tick", market="101", tick="0.001"))["tick"] == "0.001"
        with pytest.raises(ConfigError, match="only gets finer"):
            await it.ask("tick", market="101", tick="0.01")
        told = await it.ask("resolve", market=market.condition, winner="no")
        assert told == {"ok": True, "market": market.condition, "winner": market.market.no, "outcome": "No"}
        with pytest.raises(AgbotError, match="resolved") as again:
            await it.ask("resolve", market=market.condition, winner="YES")
        assert again.value.id == "AGB-862"
        assert (await it.ask("settle_now"))["settled"] == 0


async def test_markets_are_listed_while_it_runs(tmp_path: Path) -> None:
    file = tmp_path / "markets.yaml"
    file.write_text("markets: [{slug: rain, question: Will it rain?, bids: [[0.29, 100]], asks: [[0.31, 250]]}]")
    async with operated(tmp_path) as it:
        (condition,) = (await it.ask("list_market", file=str(file)))["listed"]
        assert it.core.levels(it.core.listings[condition], Side.BUY) == [(290_000, 100_000_000)]
        assert await it.ask("list_market", file=str(file)) == {"ok": True, "listed": [], "known": 1}
        assert (await it.ask("resolve", market="rain", winner="yes"))["market"] == condition


async def test_limits_and_accounts(tmp_path: Path) -> None:
    async with operated(tmp_path) as it:
        told = await it.ask("limits", on=False, tier="Gold", address=ADDRESS)
        assert told == {"ok": True, "on": False, "warning": False, "tier": "Standard", "tiers": {ADDRESS: "Gold"}}
        assert not it.limits.enabled
        assert (await it.ask("limits", on=True, tier="Elite"))["tier"] == "Elite"
        assert (await it.ask("address", address=ADDRESS, ban=True))["ban"] is True
        assert it.standing.banned == {ADDRESS}
        told = await it.ask("address", address=ADDRESS, ban=False, closed_only=True)
        assert (told["ban"], told["closed_only"]) == (False, True)
        revoked = await it.ask("allowance", wallet=ADDRESS, amount=0)
        assert set(revoked["allowances"].values()) == {"0"}
        one = next(iter(revoked["allowances"]))
        assert (await it.ask("allowance", wallet=ADDRESS, amount=None, spender=one))["allowances"][one] != "0"


async def test_clock(tmp_path: Path) -> None:
    async with operated(tmp_path) as it:
        assert (await it.ask("clock", jump_s=-90))["now_ns"] == NOW_NS - 90 * NS_PER_S
        assert await it.ask("clock", speed=10) == {"ok": True, "now_ns": NOW_NS - 90 * NS_PER_S, "speed": 10}
        assert it.clock.speed == 10


@pytest.mark.parametrize(
    ("request_", "error_id", "says"),
    [
        ({"op": "dance"}, "AGB-532", "faults"),
        ({"op": "faults", "action": "burn"}, "AGB-861", "list, on, off"),
        ({"op": "faults", "action": "on"}, "AGB-861", "name"),
        ({"op": "faults", "action": "on", "name": "slow_repl"}, "AGB-109", "slow_reply"),
        ({"op": "faults", "action": "on", "name": "slow_reply", "delay_s": -1}, "AGB-107", "between 0 and 600"),
        ({"op": "faults", "action": "off", "name": 3}, "AGB-861", "text"),
        ({"op": "faults", "action": "load", "file": "/nowhere.yaml"}, "AGB-100", "no such file"),
        ({"op": "mode", "mode": "idle"}, "AGB-861", "normal"),
        ({"op": "fund", "wallet": ADDRESS}, "AGB-861", "usd"),
        ({"op": "deposit", "wallet": "0x12", "usd": 1}, "AGB-861", "40 hex"),
        ({"op": "deposit", "wallet": ADDRESS, "usd": 0.1}, "AGB-861", "quotes"),
        ({"op": "deposit", "wallet": ADDRESS, "usd": "-1"}, "AGB-861", "negative"),
        ({"op": "deposit", "wallet": ADDRESS, "usd": True}, "AGB-861", "number"),
        ({"op": "resolve", "market": "will-it-2", "winner": "yes"}, "AGB-861", "will-it-1"),
        ({"op": "resolve", "market": "will-it-1", "winner": "maybe"}, "AGB-861", "no outcome"),
        ({"op": "tick", "market": "will-it-1", "tick": "0.003"}, "AGB-861", "0.0025"),
        ({"op": "limits", "tier": "gold"}, "AGB-861", "Gold"),
        ({"op": "limits", "on": "yes"}, "AGB-861", "true or false"),
        ({"op": "address", "address": "me"}, "AGB-861", "address"),
        ({"op": "allowance", "wallet": ADDRESS, "spender": "0x1"}, "AGB-861", "known"),
        ({"op": "clock", "speed": 0}, "AGB-861", "above 0"),
        ({"op": "clock", "jump_s": 1e12}, "AGB-861", "at most"),
        ({"op": "clock", "jump_s": "1"}, "AGB-861", "number"),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_is_wrong_is_said(tmp_path: Path, request_: dict[str, Any], error_id: str, says: str) -> None:
    async with operated(tmp_path) as it:
        with pytest.raises(AgbotError) as caught:
            await it.ask(request_.pop("op"), **request_)
        assert caught.value.id == error_id
        assert says in f"{caught.value.reason} {caught.value.remedy}"
        assert (await it.ask("ledger"))["ok"]


def _thrown(path: Path, junk: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(str(path))
        link.sendall(junk)
        return link.recv(65_536)


@pytest.mark.parametrize("junk", [b"\n", b"[]\n", b"\xff\n", b"{}\n", b"[" * 50_000 + b"\n", b'{"op":["x"]}\n'])
async def test_junk_is_answered_and_survived(tmp_path: Path, junk: bytes) -> None:
    async with operated(tmp_path) as it:
        answer = await trio.to_thread.run_sync(_thrown, it.path, junk)
        assert b'"ok":false' in answer
        assert (await it.ask("ledger"))["ok"]


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(NotRunningError, match="no exchange listens") as caught:
        admin.ask(tmp_path / "admin.sock", "ledger")
    assert (caught.value.id, caught.value.exit_code) == ("AGB-864", 3)


def test_a_path_too_long_is_refused_before_it_fails(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too long"):
        AdminServer(tmp_path / ("x" * 100), {})
