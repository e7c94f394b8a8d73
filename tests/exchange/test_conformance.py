"""The conformance suite: its harness, what it finds at the stub and at the exchange, and that its checks can fail."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from click.testing import CliRunner

from agbot.cli.exchange_conformance import conformance
from agbot.errors import AgbotError, ConfigError
from agbot.exchange.conformance.catalogue import all_checks
from agbot.exchange.conformance.check import Check, check
from agbot.exchange.conformance.report import Report, Row
from agbot.exchange.conformance.run import chosen, run_checks
from agbot.exchange.conformance.target import Target, from_ready, hosts_at
from agbot.exchange.conformance.verdict import Need, Skipped, Status, failed
from agbot.exchange.conformance.world import World, open_world
from agbot.testing.venue_stub import NO, YES, VenueStub, venue_stub
from agbot.venue.polymarket.hosts import Hosts

CHECKS = all_checks()
GROUPS = (
    "CLOB-SYS CLOB-BOOK CLOB-BOOKS CLOB-PRICE CLOB-MID CLOB-SPREAD CLOB-LAST CLOB-HIST CLOB-TICK CLOB-NEG CLOB-FEE "
    "CLOB-TERMS CLOB-TOKEN CLOB-MARKET CLOB-PAGES CLOB-AUTH CLOB-ORDER CLOB-BATCH CLOB-REFUSE CLOB-SIGN CLOB-MATCH "
    "CLOB-MONEY CLOB-CANCEL CLOB-OWN CLOB-LIMIT CLOB-BEAT WS-MARKET WS-USER RTDS-PRICES RT2-SUBS GAMMA-MARKETS "
    "GAMMA-FIELDS GAMMA-EVENTS DATA-V2 DATA-V1"
)


def made(ask: Callable[[World], Any], *, needs: Sequence[Need] = (), deadline_s: float = 5.0) -> Check:
    return Check(
        id="TEST-HARNESS-001", title="a title", needs=frozenset(needs), source="here", ask=ask, deadline_s=deadline_s
    )


@asynccontextmanager
async def stub_world() -> AsyncIterator[tuple[VenueStub, World]]:
    async with venue_stub() as stub:
        stub.set_book(YES, bids=[("0.47", "50"), ("0.48", "100")], asks=[("0.52", "100"), ("0.53", "5")])
        async with open_world(Target(hosts=stub.hosts)) as world:
            yield stub, world


async def verdict(world: World, ask: Callable[[World], Any], **more: Any) -> Row:
    report = await run_checks(world, [made(ask, **more)])
    return report.rows[0]


# ---------------------------------------------------------------- the register


def test_there_are_over_150_checks_with_ids_of_their_own_in_every_group() -> None:
    assert len(CHECKS) >= 150
    assert len({c.id for c in CHECKS}) == len(CHECKS)
    assert {c.group for c in CHECKS} >= set(GROUPS.split())


def test_ids_and_titles_are_one_line_and_each_has_a_source() -> None:
    for one in CHECKS:
        assert re.fullmatch(r"[A-Z0-9]+(-[A-Z0-9]+)*-\d{3}", one.id)
        assert 0 < len(one.title.splitlines()[0]) == len(one.title) <= 100
        assert one.source


def test_nothing_that_orders_can_be_asked_of_the_real_venue() -> None:
    target = Target(hosts=hosts_at("polymarket"))
    assert target.real
    assert target.hosts == Hosts()
    assert Target(hosts=hosts_at("http://127.0.0.1:1", user_socket="wss://x.polymarket.com/ws/user")).real
    assert not Target(hosts=hosts_at("http://127.0.0.1:1")).real


async def test_at_the_real_venue_even_funded_keys_order_nothing() -> None:
    async with stub_world() as (_, world):
        world.traders = [object(), object()]  # type: ignore[list-item]
        assert world.trades
        world.target = Target(hosts=hosts_at("polymarket"))
        assert not world.trades
        assert "never at the real venue" in world.lacks([Need.TRADE])
        world.traders = []


def test_an_id_is_given_once() -> None:
    with pytest.raises(ValueError, match="taken"):
        check(CHECKS[0].id, "again", source="here")(CHECKS[0].ask)
    with pytest.raises(ValueError, match="no id"):
        check("lower-001", "malformed", source="here")(CHECKS[0].ask)


def test_checks_are_chosen_by_pattern_and_by_prefix() -> None:
    assert {c.group for c in chosen(CHECKS, ["CLOB-BOOK"])} == {"CLOB-BOOK"}
    assert {c.group.partition("-")[0] for c in chosen(CHECKS, ["ws-*", "GAMMA"])} == {"WS", "GAMMA"}
    assert chosen(CHECKS, []) == CHECKS
    assert chosen(CHECKS, ["NONE"]) == []


# ---------------------------------------------------------------- the harness


async def test_a_check_passes_fails_skips_or_cannot_be_asked_and_nothing_stops() -> None:
    async def passes(world: World) -> None: ...

    async def fails(world: World) -> None:
        raise failed({"seen": 1}, "something else")

    async def skips(world: World) -> None:
        raise Skipped("no such thing")

    async def breaks(world: World) -> None:
        raise httpx.ConnectError("refused")

    async def meets_another_shape(world: World) -> None:
        json.loads('{"a": 1}')["b"]

    async def hangs(world: World) -> None:
        await trio.sleep_forever()

    async with stub_world() as (_, world):
        asks = [passes, fails, skips, breaks, meets_another_shape]
        report = await run_checks(world, [*map(made, asks), made(hangs, deadline_s=0.05)])
    statuses = [row.status for row in report.rows]
    assert statuses == [Status.PASS, Status.FAIL, Status.SKIP, Status.ERROR, Status.FAIL, Status.FAIL]
    assert (report.rows[1].seen, report.rows[1].expected) == ("{'seen': 1}", "something else")
    assert "KeyError" in report.rows[4].seen
    assert "0.05 s" in report.rows[5].seen
    assert report.summary == "1 passed, 4 failed, 1 skipped of 6"


async def test_what_a_target_lacks_is_a_skip_with_the_reason() -> None:
    async def never(world: World) -> None:
        raise AssertionError

    async with stub_world() as (_, world):
        row = await verdict(world, never, needs=[Need.TRADE])
    assert row.status is Status.SKIP
    assert "two funded test keys" in row.seen


async def test_a_part_left_out_is_skipped() -> None:
    async with venue_stub() as stub, open_world(Target(hosts=stub.hosts), without=[Need.DATA]) as world:
        report = await run_checks(world, chosen(CHECKS, ["DATA-*"]))
    assert {row.seen for row in report.rows} == {"left out: data"}


async def test_a_target_that_is_not_there_is_one_error_with_a_remedy() -> None:
    with pytest.raises(AgbotError, match=r"AGB-882.*agbot exchange") as caught:
        async with open_world(Target(hosts=hosts_at("http://127.0.0.1:9"))):
            raise AssertionError
    assert caught.value.exit_code == 1


async def test_what_is_no_clob_is_the_same_error() -> None:
    async with venue_stub() as stub:
        with pytest.raises(AgbotError, match=r"AGB-882.*no CLOB"):
            async with open_world(Target(hosts=hosts_at(stub.hosts.gamma))):
                raise AssertionError


def test_addresses_and_ready_lines() -> None:
    hosts = hosts_at("http://127.0.0.1:1234/", gamma="http://127.0.0.1:1235")
    assert (hosts.clob, hosts.gamma) == ("http://127.0.0.1:1234", "http://127.0.0.1:1235")
    assert hosts.user_socket == "ws://127.0.0.1:1234/ws/user"
    with pytest.raises(ConfigError, match="AGB-881"):
        hosts_at("ftp://127.0.0.1")
    for junk in ("", "ready", '{"urls": 1}', '{"keys": []}', '{"urls": {"clob": "x"}}'):
        with pytest.raises(ConfigError, match="AGB-881"):
            from_ready(junk)
    private = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    line = {"urls": {"clob": "http://127.0.0.1:1", "gamma": "http://127.0.0.1:2"}, "keys": [{"private_key": private}]}
    hosts, keys = from_ready(f"starting\n{json.dumps(line)}\nmore")
    assert (hosts.clob, hosts.gamma, hosts.data) == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
        "http://127.0.0.1:1/data-api",
    )
    assert keys[0].account.maker == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert keys[0].creds is None
    assert private not in repr(keys)


def test_the_report_can_be_pasted_and_read_by_programs() -> None:
    async def never(world: World) -> None: ...

    one = made(never)
    rows = (
        Row(check=one, status=Status.PASS),
        Row(check=one, status=Status.FAIL, seen="<a>", expected="b", took_s=0.5),
        Row(check=one, status=Status.SKIP, seen="why"),
    )
    report = Report(target="http://x", rows=rows)
    text = report.text()
    assert "fail   TEST-HARNESS-001" in text
    assert "saw       <a>" in text
    assert text.endswith("1 passed, 1 failed, 1 skipped of 3")
    assert "pass " not in report.text(only_failed=True)
    assert report.json()["checks"][1]["expected"] == "b"
    assert "&lt;a&gt;" in report.junit()
    assert 'failures="1" skipped="1"' in report.junit()


# ---------------------------------------------------------------- against the small stub

STUB_LACKS = {
    *("CLOB-PRICE-005", "CLOB-PRICE-006", "CLOB-MID-004", "CLOB-SPREAD-003", "CLOB-LAST-003", "CLOB-HIST-004"),
    *("CLOB-BOOKS-003", "CLOB-BOOKS-004", "CLOB-REWARDS-001", "CLOB-REWARDS-002"),
    *(f"CLOB-PAGES-{number:03}" for number in range(1, 7)),
    *("GAMMA-MARKETS-015", "GAMMA-EVENTS-003", "GAMMA-SEARCH-001", "GAMMA-TAGS-001"),
    *("DATA-V2-005", "DATA-V2-012", "DATA-V1-001", "DATA-V1-002", "DATA-V1-003", "DATA-V1-004"),
}
"""Routes the small stub does not have; a body that is no JSON is a bug of its own to it."""


async def test_the_stub_reads_as_the_venue_does() -> None:
    asked = [
        c
        for c in CHECKS
        if Need.TRADE not in c.needs and not {Need.RTDS, Need.REALTIME} & c.needs and c.id not in STUB_LACKS
    ]
    async with stub_world() as (_, world):
        report = await run_checks(world, asked)
    assert not report.failed, report.text(only_failed=True)
    assert report.count(Status.PASS) > 90


def _broken_book(change: Callable[[dict[str, Any]], None]) -> Callable[[Any], Any]:
    def body(told: Any) -> Any:
        for book in told if isinstance(told, list) else [told]:
            change(book)
        return told

    return body


MUTANTS: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "CLOB-BOOK-003": ("best first", lambda b: b["bids"].reverse()),
    "CLOB-BOOK-004": ("best first", lambda b: b["asks"].reverse()),
    "CLOB-BOOK-002": ("numbers", lambda b: b.update(tick_size=0.01)),
    "CLOB-BOOK-006": ("with 0x", lambda b: b.update(hash="0x" + b["hash"])),
    "CLOB-BOOK-007": ("another recipe", lambda b: b.update(hash="0" * 40)),
    "CLOB-BOOK-008": ("a number", lambda b: b.update(timestamp=int(b["timestamp"]))),
    "CLOB-BOOK-010": ("no mirror", lambda b: b["asks"].pop(0) if b["asset_id"] == NO else None),
    "CLOB-BOOK-013": ("another token", lambda b: b.update(asset_id="1")),
    "CLOB-TICK-003": ("another tick", lambda b: b.update(tick_size="0.001")),
    "CLOB-TERMS-006": ("another minimum", lambda b: b.update(min_order_size="15")),
}


@pytest.mark.parametrize("check_id", MUTANTS)
async def test_a_broken_book_fails_the_check_that_is_for_it(check_id: str) -> None:
    change = _broken_book(MUTANTS[check_id][1])
    async with stub_world() as (stub, world):
        clean = await run_checks(world, chosen(CHECKS, [check_id]))
        honest = stub.default

        def lying(received: Any) -> Any:
            reply = honest(received)
            return type(reply)(reply.status, change(reply.json)) if "/book" in received.path else reply

        stub.default = lying  # type: ignore[method-assign]
        broken = await run_checks(world, chosen(CHECKS, [check_id]))
    assert [row.status for row in clean.rows] == [Status.PASS]
    assert [row.status for row in broken.rows] == [Status.FAIL]


# ---------------------------------------------------------------- the command


def test_the_command_lists_and_refuses_nonsense() -> None:
    runner = CliRunner()
    listed = runner.invoke(conformance, ["--list", "--only", "CLOB-MATCH"])
    assert listed.exit_code == 0
    assert "CLOB-MATCH-001  trade  the better price trades first" in listed.output
    assert runner.invoke(conformance, []).exit_code == 2
    assert runner.invoke(conformance, ["--list", "--only", "NONE"]).exit_code == 2


def test_every_group_of_the_page_exists(root: Path) -> None:
    page = (root / "docs" / "conformance.md").read_text(encoding="utf-8")
    for group in {c.group.partition("-")[0] for c in CHECKS}:
        assert f"| {group}" in page or group in page
