"""Two machines, one wallet, one Redis: one of them trades, one switch stops it, and without Redis nothing leaves."""

from __future__ import annotations

import shutil

import pytest
import trio

from agbot.testing.venue_stub import ADDRESS
from tests.live.conftest import CONFIG, CREDENTIALS, Machine
from tests.shared.redis_server import Server

pytestmark = pytest.mark.slow

LIVE = ("--mode", "live", "--no-web", "--json", "--confirm", ADDRESS)
ORDER = ("buy", "will-it-rain", "yes", "10", "0.40", "--send", "--confirm", ADDRESS)


@pytest.fixture
def redis(tmp_path_factory):
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    server = Server(tmp_path_factory.mktemp("r"))
    yield server
    server.kill()


def a_machine(stub, redis, home):
    machine = Machine(home, stub, {**CREDENTIALS, "AGBOT_REDIS_URL": redis.url})
    machine.write_config(CONFIG + "redis: {name: desk}\nreconcile: {quiet_sec: 1}\n")
    return machine


@pytest.fixture
async def one(stub, redis, tmp_path_factory):
    machine = a_machine(stub, redis, tmp_path_factory.mktemp("a"))
    opened = await machine.agbot("killswitch", "off", "--shared", "desk", "--by", "me", "--reason", "begin")
    assert opened.code == 0, opened
    return machine


@pytest.fixture
def two(stub, redis, tmp_path_factory):
    return a_machine(stub, redis, tmp_path_factory.mktemp("b"))


def posted(stub):
    return len(stub.asked("POST", "/order")) + len(stub.asked("POST", "/orders"))


async def test_one_machine_at_a_time_and_the_next_has_a_higher_token(one, two, stub, until):
    async with one.started("run", one.config, *LIVE) as first:
        await until(lambda: first.alive() and len(stub.exchange.live) >= 2)
        refused = await two.agbot("run", two.config, *LIVE)
        assert (refused.code, "AGB-149" in refused.err) == (2, True), refused
        assert f"pid {first.process.pid}" in refused.err
        assert "host" in refused.err
        order = await two.agbot(*ORDER, "--config", two.config)
        assert (order.code, "AGB-149" in order.err) == (2, True), order
        first.process.kill()
        await first.process.wait()
    assert (await two.agbot("cancel", "--all", "--config", two.config)).code == 0
    async with two.started("run", two.config, *LIVE) as second:
        await until(lambda: second.alive() and len(stub.exchange.live) >= 2)
        assert (await two.agbot("status", "--json")).json["reconcile"]["token"] == 2
    assert second.ended.code == 0, second.ended


async def test_one_switch_stops_it_and_without_redis_nothing_rests(one, stub, redis, until):
    async with one.started("run", one.config, *LIVE) as bot:
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
        killed = await one.agbot("killswitch", "on", "--shared", "desk", "--reason", "fire", "--json")
        (row,) = killed.json["bots"]
        assert (killed.code, row["left"], stub.exchange.live) == (0, 0, {})
        assert row["cancelled"] >= 2
        before = posted(stub)
        await one.agbot("killswitch", "off", "--shared", "desk", "--by", "me", "--reason", "looked")
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
        assert posted(stub) > before
        redis.pause()
        await until(lambda: bot.alive() and not stub.exchange.live)
        before = posted(stub)
        said = (await one.agbot("status")).out
        assert "shared switch desk cannot be read" in said
        assert posted(stub) == before
        redis.go_on()
        await until(lambda: bot.alive() and len(stub.exchange.live) >= 2)
    assert bot.ended.code == 0, bot.ended


async def test_a_closed_switch_lets_no_single_order_out_and_the_doctor_names_it(one, stub):
    await one.agbot("killswitch", "on", "--shared", "desk", "--reason", "fire", "--by", "ann")
    order = await one.agbot(*ORDER, "--config", one.config)
    assert order.code == 1, order
    assert "fire" in order.err + order.out
    assert posted(stub) == 0
    report = await one.agbot("doctor", one.config, "--json")
    (row,) = [row for row in report.json["checks"] if row["id"] == "D23"]
    assert (row["status"], "fire (by ann)" in row["cause"]) == ("warn", True)


async def test_without_redis_nothing_starts(one, stub, redis):
    redis.kill()
    done = await one.agbot("run", one.config, *LIVE)
    assert done.code == 2, done
    assert "AGB-1" in done.err
    assert posted(stub) == 0
    with trio.fail_after(10):
        await trio.to_thread.run_sync(redis.start)
