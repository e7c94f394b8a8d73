"""Trades over a real Redis: decided once, told until known, and the bot does not mind when Redis is away."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
import trio

from agbot.run.embed import demo_bot
from agbot.run.trade_streams import TradeStreams
from agbot.secrets import Secret
from agbot.settings import TradeSettings
from agbot.shared.link import Link
from tests.approved.bench import trade


@pytest.fixture
async def bot():
    async with demo_bot(seed=1) as bot:
        yield bot


@pytest.fixture
def streams(server, bot, nursery):
    """Return a function that begins to read the streams, and gives what ends it."""

    def begin(who="here", **settings):
        session = bot.session
        streams = TradeStreams(
            Link(Secret(server.url)),
            TradeSettings(**settings),
            session.desk,
            session.registry,
            who=who,
            stopping=lambda: False,
            now_ns=time.time_ns,
        )
        scope = trio.CancelScope()

        async def run():
            with scope:
                await streams.run()

        nursery.start_soon(run)
        return scope

    return begin


async def rows(redis, stream, many):
    """Return the entries of a stream once there are so many."""
    with trio.fail_after(30):
        while len(found := redis.xrange(stream)) < many:
            await trio.sleep(0.02)
    return [fields for _, fields in found]


def approve(redis, bot, request_id, stream="trade.approved", **changes):
    market = bot.markets[0]
    now_ms = time.time_ns() // 10**6
    fields = trade(request_id, market=market.id, price="0.05", expires_ms=now_ms + 60_000, **changes)
    return redis.xadd(stream, {name: str(value) for name, value in fields.items()})


def sent(bot):
    return [record.command for record in bot.session.engine.oms.all()]


def pending(redis):
    return redis.xpending("trade.approved", "agbot")["pending"]


async def test_a_trade_is_decided_told_and_acknowledged_and_its_copies_make_no_order(redis, bot, streams):
    streams()
    entry = approve(redis, bot, "r1")
    (decision, *_) = await rows(redis, "trade.decisions", 1)
    assert (decision["request_id"], decision["decision"], decision["entry"]) == ("r1", "approved", entry)
    approve(redis, bot, "r1", size="11")
    (_, again) = await rows(redis, "trade.decisions", 2)
    assert (again["order_id"], again["differs"]) == (decision["order_id"], "size, expires_ms")
    with trio.fail_after(30):
        while redis.xrevrange("trade.results", count=1)[0][1]["status"] != "open":
            await trio.sleep(0.02)
    await bot.execution.cancel_order(decision["order_id"])
    with trio.fail_after(30):
        while redis.xrevrange("trade.results", count=1)[0][1]["status"] != "cancelled":
            await trio.sleep(0.02)
    assert (len(sent(bot)), pending(redis)) == (1, 0)


async def test_what_is_wrong_is_answered_by_name_and_acknowledged(redis, bot, streams):
    streams()
    approve(redis, bot, "r1", size="none")
    redis.xadd("trade.approved", {"hello": "world"})
    first, second = await rows(redis, "trade.results", 2)
    assert (first["request_id"], first["status"], first["error"]) == ("r1", "rejected", "size: 'none' is not a number")
    assert (second["request_id"], second["status"], second["error"]) == ("", "rejected", "request_id: it is missing")
    approve(redis, bot, "r2", size="100000000")
    decision = (await rows(redis, "trade.decisions", 2))[1]
    assert decision["decision"] == "rejected"
    assert "BuyingPower" in decision["rule_triggered"]
    assert pending(redis) == 0


async def test_what_a_dead_reader_left_pending_is_taken_again(redis, bot, streams):
    redis.xgroup_create("trade.approved", "agbot", id="0", mkstream=True)
    approve(redis, bot, "r1")
    redis.xreadgroup("agbot", "somebody", {"trade.approved": ">"})
    assert pending(redis) == 1
    streams()
    await rows(redis, "trade.decisions", 1)
    assert (len(sent(bot)), pending(redis)) == (1, 0)


async def test_opportunities_are_counted_and_traded_only_where_the_configuration_says_so(redis, bot, streams):
    scope = streams()
    await rows_of_group(redis)
    approve(redis, bot, "o1", stream="opportunities.detected")
    with trio.fail_after(30):
        while redis.xinfo_groups("opportunities.detected")[0]["entries-read"] != 1:
            await trio.sleep(0.02)
    scope.cancel()
    assert sent(bot) == []
    streams(group="other", approve_opportunities=True)
    (decision,) = await rows(redis, "trade.decisions", 1)
    assert decision["request_id"] == "o1"


async def rows_of_group(redis):
    with trio.fail_after(30):
        while not redis.exists("opportunities.detected"):
            await trio.sleep(0.02)


async def test_without_redis_the_bot_trades_on_and_tells_what_it_owes_later(server, redis, bot, streams):
    streams()
    approve(redis, bot, "r1")
    await rows(redis, "trade.decisions", 1)
    server.kill()
    market = bot.markets[0]
    answer = await bot.session.handlers()["trade"](
        trade("r2", market=market.id, price="0.05", expires_ms=time.time_ns() // 10**6 + 60_000)
    )
    assert answer["decision"]["decision"] == "approved"
    server.start()
    results = await rows(redis, "trade.results", 1)
    assert "r2" in {row["request_id"] for row in results}


async def test_a_group_belongs_to_one_state_directory(redis, bot, streams):
    redis.set("agbot:{agbot}:trades", "elsewhere")
    streams()
    approve(redis, bot, "r1")
    with trio.move_on_after(1):
        await trio.sleep_forever()
    assert sent(bot) == []
    redis.delete("agbot:{agbot}:trades")
    await rows(redis, "trade.decisions", 1)


def test_the_example_is_python():
    subprocess.run([sys.executable, "-m", "py_compile", "examples/approve_trade.py"], check=True)
