"""Realtime v2 as a pure session: sign in, one filter at a time, numbers that show what was lost, closes that end it."""

from __future__ import annotations

import itertools
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.secrets import Secret
from agbot.units import NS_PER_MS, NS_PER_S
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.realtime import RealtimeSession, RealtimeTerms
from agbot.venue.polymarket.topics import realtime_topic
from agbot.venue.polymarket.watch import TopicDoubt

S = NS_PER_S
START = 1_763_000_000 * S
CREDENTIALS = ApiCredentials(key="k-1", secret=Secret("c2VjcmV0"), passphrase=Secret("pass-1"))


def encoded(value):
    return msgspec.json.encode(value)


def price(seq, symbol="btcusd", channel="price.crypto", *, value="61000.5", **more):
    payload = {
        "symbol": symbol,
        "timestamp": START // NS_PER_MS,
        "value": float(value),
        "full_accuracy_value": value,
        "source": "x",
    }
    return encoded({"v": 1, "channel": channel, "seq": seq, "ts": START // NS_PER_MS, "payload": payload} | more)


class Bench:
    """A session whose server answers everything unless told not to."""

    def __init__(self, *symbols, terms=None):
        self.session = RealtimeSession([realtime_topic(s) for s in symbols], CREDENTIALS, terms)
        self.now_ns = START
        self.sent = []
        self.times = []
        self.news = []
        self.answers = True
        self.session.opened(self.now_ns)
        self.drain()

    def drain(self):
        for text in self.session.take_texts():
            frame = json.loads(text)
            self.sent.append(frame)
            self.times.append(self.now_ns)
            if self.answers:
                self.answer(frame)

    def answer(self, frame):
        acks = {"auth": "authed", "subscribe": "subscribed", "unsubscribe": "unsubscribed", "ping": "pong"}
        self.hear({"op": acks[frame["op"]], "rid": frame["rid"]})

    def hear(self, *frames):
        raw = [frame if isinstance(frame, bytes) else encoded(frame) for frame in frames]
        return self.session.received(raw, self.now_ns)

    def go(self, seconds, step=0.1, frame=None):
        for _ in range(round(seconds / step)):
            self.now_ns += int(step * S)
            if frame:
                self.hear(frame)
            self.news += [(n.topic, n.doubt) for n in self.session.tick(self.now_ns)]
            self.drain()

    def ops(self):
        return [frame["op"] for frame in self.sent]

    def state(self, index=0):
        return list(self.session.states(self.now_ns))[index]


def test_it_signs_in_then_subscribes_one_filter_at_a_time():
    bench = Bench("btcusd", "price.crypto.twap:ethusd")
    bench.go(2)
    assert bench.sent == [
        {"op": "auth", "auth": {"apiKey": "k-1", "secret": "c2VjcmV0", "passphrase": "pass-1"}, "rid": "1"},
        {"op": "subscribe", "subscriptions": [{"channel": "price.crypto", "filter": {"symbol": "btcusd"}}], "rid": "2"},
        {
            "op": "subscribe",
            "subscriptions": [{"channel": "price.crypto.twap", "filter": {"symbol": "ethusd", "window_seconds": 60}}],
            "rid": "3",
        },
    ]


def test_the_key_is_in_its_frame_and_nowhere_else():
    bench = Bench("btcusd")
    said = repr(bench.session) + repr(vars(bench.session))
    assert [secret for secret in ("k-1", "c2VjcmV0", "pass-1") if secret in said] == []


def test_operations_keep_their_distance():
    bench = Bench(*(f"c{i}usd" for i in range(64)))
    bench.go(20, step=0.01)
    assert bench.ops().count("subscribe") == 64
    gaps = [b - a for a, b in zip(bench.times, bench.times[1:], strict=False)]
    assert min(gaps) >= 110 * NS_PER_MS


def test_no_more_filters_than_a_socket_takes():
    with pytest.raises(ValueError, match="65 filters; a socket takes 64"):
        Bench(*(f"c{i}usd" for i in range(65)))


def test_nothing_is_subscribed_before_the_key_is_accepted():
    bench = Bench()
    bench.answers = False
    bench.session.opened(START)
    bench.drain()
    bench.go(9)
    assert bench.ops() == ["auth", "auth"]
    assert bench.session.dead == ""
    bench.go(2)
    assert bench.session.dead == "no answer to the API key within 10 s"


@pytest.mark.parametrize("code", ["auth_invalid", "auth_attempts"])
def test_a_bad_key_ends_it_for_good(code):
    bench = Bench("btcusd")
    bench.hear({"op": "error", "rid": "1", "code": code})
    assert bench.session.ended == bench.session.dead == f"the API key was not accepted ({code})"


@pytest.mark.parametrize("code", ["auth_expired", "auth_required", "auth_unavailable"])
def test_a_lapsed_sign_in_is_done_again_on_a_new_socket(code):
    bench = Bench("btcusd")
    bench.hear({"op": "error", "code": code})
    assert (bench.session.dead, bench.session.ended) == (f"not signed in ({code})", "")
    bench.session.lost()
    bench.session.opened(bench.now_ns)
    bench.drain()
    assert (bench.ops()[-1], bench.session.dead) == ("auth", "")


@pytest.mark.parametrize(
    ("code", "dice", "wait_s", "ended"),
    [
        (4001, 0.5, 1.0, "closed with 4001: the API key was not accepted"),
        (4008, 0.5, 1.0, "closed with 4008: the venue's policy"),
        (4003, 0.5, 5.0, ""),
        (4002, 0.5, 1.0, ""),
        (1006, 1.0, 2.0, ""),
        (0, 0.0, 0.0, ""),
    ],
)
def test_close_codes(code, dice, wait_s, ended):
    session = Bench("btcusd").session
    assert (session.reopen_s(code, 1, dice), session.ended) == (wait_s, ended)


def test_the_wait_is_bounded():
    assert Bench("btcusd").session.reopen_s(4002, 99, 1.0) == 30.0


@pytest.mark.parametrize("code", ["bad_channel", "bad_filter", "sub_limit", "bad_op"])
def test_a_refused_filter_is_named_and_not_asked_for_again(code):
    bench = Bench("btcusd", "nosuchusd")
    bench.answers = False
    bench.go(1)
    bench.hear({"op": "error", "rid": "3", "code": code, "message": "no"}, {"op": "subscribed", "rid": "2"})
    bench.answers = True
    before = len(bench.sent)
    bench.go(600, step=1, frame=price(1))
    assert bench.state(1).doubt == f"refused: {code} no"
    assert ("price.crypto:nosuchusd", f"refused: {code} no") in bench.news
    assert set(bench.ops()[before:]) == {"ping"}
    bench.session.lost()
    bench.session.opened(bench.now_ns)
    bench.drain()
    bench.go(2)
    assert bench.ops()[-2:] == ["auth", "subscribe"]


@pytest.mark.parametrize("passing", ["rate_limited", "no answer"])
def test_what_passes_is_asked_for_again(passing):
    bench = Bench("btcusd")
    bench.answers = False
    bench.go(1)
    if passing == "rate_limited":
        bench.hear({"op": "error", "rid": "2", "code": "rate_limited"})
    bench.go(11)
    bench.answers = True
    assert bench.state().doubt.startswith(f"refused: {passing}")
    bench.go(15)
    assert bench.ops()[-2:] == ["unsubscribe", "subscribe"]
    bench.hear(price(1))
    assert bench.state().doubt == ""


def test_an_error_that_belongs_to_nothing_is_kept():
    bench = Bench("btcusd")
    bench.hear({"op": "error", "code": "bad_op", "rid": "77"}, b"{")
    assert bench.session.faults[0] == "refused: bad_op"
    assert len(bench.session.faults) == 2


# ---------------------------------------------------------------- prices


def test_prices_of_what_was_asked_for():
    bench = Bench("btcusd")
    bench.go(1)
    (told,) = bench.hear(price(1), price(2, "ethusd"), price(1, channel="price.equity"))
    assert [(q.symbol, q.source, q.value) for q in told.quotes] == [("btcusd", "price.crypto", 61_000_500_000)]
    assert (bench.session.unasked, bench.state().messages) == (2, 1)


def test_a_snapshot_is_history():
    bench = Bench("btcusd")
    bench.go(1)
    rows = [{"timestamp": START // NS_PER_MS - i, "value": 1, "full_accuracy_value": "1"} for i in range(3)]
    payload = {"symbol": "btcusd", "source": "x", "data": rows}
    frame = {
        "v": 1,
        "channel": "price.crypto",
        "seq": 1,
        "ts": START // NS_PER_MS,
        "snapshot": True,
        "payload": payload,
    }
    (told,) = bench.hear(frame)
    assert told.snapshot
    assert [q.backfill for q in told.quotes] == [True] * 3
    assert bench.state().lag_ms == 0


@pytest.mark.parametrize(
    ("numbers", "gaps", "disordered"),
    [([1, 2, 3], 0, 0), ([5, 6], 0, 0), ([1, 4], 2, 0), ([1, 1], 0, 1), ([3, 1, 4], 0, 1), ([1, 3, 2, 4], 1, 1)],
)
def test_numbers_show_what_was_lost(numbers, gaps, disordered):
    bench = Bench("btcusd")
    bench.go(1)
    bench.hear(*map(price, numbers))
    assert (bench.state().gaps, bench.session.disordered) == (gaps, disordered)


def test_numbers_are_per_channel_and_start_anew_on_a_new_socket():
    bench = Bench("btcusd", "price.equity:aaplusd")
    bench.hear(price(10), price(90, "aaplusd", "price.equity"), price(11))
    bench.session.lost()
    bench.session.opened(bench.now_ns)
    bench.hear(price(1))
    assert [state.gaps for state in bench.session.states(bench.now_ns)] == [0, 0]


def test_what_the_server_left_out_counts_as_lost():
    bench = Bench("btcusd")
    bench.hear(price(1), price(2, dropped=7))
    assert (bench.session.dropped, bench.state().gaps) == (7, 7)


# ---------------------------------------------------------------- time


def test_it_pings_every_thirty_seconds_and_is_stale_without_any_frame():
    bench = Bench("btcusd")
    bench.go(1)
    bench.answers = False
    bench.go(89)
    assert (bench.ops().count("ping"), bench.session.dead) == (3, "")
    bench.go(2)
    assert bench.session.dead == "no frame for 90 s"


def test_pongs_keep_the_socket_and_silence_is_still_named():
    bench = Bench("btcusd")
    bench.go(200)
    assert bench.session.dead == ""
    assert bench.news == [("price.crypto:btcusd", TopicDoubt.NEVER)]
    assert 2 <= bench.ops().count("unsubscribe") <= 6


def test_a_lost_socket_says_nothing():
    bench = Bench("btcusd")
    bench.session.lost()
    assert bench.session.tick(bench.now_ns + 1000 * S) == []
    assert (bench.session.take_texts(), bench.state().doubt) == ([], TopicDoubt.LINK)


frames = st.sampled_from(
    [
        price(1), price(2), price(9), price(3, "ethusd"), price(4, dropped=2), b"{", encoded({"op": "pong"}),
        encoded({"op": "subscribed", "rid": "2"}), encoded({"op": "error", "rid": "2", "code": "bad_filter"}),
        encoded({"op": "error", "rid": "3", "code": "rate_limited"}), encoded({"op": "authed", "rid": "1"}),
    ]
)  # fmt: skip
moves = st.lists(
    st.one_of(
        st.tuples(st.just("go"), st.sampled_from([0.05, 0.5, 5.0, 40.0])),
        st.tuples(st.just("hear"), frames),
        st.tuples(st.sampled_from(["lose", "open", "answer", "mute"]), st.just(None)),
    ),
    max_size=40,
)


@given(moves)
def test_whatever_happens(script):
    terms = RealtimeTerms()
    bench = Bench("btcusd", "ethusd", terms=terms)
    is_open = True
    opened_at = [0]
    for move, value in script:
        if move == "go":
            bench.go(value, step=min(value, 0.5))
        elif move == "hear" and is_open:
            bench.hear(value)
        elif move == "lose":
            bench.session.lost()
            is_open = False
        elif move == "open" and not is_open:
            opened_at.append(len(bench.sent))
            bench.session.opened(bench.now_ns)
            is_open = True
        elif move in ("answer", "mute"):
            bench.answers = move == "answer"
        before = len(bench.sent)
        bench.drain()
        assert is_open or before == len(bench.sent)
        assert is_open or {s.doubt for s in bench.session.states(bench.now_ns)} == {TopicDoubt.LINK}
    rids = [int(frame["rid"]) for frame in bench.sent]
    assert rids == sorted(set(rids))
    for begin, end in zip(opened_at, [*opened_at[1:], len(bench.sent)], strict=True):
        times = bench.times[begin:end]
        assert all(b - a >= terms.spacing_s * S for a, b in itertools.pairwise(times))
        assert [frame["op"] for frame in bench.sent[begin:end]][:1] in ([], ["auth"])
    assert all(len(frame.get("subscriptions", [1])) == 1 for frame in bench.sent)
