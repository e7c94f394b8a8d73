"""The market channel without a socket: what is sent, what is said, what is doubted, when it is given up."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.model.events import (
    BookDelta,
    BookSnapshot,
    BookTrust,
    Doubt,
    MarketResolved,
    TickSizeChanged,
    TradePrint,
)
from agbot.model.market import Market
from agbot.testing.frames import best, book, price_change, resolved, tick_change, together, trade
from agbot.units import NS_PER_S
from agbot.venue.polymarket.session import MarketSession

S = NS_PER_S
GAME = Market(id="0xc0ffee", yes="11", no="12")
OTHER = Market(id="0xother", yes="21", no="22")
YES = book("11", {"0.48": "5"}, {"0.52": "5"}, ms=10)
NO = book("12", {"0.48": "5"}, {"0.52": "5"}, ms=10)


class Bench:
    """A session and its second hand."""

    def __init__(self, *markets: Market, live: bool = True):
        self.session = MarketSession(markets or (GAME,))
        self.now = 1_000 * S
        self.session.opened(self.now)
        self.texts()
        if live:
            self.hear(YES, NO)

    def hear(self, *frames: bytes):
        return self.session.received(frames, self.now)

    def wait(self, seconds: int, *frames: bytes, **how):
        """Let seconds pass, with these frames in each of them; returns the events of the ticks."""
        out = []
        for _ in range(seconds):
            self.now += S
            self.hear(*frames)
            out += self.session.tick(self.now, **how)
        return out

    def texts(self):
        return [t if t == "PING" else json.loads(t) for t in self.session.take_texts()]

    def asked(self):
        """Return which tokens were subscribed anew since the last look."""
        texts = [t for t in self.texts() if t != "PING"]
        assert [t["operation"] for t in texts] == ["unsubscribe", "subscribe"] * (len(texts) // 2)
        assert all(a["assets_ids"] == b["assets_ids"] for a, b in zip(texts[::2], texts[1::2], strict=True))
        return [t["assets_ids"] for t in texts[::2]]

    def doubts(self):
        return {state.token: state.doubt for state in self.session.states(self.now)}


# ---------------------------------------------------------------- what is sent


def test_the_first_frame_names_every_token_and_wants_best_prices():
    session = MarketSession([GAME, OTHER])
    session.opened(0)
    (first,) = session.take_texts()
    assert json.loads(first) == {
        "type": "market",
        "assets_ids": ["11", "12", "21", "22"],
        "custom_feature_enabled": True,
    }
    assert session.take_texts() == []


def test_a_ping_every_ten_seconds():
    bench = Bench()
    bench.wait(35, YES, b"PONG")
    assert bench.texts() == ["PING"] * 3


def test_markets_come_and_go_on_a_running_socket():
    bench = Bench()
    bench.session.subscribe([GAME, OTHER], bench.now)
    assert bench.texts() == [{"operation": "subscribe", "assets_ids": ["21", "22"], "custom_feature_enabled": True}]
    assert bench.session.unsubscribe([GAME, GAME], bench.now) == [
        BookTrust("11", Doubt.UNSUBSCRIBED, bench.now),
        BookTrust("12", Doubt.UNSUBSCRIBED, bench.now),
    ]
    assert bench.texts() == [{"operation": "unsubscribe", "assets_ids": ["11", "12"]}]
    assert bench.hear(YES) == []
    assert bench.session.tokens == ("21", "22")
    assert bench.session.checked("11", BookSnapshot("11", (), (), 1), bench.now) == []


def test_what_changes_while_there_is_no_socket_is_in_the_next_first_frame():
    bench = Bench()
    bench.session.lost(bench.now)
    bench.session.subscribe([OTHER], bench.now)
    bench.session.unsubscribe([GAME], bench.now)
    assert bench.texts() == []
    assert bench.session.tick(bench.now + 60 * S) == []
    bench.session.opened(bench.now)
    assert [t["assets_ids"] for t in bench.texts()] == [["21", "22"]]


# ---------------------------------------------------------------- what is said


def test_facts_come_in_order_and_nothing_is_added_to_them():
    bench = Bench()
    said = bench.hear(
        price_change(("11", "BUY", "0.49", "7", "0.49", "0.52"), ("12", "SELL", "0.51", "7", "0.48", "0.51")),
        b"PONG",
        trade("11", "BUY", "0.52", "3"),
        best("11", "0.49", "0.52"),
    )
    assert [type(e) for e in said] == [BookDelta, BookDelta, TradePrint]
    assert bench.doubts() == {"11": "", "12": ""}


def test_deltas_before_their_book_are_dropped_and_counted():
    bench = Bench(live=False)
    change = price_change(("11", "BUY", "0.49", "7"))
    assert bench.hear(change) == []
    assert bench.session.early == 1
    assert [type(e) for e in bench.hear(YES, change)] == [BookSnapshot, BookDelta]


def test_a_market_ends_once():
    bench = Bench()
    assert bench.hear(resolved("11"), resolved("11")) == [MarketResolved("0xc0ffee", "11", 6_000_000)]
    assert bench.session.resolved(MarketResolved("0xc0ffee", "11", 1)) == []
    assert bench.wait(120, b"PONG") == []
    assert (bench.session.dead, bench.asked()) == ("", [])


def test_states_are_plain_values():
    bench = Bench()
    bench.now = 1_000 * S
    bench.wait(30, price_change(("11", "BUY", "0.49", "7"), ms=1_000_000))
    state = next(bench.session.states(bench.now + S))
    assert (state.token, state.market, state.messages, state.faults) == ("11", "0xc0ffee", 31, 0)
    assert (state.best_bid, state.best_ask, state.age_s, state.doubt) == (490_000, 520_000, 1, "")
    assert 0.9 < state.rate < 1.1
    assert state.lag_ms == 30_000
    quiet = list(MarketSession([GAME]).states(0))[1]
    assert (quiet.age_s, quiet.doubt) == (float("inf"), "no snapshot yet")


# ---------------------------------------------------------------- ticks


def test_a_tick_change_doubts_until_the_next_book_and_asks_for_it():
    bench = Bench()
    bench.wait(10, YES, b"PONG")
    bench.texts()
    assert bench.hear(tick_change("11", "0.01", "0.001")) == [
        TickSizeChanged("11", 1_000, 4_000_000),
        BookTrust("11", Doubt.TICK, bench.now),
    ]
    bench.wait(1)
    assert bench.asked() == [["11"]]
    said = bench.hear(book("11", {"0.481": "5"}, {"0.52": "5"}, ms=20))
    assert said[1:] == [BookTrust("11", "", bench.now)]


def test_a_finer_tick_that_nobody_announced():
    bench = Bench()
    said = bench.hear(price_change(("11", "BUY", "0.485", "7"), ms=20))
    assert said == [
        TickSizeChanged("11", 5_000, 20_000_000),
        BookDelta("11", ((0, 485_000, 7_000_000),), 20_000_000),
        BookTrust("11", Doubt.TICK, bench.now),
    ]
    assert next(bench.session.states(bench.now)).best_bid == 485_000


def test_a_coarser_tick_takes_effect_with_the_next_book():
    bench = Bench()
    bench.hear(price_change(("11", "BUY", "0.485", "7"), ms=20), tick_change("11", "0.005", "0.01"))
    assert bench.doubts()["11"] == Doubt.TICK
    bench.hear(YES)
    assert bench.doubts()["11"] == ""
    assert type(bench.hear(price_change(("11", "BUY", "0.485", "7")))[0]) is TickSizeChanged


def test_a_book_that_names_its_tick_needs_no_other():
    bench = Bench()
    said = bench.hear(book("11", {"0.481": "5"}, {"0.52": "5"}, tick_size="0.001"))
    assert [type(e) for e in said] == [TickSizeChanged, BookSnapshot]
    assert bench.doubts()["11"] == ""


# ---------------------------------------------------------------- doubts and their remedy


@pytest.mark.parametrize(
    "frame",
    [
        price_change(("11", "BUY", "0.4800001", "7")),
        price_change(("11", "HOLD", "0.48", "7")),
        book("11", {"0.480001": "1"}, {}),
        b'{"event_type":"book","asset_id":"11","bids":[',
    ],
    ids=["price", "side", "grid", "torn"],
)
def test_an_impossible_message_doubts_the_tokens_it_names(frame):
    bench = Bench()
    said = bench.hear(frame)
    assert said[-1] == BookTrust("11", Doubt.IMPOSSIBLE, bench.now)
    assert (bench.doubts()["12"], next(bench.session.states(0)).faults) == ("", 1)
    assert bench.hear(YES)[-1] == BookTrust("11", "", bench.now)


def test_what_is_no_message_of_ours_is_kept_for_people_only():
    bench = Bench()
    for _ in range(30):
        assert bench.hear(b"not json 21", b'{"event_type":"weather"}', b"[]") == []
    assert bench.doubts() == {"11": "", "12": ""}
    assert (len(bench.session.faults), bench.session.decoder.unknown["weather"]) == (20, 30)


def test_a_contradicted_book_is_asked_for_again_ever_more_rarely_until_it_is_calm():
    bench = Bench()
    wrong = best("11", "0.40", "0.52")
    bench.wait(600, wrong, b"PONG")
    assert bench.doubts() == {"11": Doubt.DISAGREES, "12": ""}
    assert bench.asked() == [["11"]] * 6  # after 10, 20, 40, 80, 160, 300 seconds
    bench.hear(YES)
    bench.wait(1000, YES, b"PONG")
    assert bench.asked() == []
    bench.wait(10, wrong, b"PONG")
    assert bench.asked() == [["11"]]


def test_best_prices_from_before_a_whole_book_say_no_more():
    bench = Bench()
    bench.hear(best("11", "0.30", "0.31"), YES)
    bench.wait(10)
    assert bench.doubts()["11"] == ""


def test_a_subscription_that_brings_no_book_is_repeated():
    bench = Bench(live=False)
    bench.wait(11, YES, b"PONG")
    assert bench.asked() == [["12"]]
    bench.wait(100, YES, b"PONG")
    assert len(bench.asked()) == 3


def test_a_ghost_shows_by_the_other_outcome():
    bench = Bench(live=False)
    bench.hear(book("11", {"0.01": "9"}, {"0.99": "9"}))
    assert bench.hear(NO)[1:] == []
    assert bench.wait(1) == [BookTrust("11", Doubt.GHOST, bench.now)]


def test_all_that_was_missed_is_doubted_after_a_loss_until_its_book():
    bench = Bench()
    assert bench.session.lost(bench.now) == [
        BookTrust("11", Doubt.GAP, bench.now),
        BookTrust("12", Doubt.GAP, bench.now),
    ]
    assert bench.session.lost(bench.now) == []
    bench.session.opened(bench.now)
    assert bench.hear(price_change(("11", "BUY", "0.49", "7"))) == []
    said = bench.hear(YES)
    assert [type(e) for e in said] == [BookSnapshot, BookTrust]
    assert bench.doubts() == {"11": "", "12": Doubt.GAP}


# ---------------------------------------------------------------- silence


def test_a_socket_that_only_answers_pings_is_probed_doubted_and_given_up():
    bench = Bench()
    assert bench.wait(20, b"PONG") == []
    assert bench.asked() == []
    assert bench.wait(1, b"PONG") == []
    assert bench.asked() == [["11"]]
    doubted = bench.wait(10, b"PONG")
    assert [(e.token, e.cause) for e in doubted] == [("11", Doubt.SILENT), ("12", Doubt.SILENT)]
    assert (bench.asked(), bench.session.dead) == ([], "")
    bench.wait(15, b"PONG")
    assert bench.session.dead == "no data for 45 s"


def test_any_data_ends_the_silence():
    bench = Bench()
    bench.wait(31, b"PONG")
    bench.hear(YES)
    assert bench.doubts() == {"11": "", "12": Doubt.SILENT}
    assert bench.wait(1) == [BookTrust("12", "", bench.now)]


def test_a_quiet_market_costs_one_probe_each_time_and_no_doubt():
    bench = Bench()
    doubts = []
    for _ in range(10):
        doubts += bench.wait(21, b"PONG")
        bench.hear(YES)
    assert (doubts, len(bench.asked()), bench.session.dead) == ([], 10, "")


def test_a_socket_without_pongs_is_dead_however_much_it_says():
    bench = Bench()
    bench.wait(30, YES)
    assert bench.session.dead == ""
    bench.wait(1, YES)
    assert bench.session.dead == "no PONG for 30 s"


def test_a_reader_that_waits_for_us_is_not_silence():
    bench = Bench()
    assert bench.wait(300, stalled=True) == []
    assert (bench.session.dead, bench.asked()) == ("", [])


# ---------------------------------------------------------------- checks over REST


def test_books_are_checked_in_turn_and_doubts_first():
    bench = Bench(GAME, OTHER, live=False)
    bench.hear(YES, NO, book("21", {"0.3": "1"}, {"0.4": "1"}), book("22", {"0.6": "1"}, {"0.7": "1"}))
    asked = []
    for _ in range(16):
        bench.wait(1, YES)
        asked += bench.session.take_checks()
    assert asked == ["11", "12", "12", "21", "21", "22", "22", "11"]
    found = BookSnapshot("22", ((620_000, 1),), (), 99_000_000)
    assert bench.session.checked("22", found, bench.now) == []
    assert bench.session.checked("22", found, bench.now) == [BookTrust("22", Doubt.REST, bench.now)]
    asked = []
    for _ in range(8):
        bench.wait(1, YES)
        asked += bench.session.take_checks()
    assert asked.count("22") >= 2


# ---------------------------------------------------------------- whatever comes

pieces = st.sampled_from(
    [
        YES, NO, b"PONG", b"junk", b"[]", resolved("11"), best("11", "0.1", "0.9"), best("12", "", ""),
        tick_change("11", "0.01", "0.001"), tick_change("11", "0.001", "0.01"), trade("12", "SELL", "0.5", "1"),
        price_change(("11", "BUY", "0.55", "9"), ("12", "SELL", "0.45", "9")),
        price_change(("11", "BUY", "0.4815", "9")), price_change(("11", "BUY", "0.481", "0")),
        book("12", {"0.01": "1"}, {"0.99": "1"}), together([YES, price_change(("11", "SELL", "0.5", "1"))]),
        book("11", {"0.483": "2"}, {}), price_change(("99", "BUY", "0.5", "1")),
    ]
)  # fmt: skip


@given(st.lists(st.one_of(pieces, st.sampled_from(["tick", "lost", "opened", "checks"])), max_size=40))
def test_what_is_told_is_always_what_is_thought(story):
    """Property: the last trust told of a token is its state's doubt, and texts are bounded by the time that passed."""
    bench = Bench(live=False)
    told = {"11": Doubt.NO_SNAPSHOT, "12": Doubt.NO_SNAPSHOT}
    asked = 0
    for step in story:
        bench.now += S
        match step:
            case "tick":
                said = bench.session.tick(bench.now)
            case "lost":
                said = bench.session.lost(bench.now)
            case "opened":
                said = bench.session.opened(bench.now) or []
            case "checks":
                said = [
                    e
                    for name in bench.session.take_checks()
                    for e in bench.session.checked(name, BookSnapshot(name, (), (), bench.now), bench.now)
                ]
            case frame:
                said = bench.hear(frame)
        for event in said:
            if isinstance(event, BookTrust):
                assert told[event.token] != event.cause, "told twice"
                told[event.token] = event.cause
            elif isinstance(event, BookSnapshot) and told[event.token] == Doubt.NO_SNAPSHOT:
                told[event.token] = ""
        asked += len([t for t in bench.texts() if isinstance(t, dict) and t.get("operation") == "subscribe"])
        thought = bench.doubts()
        assert {t: c for t, c in told.items() if c != Doubt.NO_SNAPSHOT} == {
            t: c for t, c in thought.items() if told[t] != Doubt.NO_SNAPSHOT
        }
    assert asked <= 2 + len(story) // 3
