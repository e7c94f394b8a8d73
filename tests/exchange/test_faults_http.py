"""Faults of requests and replies, each seen by an HTTP client."""

from __future__ import annotations

import time
from contextlib import suppress
from email.utils import parsedate_to_datetime

import httpx
import pytest
import trio

from agbot.exchange.clob.wire import book_hash
from agbot.fault_switch import Where
from agbot.faults import CATALOGUE
from tests.exchange.fake_core import ADDRESS, OTHER_ADDRESS
from tests.exchange.faulty import Venue, faulty, until

LOST = (httpx.RemoteProtocolError, httpx.ReadError)


@pytest.mark.parametrize("reset", [False, True])
async def test_request_lost(reset: bool) -> None:
    async with faulty() as venue:
        venue.plan.switch("request_lost", reset=reset, times=1)
        with pytest.raises(LOST):
            await venue.order("BUY", "0.4")
        assert not venue.core.open_orders(ADDRESS)
        assert (await venue.order("BUY", "0.4")).json()["status"] == "live"


@pytest.mark.parametrize("reset", [False, True])
async def test_reply_lost(reset: bool) -> None:
    async with faulty() as venue:
        venue.plan.switch("reply_lost", reset=reset, times=1)
        with pytest.raises(LOST):
            await venue.order("BUY", "0.4")
        assert len(venue.core.open_orders(ADDRESS)) == 1, "the order was taken"
        assert (await venue.ask("GET", "/ok")).status_code == 200


async def test_slow_reply() -> None:
    async with faulty() as venue:
        venue.plan.switch("slow_reply", delay_s=0.3, times=1)
        with pytest.raises(httpx.ReadTimeout):
            await venue.http.post(
                "/order", json=venue.item("BUY", "0.4"), headers={"POLY_ADDRESS": ADDRESS}, timeout=0.1
            )
        assert len(venue.core.open_orders(ADDRESS)) == 1
        venue.plan.switch("slow_reply", delay_s=0.1)
        before = time.monotonic()
        await venue.ask("GET", "/ok")
        assert time.monotonic() - before >= 0.1


async def test_restart_425() -> None:
    async with faulty() as venue:
        resting = (await venue.order("BUY", "0.4")).json()["orderID"]
        venue.plan.switch("restart_425", restart_s=0.3, post_only_s=0.4)
        restarting = await venue.order("BUY", "0.4")
        assert (restarting.status_code, restarting.json()) == (425, {"error": "service not ready"})
        assert (await venue.ask("DELETE", "/order", {"orderID": resting})).status_code == 425
        assert (await venue.ask("GET", "/ok")).status_code == 200
        answers = [restarting]
        with trio.fail_after(10):
            while (answers := [*answers, await venue.order("BUY", "0.4")])[-1].status_code == 425:
                await trio.sleep(0.02)
        assert (answers[-1].status_code, answers[-1].json()["code"]) == (503, "post_only_mode")
        assert (await venue.order("BUY", "0.4", postOnly=True)).status_code == 200
        assert (await venue.ask("DELETE", "/order", {"orderID": resting})).json()["canceled"] == [resting]
        with trio.fail_after(10):
            while (await venue.order("BUY", "0.4")).status_code != 200:
                await trio.sleep(0.02)


async def test_trading_disabled_503() -> None:
    async with faulty() as venue:
        venue.plan.switch("trading_disabled_503")
        for refused in (await venue.order("BUY", "0.4"), await venue.ask("DELETE", "/cancel-all")):
            assert refused.status_code == 503
            assert "Trading is currently disabled" in refused.json()["error"]


async def test_cancel_only_503() -> None:
    async with faulty() as venue:
        resting = (await venue.order("BUY", "0.4")).json()["orderID"]
        venue.plan.switch("cancel_only_503")
        refused = await venue.order("BUY", "0.4", postOnly=True)
        assert refused.status_code == 503
        assert "cancel-only" in refused.json()["error"]
        assert "code" not in refused.json()
        assert (await venue.ask("DELETE", "/cancel-all")).json()["canceled"] == [resting]


async def test_post_only_503() -> None:
    async with faulty() as venue:
        venue.plan.switch("post_only_503", retry_after_s=33)
        refused = await venue.order("BUY", "0.4")
        assert refused.status_code == 503
        assert (refused.json()["code"], refused.json()["retry_after_seconds"]) == ("post_only_mode", 33)
        assert refused.headers["retry-after"] == "33"
        mixed = [venue.item("BUY", "0.4", postOnly=True), venue.item("BUY", "0.4")]
        assert (await venue.ask("POST", "/orders", mixed)).status_code == 503
        assert (await venue.ask("POST", "/orders", mixed[:1])).json()[0]["status"] == "live"


async def test_throttled_429() -> None:
    async with faulty() as venue:
        venue.plan.switch("throttled_429", wait_s=7)
        signer = await venue.order("BUY", "0.4")
        assert (signer.status_code, signer.json(), signer.headers["retry-after"]) == (
            429,
            {"error": "Too Many Requests"},
            "7",
        )
        assert signer.headers["poly-ratelimit-remaining"] == "0"
        venue.plan.switch("throttled_429", kind="ip", retry_after="date", wait_s=60, match={"path": "/ok"})
        ip = await venue.ask("GET", "/ok")
        assert (ip.status_code, ip.text) == (429, "error code: 1015\n")
        assert "poly-ratelimit-remaining" not in ip.headers
        wait_s = parsedate_to_datetime(ip.headers["retry-after"]).timestamp() - time.time()
        assert 50 < wait_s <= 60
        venue.plan.switch("throttled_429", retry_after="none", times=1)
        assert "retry-after" not in (await venue.ask("GET", "/ok")).headers
        assert (await venue.ask("GET", "/ok")).status_code == 200


async def test_html_403() -> None:
    async with faulty() as venue:
        venue.plan.switch("html_403")
        blocked = await venue.order("BUY", "0.4")
        assert blocked.status_code == 403
        assert blocked.headers["content-type"].startswith("text/html")
        assert "Cloudflare" in blocked.text
        assert (await venue.ask("GET", "/data/orders")).status_code == 200, "reads pass"


@pytest.mark.parametrize("why", ["could not run the execution", "order timed out"])
@pytest.mark.parametrize("acted", [False, True])
async def test_engine_500(why: str, acted: bool) -> None:
    async with faulty() as venue:
        venue.plan.switch("engine_500", why=why, acted=acted)
        busy = await venue.order("BUY", "0.4")
        assert (busy.status_code, busy.json()) == (500, {"error": why})
        assert len(venue.core.open_orders(ADDRESS)) == acted


async def test_key_revoked() -> None:
    async with faulty() as venue:
        venue.plan.switch("key_revoked", match={"wallet": ADDRESS})
        revoked = await venue.ask("GET", "/data/orders")
        assert (revoked.status_code, revoked.json()) == (401, {"error": "Unauthorized/Invalid api key"})
        assert (await venue.ask("GET", "/data/orders", who=OTHER_ADDRESS)).status_code == 200
        assert (await venue.ask("GET", "/ok")).status_code == 200


async def test_geo_block() -> None:
    async with faulty() as venue:
        venue.plan.switch("geo_block", country="XX")
        assert (await venue.ask("GET", "/geoblock")).json()["blocked"] is True
        refused = await venue.order("BUY", "0.4")
        assert refused.status_code == 403
        assert "restricted in your region" in refused.json()["error"]
        assert (await venue.ask("DELETE", "/cancel-all")).status_code == 200


async def test_not_canceled() -> None:
    async with faulty() as venue:
        resting = (await venue.order("BUY", "0.4")).json()["orderID"]
        venue.plan.switch("not_canceled", reason="busy")
        for method, path, body in (
            ("DELETE", "/order", {"orderID": resting}),
            ("DELETE", "/orders", [resting]),
            ("DELETE", "/cancel-all", None),
        ):
            told = (await venue.ask(method, path, body)).json()
            assert told == {"canceled": [], "not_canceled": {resting: "busy"}}
        assert (await venue.order("SELL", "0.4", who=OTHER_ADDRESS)).json()["status"] == "matched", "it lives on"


async def test_not_canceled_though_it_was() -> None:
    async with faulty() as venue:
        resting = (await venue.order("BUY", "0.4")).json()["orderID"]
        venue.plan.switch("not_canceled", acted=True)
        told = (await venue.ask("DELETE", "/order", {"orderID": resting})).json()
        assert list(told["not_canceled"]) == [resting]
        assert not venue.core.open_orders(ADDRESS)


@pytest.mark.parametrize("body", [None, [], {}, {"orderID": 3}, "0x1", [1]])
async def test_a_cancel_that_names_nothing_is_the_exchange_s_own_affair(body: object) -> None:
    async with faulty() as venue:
        venue.plan.switch("not_canceled")
        with suppress(*LOST):
            await venue.ask("DELETE", "/order", body)
        assert venue.honest.acted == ["DELETE /order"]


async def test_partial_batch() -> None:
    async with faulty() as venue:
        venue.plan.switch("partial_batch", every=2)
        rows = (await venue.ask("POST", "/orders", [venue.item("BUY", "0.4")] * 5)).json()
        assert [bool(row["orderID"]) for row in rows] == [True, False, True, False, True]
        assert all(row["success"] for row in rows)
        assert all(row["errorMsg"] for row in rows[1::2])
        assert len(venue.core.open_orders(ADDRESS)) == 3
        assert (await venue.order("BUY", "0.4")).json()["status"] == "live"


async def test_delayed_order() -> None:
    async with faulty() as venue:
        venue.plan.switch("delayed_order", delay_s=0.05)
        assert (await venue.order("BUY", "0.4")).json()["status"] == "live", "it rests anyway"
        delayed = (await venue.take()).json()
        assert delayed["status"] == "delayed"
        assert not delayed.get("tradeIDs")
        await until(lambda: len(venue.core.trades_of(ADDRESS)) == 1)
        venue.plan.switch("delayed_order", False)
        assert (await venue.take()).json()["status"] == "matched"


@pytest.mark.parametrize("framing", ["whole", "broken"])
async def test_truncated_json_reply(framing: str) -> None:
    async with faulty() as venue:
        venue.plan.switch("truncated_json_reply", framing=framing, times=1)
        if framing == "broken":
            with pytest.raises(httpx.RemoteProtocolError):
                await venue.order("BUY", "0.4")
        else:
            cut = await venue.order("BUY", "0.4")
            assert cut.status_code == 200
            with pytest.raises(ValueError, match=r"Unterminated|Expecting|Invalid"):
                cut.json()
        assert len(venue.core.open_orders(ADDRESS)) == 1


async def test_unmatched_order() -> None:
    async with faulty() as venue:
        venue.plan.switch("unmatched_order")
        told = (await venue.take()).json()
        assert (told["status"], told["takingAmount"]) == ("unmatched", "")
        assert "tradeIDs" not in told
        assert venue.core.trades_of(ADDRESS)


async def test_stale_book() -> None:
    async with faulty() as venue:
        path = f"/book?token_id={venue.yes}"
        venue.plan.switch("stale_book")
        empty = (await venue.ask("GET", path)).json()
        await venue.order("BUY", "0.4")
        assert (await venue.ask("GET", path)).json() == empty
        fresh = (await venue.ask("POST", "/books", [{"token_id": venue.yes}])).json()[0]
        assert fresh["bids"], "each request goes stale on its own"
        venue.plan.switch("stale_book", False)
        assert (await venue.ask("GET", path)).json()["bids"] == fresh["bids"]


async def test_ghost_book() -> None:
    async with faulty() as venue:
        await venue.order("BUY", "0.4")
        venue.plan.switch("ghost_book", size=250)
        ghost = (await venue.ask("GET", f"/book?token_id={venue.yes}")).json()
        assert ghost["bids"] == [{"price": "0.01", "size": "250"}]
        assert ghost["asks"] == [{"price": "0.99", "size": "250"}]
        assert ghost["hash"] == book_hash(ghost | {"hash": ""}), "it is told as if it were true"
        assert (await venue.ask("POST", "/books", [{"token_id": venue.yes}])).json()[0]["bids"] == ghost["bids"]


async def test_wrong_hash_by_rest() -> None:
    async with faulty() as venue:
        venue.plan.switch("wrong_hash")
        book = (await venue.ask("GET", f"/book?token_id={venue.yes}")).json()
        assert len(book["hash"]) == 40
        assert book["hash"] != book_hash(book | {"hash": ""})


async def test_empty_data_orders_page() -> None:
    async with faulty() as venue:
        await venue.order("BUY", "0.4")
        venue.plan.switch("empty_data_orders_page")
        page = (await venue.ask("GET", "/data/orders")).json()
        assert page == {"limit": 100, "count": 0, "next_cursor": "LTE=", "data": []}
        venue.plan.clear()
        assert (await venue.ask("GET", "/data/orders")).json()["count"] == 1


async def test_clock_jump_by_rest() -> None:
    async with faulty() as venue:
        venue.plan.switch("clock_jump", jump_s=-600)
        assert -610 < (await venue.ask("GET", "/time")).json() - time.time() < -590
        book = (await venue.ask("GET", f"/book?token_id={venue.yes}")).json()
        assert -610 < int(book["timestamp"]) / 1000 - time.time() < -590
        assert book["hash"] == book_hash(book | {"hash": ""})


# ---------------------------------------------------------------- the core


async def statuses(venue: Venue, trade_id: str) -> str:
    page = (await venue.ask("GET", "/data/trades")).json()
    return str(next(row["status"] for row in page["data"] if row["id"] == trade_id))


async def test_provisional_trade_fails() -> None:
    async with faulty() as venue:
        venue.plan.switch("provisional_trade_fails", match={"wallet": OTHER_ADDRESS})
        before = venue.usd()
        told = (await venue.take()).json()
        assert told["status"] == "matched"
        with trio.fail_after(10):
            while await statuses(venue, told["tradeIDs"][0]) != "TRADE_STATUS_FAILED":
                await trio.sleep(0.01)
        assert venue.usd() == before


async def test_settlement_retries() -> None:
    async with faulty() as venue:
        venue.plan.switch("settlement_retries")
        async with venue.user() as user:
            await user.ponged()
            await venue.take()
            seen: list[str] = []
            while not seen or seen[-1] != "CONFIRMED":
                event = await user.next()
                seen += [event["status"]] if event["event_type"] == "trade" else []
        assert seen == ["MATCHED", "RETRYING", "MINED", "CONFIRMED"]


async def test_slow_settlement() -> None:
    async with faulty() as venue:
        venue.plan.switch("slow_settlement", delay_s=60, times=1)
        slow = (await venue.take()).json()["tradeIDs"][0]
        quick = (await venue.take()).json()["tradeIDs"][0]
        with trio.fail_after(10):
            while await statuses(venue, quick) != "TRADE_STATUS_CONFIRMED":
                await trio.sleep(0.01)
        assert await statuses(venue, slow) == "TRADE_STATUS_MATCHED"


async def test_matched_not_released() -> None:
    async with faulty() as venue:
        venue.plan.switch("matched_not_released")
        await venue.take("0.5", "400")
        await until(lambda: not venue.core.settlement.under_way)
        balance = venue.usd()
        refused = await venue.order("BUY", "0.5", "400")
        assert balance == "1300"
        assert (await venue.order("BUY", "0.5", "2500")).status_code == 400
        assert refused.status_code == 200, "there is still enough"
        refused = await venue.order("BUY", "0.5", "1900")
        assert refused.status_code == 400
        assert "sum of matched orders: 200000000" in refused.json()["error"]
        venue.plan.clear()
        assert (await venue.order("BUY", "0.5", "1900")).status_code == 200


async def test_nothing_is_changed_while_nothing_is_on() -> None:
    async with faulty() as venue:
        assert (await venue.order("BUY", "0.4")).json()["status"] == "live"
        assert venue.plan.report() == {}


async def test_a_switch_for_one_market_leaves_the_others_alone() -> None:
    async with faulty() as venue:
        condition = next(iter(venue.core.listings))
        venue.plan.switch("request_lost", match={"path": "POST /order", "market": "0xdead*"})
        assert (await venue.order("BUY", "0.4")).status_code == 200
        venue.plan.switch("request_lost", match={"path": "POST /order", "market": condition})
        with pytest.raises(LOST):
            await venue.order("BUY", "0.4")
        resting = venue.core.open_orders(ADDRESS)[0].id
        venue.plan.switch("not_canceled", match={"path": "DELETE *", "market": condition})
        told = (await venue.ask("DELETE", "/order", {"orderID": resting})).json()
        assert list(told["not_canceled"]) == [resting], "an order's id tells its market"


def test_all_faults_of_requests_replies_and_core_are_here() -> None:
    here = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    wanted = {name for name, fault in CATALOGUE.items() if fault.where in (Where.REQUEST, Where.REPLY, Where.CORE)}
    assert wanted <= here
