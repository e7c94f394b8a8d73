"""A recording as a market's background: the book is the recorded one at every instant, and orders queue in it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec
import pytest

from agbot.errors import ConfigError
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import NewOrder, Order, Refused
from agbot.exchange.markets.replayed import NEVER, AtEnd, Replay, listed, open_replay
from agbot.model.events import (
    ASK,
    BID,
    BookDelta,
    BookSnapshot,
    MarketData,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side, TimeInForce
from agbot.store.history import write_history
from agbot.store.importers import open_recording
from agbot.units import NS_PER_S, SCALE
from tests.exchange.flow import START_NS, Auditor

DEMO = Path(__file__).parents[1] / "data" / "demo-120s.agh"
RAIN = Market(id=MarketId("0x" + "ab" * 32), yes=TokenId("1" * 60), no=TokenId("2" * 60), slug="rain", question="Rain?")
T0 = 1_700_000_000 * NS_PER_S
BOOK = BookSnapshot(RAIN.yes, ((480_000, 100 * SCALE), (470_000, 50 * SCALE)), ((520_000, 100 * SCALE),), T0)


def on_exchange(replay: Replay) -> Exchange:
    """Return an exchange that lists the replay's market."""
    core = Exchange(seed=1)
    core.list_market(replay.listing, START_NS)
    return core


def play(core: Exchange, replay: Replay, until_ns: int, now_ns: int = START_NS) -> int:
    """Step a replay as a pacer does, and return the number of steps."""
    steps = 0
    while True:
        now_ns = max(now_ns, replay.next_ns)
        if now_ns > until_ns or replay.ended:
            return steps
        core.advance(now_ns)
        replay.step(core, now_ns)
        steps += 1


def recorded(path: Path, messages: list[MarketData], market: Market = RAIN) -> Path:
    """Write a recording."""
    write_history(path, [market], messages)
    return path


def order(
    core: Exchange, replay: Replay, side: Side, price: int, size: int, now_ns: int, wallet: str = "0xme"
) -> Order:
    """Rest an order on YES."""
    usd = price * size // SCALE
    new = NewOrder(
        id=f"0x{now_ns:064x}",
        address=wallet,
        owner="key",
        maker=wallet,
        token=replay.listing.market.yes,
        side=side,
        maker_amount=usd if side is Side.BUY else size,
        taker_amount=size if side is Side.BUY else usd,
        order_type=TimeInForce.GTC,
    )
    return core.place(new, now_ns).order


@pytest.mark.parametrize("slug", ["demo-rate-cut", "demo-derby", "demo-launch"])
def test_levels_equal_the_recording_at_every_instant(slug: str) -> None:
    replay = open_replay(DEMO, market=slug)
    core = on_exchange(replay)
    auditor = Auditor(core)
    core.listeners.append(auditor.hear)
    recording = open_recording(DEMO)
    market = next(m for m in recording.markets if m.slug == slug)
    expected: dict[int, dict[int, int]] = {BID: {}, ASK: {}}
    first = None
    for ts_ns, group in recording.groups():
        first = ts_ns if first is None else first
        for message in group:
            if isinstance(message, BookSnapshot) and message.token == market.yes:
                expected = {BID: dict(message.bids), ASK: dict(message.asks)}
            elif isinstance(message, BookDelta) and message.token == market.yes:
                for side, price, size in message.changes:
                    expected[side].update({price: size})
        now_ns = START_NS + ts_ns - first
        replay.step(core, now_ns)
        for which, side in ((BID, Side.BUY), (ASK, Side.SELL)):
            wanted = {price: size for price, size in expected[which].items() if size}
            assert dict(core.levels(replay.listing, side)) == wanted
            told = auditor.sides[replay.listing.condition]
            assert {p: s for (w, p), s in told.items() if w == which and s} == wanted
    replay.step(core, now_ns + 1)
    assert replay.ended
    assert (replay.rounds, replay.fault) == (1, "")


def test_speed_and_start(tmp_path: Path) -> None:
    later = BookDelta(RAIN.yes, ((BID, 490_000, 7 * SCALE),), T0 + 10 * NS_PER_S)
    last = BookDelta(RAIN.yes, ((BID, 490_000, 0),), T0 + 20 * NS_PER_S)
    path = recorded(tmp_path / "r.agh", [BOOK, later, last])
    replay = open_replay(path, speed=4, start_s=12)
    core = on_exchange(replay)
    due = replay.step(core, START_NS)
    assert core.levels(replay.listing, Side.BUY)[0] == (490_000, 7 * SCALE)
    assert due == START_NS + 2 * NS_PER_S
    replay.step(core, due)
    assert core.levels(replay.listing, Side.BUY)[0] == (480_000, 100 * SCALE)


def test_an_order_fills_only_after_the_size_ahead(tmp_path: Path) -> None:
    sold = [TradePrint(RAIN.yes, Side.SELL, 480_000, 60 * SCALE, T0 + n * NS_PER_S) for n in (1, 2, 3)]
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK, *sold]))
    core = on_exchange(replay)
    replay.step(core, START_NS)
    mine = order(core, replay, Side.BUY, 480_000, 30 * SCALE, START_NS + 1)
    assert core.levels(replay.listing, Side.BUY)[0] == (480_000, 130 * SCALE)
    replay.step(core, START_NS + 1 * NS_PER_S)
    assert mine.matched == 0
    replay.step(core, START_NS + 2 * NS_PER_S)
    assert mine.matched == 20 * SCALE
    replay.step(core, START_NS + 3 * NS_PER_S)
    assert mine.matched == 30 * SCALE
    assert not mine.living
    core.advance(START_NS + 10 * NS_PER_S)
    assert core.balance("0xme", replay.listing.market.yes) == 30 * SCALE
    assert core.ledger()["faults"] == []


def test_a_print_of_the_no_token_fills_too(tmp_path: Path) -> None:
    bought_no = TradePrint(RAIN.no, Side.BUY, 520_000, 110 * SCALE, T0 + NS_PER_S)
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK, bought_no]))
    core = on_exchange(replay)
    replay.step(core, START_NS)
    mine = order(core, replay, Side.BUY, 480_000, 30 * SCALE, START_NS + 1)
    replay.step(core, START_NS + NS_PER_S)
    assert mine.matched == 10 * SCALE


def test_a_taker_takes_from_the_background() -> None:
    replay = open_replay(DEMO, market="demo-derby")
    core = on_exchange(replay)
    replay.step(core, START_NS)
    price, size = core.levels(replay.listing, Side.SELL)[0]
    mine = order(core, replay, Side.BUY, price, 5 * SCALE, START_NS + 1)
    assert mine.matched == 5 * SCALE
    assert core.levels(replay.listing, Side.SELL)[0] == (price, size - 5 * SCALE)
    play(core, replay, START_NS + 200 * NS_PER_S)
    assert core.ledger()["faults"] == []


def test_traders_in_the_middle_of_it_stay_solvent_and_uncrossed() -> None:
    replay = open_replay(DEMO, market="demo-launch")
    core = on_exchange(replay)
    now = START_NS
    for second in range(120):
        play(core, replay, now, now - NS_PER_S)
        bids, asks = (core.levels(replay.listing, side) for side in Side)
        assert bids[0][0] < asks[0][0]
        side = Side.BUY if second % 2 else Side.SELL
        with contextlib.suppress(Refused):
            order(core, replay, side, (bids if side is Side.BUY else asks)[0][0], 20 * SCALE, now + 1)
        now += NS_PER_S
    assert core.ledger()["faults"] == []
    assert core.ledger()["trades"] > 0


def test_at_the_end_the_book_stays(tmp_path: Path) -> None:
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK]))
    core = on_exchange(replay)
    assert replay.step(core, START_NS) == NEVER
    assert replay.ended
    assert core.levels(replay.listing, Side.BUY)


def test_at_the_end_the_background_can_disappear(tmp_path: Path) -> None:
    moved = BookDelta(RAIN.yes, ((BID, 470_000, 0),), T0 + NS_PER_S)
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK, moved]), at_end=AtEnd.CLEAR)
    core = on_exchange(replay)
    replay.step(core, START_NS)
    mine = order(core, replay, Side.BUY, 450_000, 5 * SCALE, START_NS + 1)
    play(core, replay, START_NS + 5 * NS_PER_S)
    assert core.levels(replay.listing, Side.BUY) == [(450_000, 5 * SCALE)]
    assert mine.living


def test_it_can_go_round(tmp_path: Path) -> None:
    moved = BookDelta(RAIN.yes, ((BID, 470_000, 0), (BID, 480_000, 0), (BID, 300_000, SCALE)), T0 + NS_PER_S)
    over = MarketResolved(RAIN.id, RAIN.yes, T0 + NS_PER_S)
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK, moved, over]), at_end=AtEnd.LOOP)
    core = on_exchange(replay)
    play(core, replay, START_NS + 1 * NS_PER_S)
    assert core.levels(replay.listing, Side.BUY)[0][0] == 300_000
    play(core, replay, START_NS + 2 * NS_PER_S, START_NS + NS_PER_S)
    assert core.levels(replay.listing, Side.BUY)[0][0] == 480_000
    play(core, replay, START_NS + 21 * NS_PER_S, START_NS + 2 * NS_PER_S)
    assert replay.rounds == 10
    assert replay.listing.winner is None


def test_ticks_and_the_resolution_are_replayed(tmp_path: Path) -> None:
    finer = TickSizeChanged(RAIN.yes, 1_000, T0 + NS_PER_S)
    coarser = TickSizeChanged(RAIN.yes, 10_000, T0 + 2 * NS_PER_S)
    over = MarketResolved(RAIN.id, RAIN.no, T0 + 3 * NS_PER_S)
    late = BookDelta(RAIN.yes, ((BID, 100_000, SCALE),), T0 + 4 * NS_PER_S)
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK, finer, coarser, over, late]))
    core = on_exchange(replay)
    play(core, replay, START_NS + 2 * NS_PER_S)
    assert replay.listing.market.tick == 1_000
    play(core, replay, START_NS + 9 * NS_PER_S, START_NS + 2 * NS_PER_S)
    assert replay.listing.winner == replay.listing.market.no
    assert replay.ended


def test_a_clock_that_jumps_is_caught_up_with_in_bounded_steps(tmp_path: Path) -> None:
    deltas = [BookDelta(RAIN.yes, ((BID, 10_000, n * SCALE),), T0 + n * NS_PER_S) for n in range(1, 1201)]
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK, *deltas]))
    core = on_exchange(replay)
    late = START_NS + 86_400 * NS_PER_S
    replay.step(core, START_NS)
    steps = 0
    while not replay.ended:
        assert replay.step(core, late) <= late or replay.ended
        steps += 1
    assert 24 <= steps <= 26
    assert core.levels(replay.listing, Side.BUY)[-1] == (10_000, 1200 * SCALE)


def test_a_clock_that_steps_back_is_followed(tmp_path: Path) -> None:
    moved = BookDelta(RAIN.yes, ((BID, 470_000, 0),), T0 + 10 * NS_PER_S)
    replay = open_replay(recorded(tmp_path / "r.agh", [BOOK, moved]))
    core = on_exchange(replay)
    replay.step(core, START_NS)
    back = START_NS - 3600 * NS_PER_S
    assert replay.step(core, back) == back + 10 * NS_PER_S


def test_a_cut_recording_is_played_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = DEMO.read_bytes()
    path = tmp_path / "cut.agh"
    path.write_bytes(whole[: len(whole) * 2 // 3])
    replay = open_replay(path, market="demo-derby")
    core = on_exchange(replay)
    play(core, replay, START_NS + 200 * NS_PER_S)
    assert replay.ended
    assert "AGB-203" in replay.fault
    assert core.levels(replay.listing, Side.BUY)


def test_ids_are_such_as_clients_can_use() -> None:
    replay = open_replay(DEMO, market="demo-derby")
    again = open_replay(DEMO, market="demo-derby")
    assert replay.listing.tokens == again.listing.tokens
    assert len(replay.listing.condition) == 66
    int(replay.listing.condition[2:], 16)
    for token in replay.listing.tokens:
        assert (int(token) >> 40) & (1 << 64) - 1
    kept = listed(RAIN)
    assert (kept.condition, kept.tokens) == (RAIN.id, (RAIN.yes, RAIN.no))
    assert msgspec.structs.replace(kept.market, end_ns=0) == kept.market


@pytest.mark.parametrize(("market", "says"), [("", "several markets"), ("demo-moon", "no market 'demo-moon'")])
def test_it_must_be_told_which_market(market: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        open_replay(DEMO, market=market)
    assert caught.value.id == "AGB-207"
    assert "demo-derby" in caught.value.remedy


def test_a_bad_recording_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "r.agh"
    path.write_text("not a recording\n")
    with pytest.raises(ConfigError) as caught:
        open_replay(path)
    assert caught.value.id == "AGB-202"
    assert "docs/history.md" in caught.value.remedy
    with pytest.raises(ConfigError) as caught:
        open_replay(tmp_path / "absent.agh")
    assert caught.value.id == "AGB-201"


@pytest.mark.parametrize(("speed", "start_s"), [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (1.0, -1.0)])
def test_an_impossible_pace_is_refused(speed: float, start_s: float) -> None:
    with pytest.raises(ConfigError) as caught:
        open_replay(DEMO, market="demo-derby", speed=speed, start_s=start_s)
    assert caught.value.id == "AGB-207"
