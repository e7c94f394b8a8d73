"""The exchange passes every check of the conformance suite; and an exchange that is broken fails the right one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from agbot.exchange.clob import keys
from agbot.exchange.conformance.catalogue import all_checks
from agbot.exchange.conformance.report import Report
from agbot.exchange.conformance.run import chosen, run_checks
from agbot.exchange.conformance.target import Target, from_ready
from agbot.exchange.conformance.verdict import Status
from agbot.exchange.conformance.world import open_world
from agbot.exchange.core import trading
from agbot.exchange.core.terms import Terms
from agbot.exchange.server import Exchange, exchange_server
from agbot.exchange.settings import BoxSettings
from agbot.units import NS_PER_MS

CHECKS = all_checks()
QUICK = Terms(mined_after_ns=100 * NS_PER_MS, confirmed_after_ns=100 * NS_PER_MS)


@asynccontextmanager
async def box(tmp_path: Path, **settings: Any) -> AsyncIterator[Exchange]:
    plain = {"port": 0, "population": "", "markets": 12, "terms": QUICK, "admin": tmp_path / "admin.sock", **settings}
    async with exchange_server(BoxSettings(**plain)) as running:
        yield running


async def ask(running: Exchange, patterns: Sequence[str], without: Sequence[str] = ()) -> Report:
    hosts, given = from_ready(json.dumps(running.ready()))
    checks = [c for c in chosen(CHECKS, patterns) if c.id not in {w.id for w in chosen(CHECKS, without or ["NONE"])}]
    async with open_world(Target(hosts=hosts, keys=given)) as world:
        return await run_checks(world, checks)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("patterns", "without"),
    [
        (["CLOB-*"], ["CLOB-BEAT"]),
        (["WS-*", "RTDS-*", "RT2-*", "GAMMA-*", "DATA-*"], []),
        (["CLOB-BEAT"], []),
    ],
    ids=["clob", "sockets, gamma, data", "heartbeats"],
)
async def test_the_box_passes_every_check(tmp_path: Path, patterns: list[str], without: list[str]) -> None:
    async with box(tmp_path) as running:
        report = await ask(running, patterns, without)
    assert not report.failed, report.text(only_failed=True)
    assert [row.check.id for row in report.rows if row.status is Status.SKIP] == []


# ---------------------------------------------------------------- broken boxes

FAULTS = {
    "wrong_hash": "CLOB-BOOK-007",
    "not_canceled": "CLOB-CANCEL-001",
    "ghost_book": "CLOB-BOOK-017",
    "empty_data_orders_page": "CLOB-OWN-002",
    "partial_batch": "CLOB-BATCH-003",
    "dropped_frames": "WS-MARKET-012",
    "silent_socket": "WS-MARKET-013",
    "no_pong": "WS-MARKET-006",
    "oversize_frame_1009": "WS-MARKET-009",
    "missing_user_events": "WS-USER-009",
    "provisional_trade_fails": "CLOB-OWN-017",
    "settlement_retries": "WS-USER-011",
    "throttled_429": "CLOB-ORDER-001",
    "trading_disabled_503": "CLOB-ORDER-001",
    "html_403": "CLOB-BOOKS-001",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_fails_the_check_that_is_for_it(tmp_path: Path, fault: str) -> None:
    async with box(tmp_path) as running:
        clean = await ask(running, [FAULTS[fault]])
        hosts, given = from_ready(json.dumps(running.ready()))
        async with open_world(Target(hosts=hosts, keys=given)) as world:
            await world.listed()
            running.box.faults.switch(fault, probability=1.0)
            broken = await run_checks(world, chosen(CHECKS, [FAULTS[fault]]))
            running.box.faults.clear()
    assert [row.status for row in clean.rows] == [Status.PASS]
    assert len(broken.failed) == 1, broken.text()


def no_fee(*_: Any) -> int:
    return 0


def any_signature(right: str, said: object) -> bool:
    return bool(said)


PATCHES: dict[str, tuple[Any, str, Any]] = {
    "CLOB-MONEY-005": (trading, "taker_fee", no_fee),
    "CLOB-AUTH-012": (keys, "_same", any_signature),
    "WS-USER-002": (keys, "_same", any_signature),
}


@pytest.mark.parametrize("check_id", PATCHES)
async def test_a_box_without_a_rule_fails_the_check_of_it(
    tmp_path: Path, check_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with box(tmp_path) as running:
        clean = await ask(running, [check_id])
        monkeypatch.setattr(*PATCHES[check_id])
        broken = await ask(running, [check_id])
    assert [row.status for row in clean.rows] == [Status.PASS]
    assert [row.status for row in broken.rows] == [Status.FAIL], broken.text()


async def test_a_box_that_lets_an_account_trade_with_itself_fails(tmp_path: Path) -> None:
    async with box(tmp_path, terms=attrs.evolve(QUICK, self_trade="allow")) as running:
        report = await ask(running, ["CLOB-MATCH-016"])
    assert [row.status for row in report.rows] == [Status.FAIL]


REPLIES: dict[str, Callable[[str, Any], Any]] = {
    "CLOB-ORDER-004": lambda path, reply: attrs.evolve(reply, status=201) if path == "/order" else reply,
    "CLOB-AUTH-009": lambda path, reply: attrs.evolve(reply, status=200) if path.startswith("/auth") else reply,
    "GAMMA-FIELDS-001": lambda path, reply: (
        attrs.evolve(reply, body=reply.body.replace(b'"[\\"', b'["').replace(b'\\"]"', b'"]').replace(b'\\"', b'"'))
        if "keyset" in path
        else reply
    ),
    "CLOB-TICK-001": lambda path, reply: (
        attrs.evolve(reply, body=b'{"minimum_tick_size":"0.01"}') if path == "/tick-size" else reply
    ),
    "CLOB-CANCEL-004": lambda path, reply: (
        attrs.evolve(reply, body=b'{"canceled":[]}') if path == "/cancel-all" else reply
    ),
}


@pytest.mark.parametrize("check_id", REPLIES)
async def test_another_answer_fails_the_check_of_it(tmp_path: Path, check_id: str) -> None:
    async with box(tmp_path) as running:
        honest, change = running.box.answer, REPLIES[check_id]

        async def lying(site: str, request: Any) -> Any:
            return change(request.path, await honest(site, request))

        hosts, given = from_ready(json.dumps(running.ready()))
        async with open_world(Target(hosts=hosts, keys=given)) as world:
            await world.listed()
            running.box.answer = lying  # type: ignore[method-assign]
            report = await run_checks(world, chosen(CHECKS, [check_id]))
            running.box.answer = honest  # type: ignore[method-assign]
    assert [row.status for row in report.rows] == [Status.FAIL]
