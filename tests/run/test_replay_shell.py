"""Replay as a shell: what a small recording comes to, and stop, hold, speed and kill on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import msgspec
import pytest
import trio
import trio.testing

from agbot.control import socket_path
from agbot.errors import ConfigError, RecordingError, UnsupportedOrder
from agbot.matching.conditions import Conditions, Settling
from agbot.matching.rewards import Incentives, Programme
from agbot.model.events import BookSnapshot, TradePrint
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.run.replay import ReplayPlan, ReplayRun
from agbot.settings import PaperSettings, Settings
from agbot.store.history import read_history, write_history
from agbot.store.verify import verify
from agbot.testing.builders import levels, make_market
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, to_units

START = 1_700_000_000 * NS_PER_S


@pytest.fixture
def replay(tmp_path, no_screens):
    """Return a maker of replays, each in a state directory of its own."""
    count = 0

    def make(path, **changes):
        nonlocal count
        count += 1
        directory = tmp_path / str(count)
        (directory / "runs").mkdir(parents=True)
        directory.chmod(0o700)
        settings = Settings(paper=PaperSettings(order_latency_ns=50 * NS_PER_MS, feed_latency_ns=10 * NS_PER_MS))
        plan = {
            "recording": read_history(path),
            "settings": settings,
            "state_dir": directory,
            "screens": no_screens,
            "monitor_runs": False,
            **changes,
        }
        return ReplayRun(ReplayPlan(**plan))

    return make


@pytest.fixture
def tiny(tmp_path):
    """One market at 0.48/0.52 for five seconds; after two, 20 shares are sold at 0.49, where only we bid."""
    market: Market = make_market(fee_rate=0)

    def book(at):
        return [
            BookSnapshot(token, levels(("0.48", "100")), levels(("0.52", "100")), START + at)
            for token in (market.yes, market.no)
        ]

    sold = TradePrint(market.yes, Side.SELL, to_units("0.49"), to_units("20"), START + 2 * NS_PER_S)
    path = tmp_path / "tiny.agh"
    write_history(path, [market], [*book(0), sold, *book(5 * NS_PER_S)])
    return path


async def test_a_recording_that_can_be_worked_out_by_hand(tiny, replay):
    """Fair 0.50: bid 0.49 and ask 0.51. The bid fills: 20 × 0.49 = 9.80 usd, worth 20 × 0.48 = 9.60 now."""
    run = replay(tiny)
    result = await run.run()
    assert {key: result[key] for key in ("fills", "filled_shares", "cash_usd", "inventory_usd", "pnl_usd")} == {
        "fills": 1, "filled_shares": "20", "cash_usd": "9990.20", "inventory_usd": "9.60", "pnl_usd": "-0.20",
    }  # fmt: skip
    assert (result["books_applied"], result["trade_prints"], result["timestamps"]) == (4, 1, 3)
    assert (result["orders_rejected"], result["denials"], result["open_orders"]) == (0, 0, 0)
    assert (result["fees_usd"], result["realised_usd"]) == ("0.00", "0.00")
    assert (result["mirror_exceptions"], result["skipped_records"], result["impossible_messages"]) == (0, 0, 0)
    # bid and ask (a buy of NO); after the fill a lower bid, while the ask keeps its place in the queue
    assert (result["orders_placed"], result["orders_filled"], result["orders_cancelled"]) == (3, 1, 2)
    assert verify(run.journal.path).digest == result["decision_digest"]


async def test_a_venue_that_takes_every_trade_back(tiny, replay):
    """The bid fills after two seconds and fails after three: no money has moved, and the journal says the same."""
    conditions = Conditions(
        settling=Settling(after_ns=NS_PER_S, fail_rate=SCALE),
        incentives=Incentives(programme=Programme(rebate_rate=SCALE, daily_usd=SCALE)),
    )
    run = replay(tiny, settings=Settings(paper=PaperSettings(conditions=conditions)))
    result = await run.run()
    assert (result["cash_usd"], result["inventory_usd"], result["pnl_usd"]) == ("10000.00", "0.00", "0.00")
    assert (result["estimated_rebates_usd"], result["estimated_rewards_usd"]) == ("0.00", "0.00")
    assert run.matcher.cash == run.engine.portfolio.cash
    assert verify(run.journal.path).digest == result["decision_digest"]


async def test_the_same_recording_decides_the_same(demo_recording, replay):
    results = [await replay(demo_recording).run() for _ in range(2)]
    for result in results:
        assert result.pop("journal")
    assert results[0] == results[1]
    assert results[0]["orders_placed"] > 10


def test_neither_do_hashes_matter(tiny, tmp_path):
    digests = set()
    for seed in ("0", "12345"):
        argv = ["run", "--replay", str(tiny), "--no-web", "--json", "--state-dir", str(tmp_path / seed)]
        done = subprocess.run(
            [sys.executable, "-m", "agbot", *argv],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        )
        digests.add(json.loads(done.stdout)["decision_digest"])
    assert len(digests) == 1


async def test_what_a_replay_leaves_can_be_verified_and_is_complete(demo_recording, replay):
    run = replay(demo_recording)
    result = await run.run()
    verdict = verify(run.journal.path)
    assert (verdict.agrees, verdict.complete, verdict.set_aside) == (True, True, ())
    assert verdict.records == result["journal_records"]
    assert verdict.header.mode == "REPLAY"


@pytest.mark.parametrize("verb", ["order", "cancel"])
async def test_a_replay_takes_no_orders_of_yours(verb, tiny, replay):
    with pytest.raises(UnsupportedOrder, match="replay takes no orders"):
        await replay(tiny)._handlers()[verb]({})


async def test_a_switch_after_the_end_changes_no_digest(tiny, replay):
    run = replay(tiny)
    ended = await run.run()
    receipt = await run._handlers()["killswitch"]({"on": True, "reason": "late", "by": "me"})
    assert receipt == {"on": True, "orders_cancelled": 0, "orders_left": 0, "verified": True}
    assert run.summary() == ended
    assert verify(run.journal.path).digest == ended["decision_digest"]


async def test_an_empty_recording_is_no_error(tmp_path, replay):
    path = tmp_path / "empty.agh"
    write_history(path, [make_market()], [])
    result = await replay(path).run()
    assert (result["timestamps"], result["orders_placed"], result["cash_usd"]) == (0, 0, "10000.00")


async def test_a_recording_that_is_cut_off_says_so_after_what_could_be_read(demo_recording, replay):
    whole = demo_recording.read_bytes()
    demo_recording.write_bytes(whole[: len(whole) * 2 // 3])
    run = replay(demo_recording)
    with pytest.RaisesGroup(RecordingError, flatten_subgroups=True):
        await run.run()
    verdict = verify(run.journal.path)
    assert verdict.agrees
    assert not verdict.complete
    assert verdict.batches > 10


@pytest.mark.parametrize("speed", [1, 10])
async def test_speed_is_kept_to(speed, tiny, replay, autojump_clock):
    run = replay(tiny, speed=speed)
    began = trio.current_time()
    await run._drive()
    assert trio.current_time() - began == pytest.approx(5 / speed, abs=0.2 / speed)


async def test_all_speed_takes_no_time_and_reports_progress(demo_recording, replay, autojump_clock):
    seen = []
    run = replay(demo_recording, progress=seen.append)
    began = trio.current_time()
    await run._drive()
    assert trio.current_time() == began
    assert seen == sorted(seen)
    assert 0 < seen[-1] <= 1


async def test_a_stop_ends_a_slow_replay_at_once_flat_and_verifiable(demo_recording, replay, autojump_clock):
    run = replay(demo_recording, speed=1)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run._drive)
        await trio.sleep(7)
        assert (await run._handlers()["stop"]({"reason": "lunch"}))["stopping"]
    assert trio.current_time() - began == pytest.approx(7)
    assert run.summary()["open_orders"] == 0
    assert run._reason() == "lunch"
    assert verify(run.journal.path).complete


async def test_the_kill_switch_on_the_way_cancels_and_lets_nothing_more_out(demo_recording, replay, autojump_clock):
    run = replay(demo_recording, speed=1)
    kill = run._handlers()["killswitch"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run._drive)
        await trio.sleep(7)
        open_before = len((await run._handlers()["status"]({}))["open_orders"])
        receipt = await kill({"on": True, "reason": "fire", "by": "me"})
        placed = run.summary()["orders_placed"]
    assert open_before > 0
    assert receipt == {"on": True, "orders_cancelled": open_before, "orders_left": 0, "verified": True}
    assert run.summary()["orders_placed"] == placed
    assert (await run._handlers()["status"]({}))["kill_switch"] == {"on": True, "reason": "fire"}
    assert verify(run.journal.path).agrees


async def test_the_kill_switch_can_be_taken_off_on_the_way(demo_recording, replay, autojump_clock):
    run = replay(demo_recording, speed=1)
    kill = run._handlers()["killswitch"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run._drive)
        await trio.sleep(7)
        await kill({"on": True, "reason": "fire", "by": "me"})
        placed = run.summary()["orders_placed"]
        await trio.sleep(2)
        assert (await kill({"on": False, "reason": "safe", "by": "me"}))["on"] is False
    assert run.summary()["orders_placed"] > placed


@pytest.mark.parametrize("request_", [{"on": True}, {"on": True, "reason": "x"}, {"on": True, "by": "me"}])
async def test_a_switch_needs_a_reason_and_a_name(request_, tiny, replay):
    with pytest.raises(ConfigError) as caught:
        await replay(tiny)._handlers()["killswitch"](request_)
    assert caught.value.id == "AGB-533"


async def test_hold_stays_for_the_screens_and_answers_until_it_is_stopped(tiny, replay, until):
    run = replay(tiny, hold=True)
    answers = {}

    async def ask(stream, op, **request):
        await stream.send_all(msgspec.json.encode({"op": op, **request}) + b"\n")
        return msgspec.json.decode(await stream.receive_some())

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.run)
            await until(lambda: run.engine.halted)
            async with await trio.open_unix_socket(os.fspath(socket_path(run.plan.state_dir))) as stream:
                answers["status"] = await ask(stream, "status")
                answers["kill"] = await ask(stream, "killswitch", on=True, reason="fire", by="me")
                answers["stop"] = await ask(stream, "stop")
    assert answers["status"]["halted"] == "end of recording"
    assert answers["status"]["uptime_s"] >= 0
    assert (answers["kill"]["orders_left"], answers["kill"]["verified"]) == (0, True)
    assert answers["stop"]["stopping"]
    assert verify(run.journal.path).complete


async def test_the_run_says_that_it_ended(tiny, replay):
    run = replay(tiny)
    await run.run()
    lines = [json.loads(line) for line in run.registry.drain(10**9).lines]
    runs = [line["event"] for line in lines if line.get("event_type") == "run"]
    assert [(r["mode"], r["ended"], r["exit_code"], r["reason"]) for r in runs] == [
        ("REPLAY", True, 0, "end of recording")
    ]
