"""RTDS as a pure session: what it asks for, whom it blames, what it reports by name, and when it gives a socket up."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.secrets import Secret
from agbot.units import NS_PER_MS, NS_PER_S
from agbot.venue.polymarket.auth import ApiCredentials
from agbot.venue.polymarket.rtds import PING, RtdsSession, RtdsTerms
from agbot.venue.polymarket.topics import PRICES_END_NS, RTDS, Topic, needs_socket, realtime_topic, rtds_topic
from agbot.venue.polymarket.watch import LAGS_KEPT, REMEDIES, TopicDoubt, percentile
from agbot.venue.polymarket.wire.prices import Quote

S = NS_PER_S
BEFORE_THE_END = PRICES_END_NS - 30 * 86_400 * S
CREDENTIALS = ApiCredentials(key="k-1", secret=Secret("c2VjcmV0"), passphrase=Secret("pass-1"))


def encoded(value):
    return msgspec.json.encode(value)


def price(symbol="btcusdt", value=61_000.5, topic="crypto_prices", ts_ns=BEFORE_THE_END, kind="update", **more):
    payload = {"symbol": symbol, "timestamp": ts_ns // NS_PER_MS, "value": value} | more
    return encoded({"topic": topic, "type": kind, "timestamp": ts_ns // NS_PER_MS, "payload": payload})


def trade(slug="rain", ts_ns=BEFORE_THE_END):
    payload = {"asset": "11", "side": "BUY", "price": 0.5, "size": 1, "timestamp": ts_ns // S, "slug": slug}
    return encoded({"topic": "activity", "type": "trades", "timestamp": ts_ns // NS_PER_MS, "payload": payload})


REFUSED = encoded({"statusCode": 401, "body": {"message": "Unauthorized"}})


class Bench:
    """A session with a clock in seconds from `start_ns`."""

    def __init__(self, *topics, start_ns=BEFORE_THE_END, **options):
        self.session = RtdsSession([rtds_topic(t) for t in topics], **options)
        self.now_ns = self.start_ns = start_ns
        self.news = []
        self.session.opened(self.now_ns)

    def sent(self):
        return [t if t == PING else json.loads(t) for t in self.session.take_texts()]

    def asked(self):
        return [
            (f["action"], *((s["topic"], s.get("filters")) for s in f["subscriptions"]))
            for f in self.sent()
            if f != PING
        ]

    def hear(self, *raw):
        return self.session.received(raw, self.now_ns)

    def go(self, seconds, step=1.0, frame=None):
        """Let time pass; `frame()` is heard at each step."""
        for _ in range(round(seconds / step)):
            self.now_ns += int(step * S)
            if frame:
                self.hear(frame())
            self.news += [(n.topic, n.doubt) for n in self.session.tick(self.now_ns)]

    def doubts(self):
        return {state.topic: state.doubt for state in self.session.states(self.now_ns)}


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", RTDS)
def test_every_topic_can_be_named(name):
    assert str(rtds_topic(name)) == name
    assert rtds_topic(f"{name}:X").name == name


@pytest.mark.parametrize("text", ["", "market", "crypto", "crypto_price", ":btcusdt", "crypto_prices "])
def test_a_name_that_is_none_is_refused_with_the_list(text):
    with pytest.raises(ValueError, match="there are activity, comments, crypto_prices"):
        rtds_topic(text)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("btcusd", Topic("price.crypto", "btcusd")),
        ("BTCUSD", Topic("price.crypto", "btcusd")),
        ("price.equity.twap:aaplusd", Topic("price.equity.twap", "aaplusd")),
    ],
)
def test_symbols_of_realtime(text, topic):
    assert realtime_topic(text) == topic


@pytest.mark.parametrize("text", ["btc/usd", "btcusdt", "", "price.oil:brentusd", "price.crypto:", "price.crypto"])
def test_what_realtime_does_not_have(text):
    with pytest.raises(ValueError, match=r"channels are price\.crypto|like btcusd"):
        realtime_topic(text)


def test_books_and_own_orders_need_no_rtds():
    assert needs_socket(map(Topic, ["clob_market", "activity", "clob_user"])) == (Topic("activity"),)


# ---------------------------------------------------------------- subscribing


def test_the_first_frames_are_a_ping_and_one_subscription():
    bench = Bench("crypto_prices:btcusdt", "activity")
    wanted = {"topic": "crypto_prices", "type": "*", "filters": '{"symbol":"btcusdt"}'}
    assert bench.sent() == [PING, {"action": "subscribe", "subscriptions": [wanted]}]


def test_each_frame_has_one_topic_and_they_follow_one_a_second():
    bench = Bench("crypto_prices", "crypto_prices_chainlink", "activity", "comments:42")
    bench.go(3)
    filters = [("crypto_prices", None), ("crypto_prices_chainlink", None), ("activity", None)]
    narrowed = ("comments", '{"parentEntityID":42,"parentEntityType":"Event"}')
    assert bench.asked() == [("subscribe", s) for s in [*filters, narrowed]]


def test_several_keys_share_one_subscription_without_a_filter():
    bench = Bench("crypto_prices:btcusdt", "crypto_prices:ethusdt")
    bench.go(5)
    assert bench.asked() == [("subscribe", ("crypto_prices", None))]


def test_the_slug_filter_of_activity_stays_here():
    bench = Bench("activity:rain")
    assert bench.asked() == [("subscribe", ("activity", None))]
    frames = bench.hear(trade("rain"), trade("snow"))
    assert [item.slug for frame in frames for item in frame.items] == ["rain"]
    assert bench.session.unasked == 1


def test_filters_are_compact_json_for_a_space_kills_the_subscription():
    bench = Bench("clob_market", tokens=("11", "22"))
    assert bench.asked() == [("subscribe", ("clob_market", '["11","22"]'))]


def test_own_orders_carry_the_key_in_their_frame_and_nowhere_else():
    bench = Bench("activity", "clob_user", credentials=CREDENTIALS)
    bench.go(1)
    frame = bench.sent()[-1]
    secrets = {"key": "k-1", "secret": "c2VjcmV0", "passphrase": "pass-1"}
    assert frame["subscriptions"] == [{"topic": "clob_user", "type": "*", "clob_auth": secrets}]
    said = repr(bench.session) + repr(vars(bench.session)) + str(list(bench.session.states(bench.now_ns)))
    assert [secret for secret in secrets.values() if secret in said] == []


def test_own_orders_without_a_key_are_refused():
    with pytest.raises(ValueError, match="clob_user needs the API key"):
        RtdsSession([rtds_topic("clob_user")])


def test_it_pings_every_five_seconds():
    bench = Bench("activity")
    bench.go(20, frame=trade)
    assert bench.sent().count(PING) == 1 + 4


# ---------------------------------------------------------------- what comes in


def test_prices_arrive_with_their_lag_and_history_does_not_count_as_lag():
    bench = Bench("crypto_prices")
    bench.now_ns += 250 * NS_PER_MS
    history = {"symbol": "btcusdt", "data": [{"timestamp": (BEFORE_THE_END - 60 * S) // NS_PER_MS, "value": 1}]}
    frames = bench.hear(
        encoded({"topic": "crypto_prices", "type": "subscribe", "timestamp": 1, "payload": history}),
        price(ts_ns=BEFORE_THE_END),
    )
    quotes = [item for frame in frames for item in frame.items]
    assert [(type(q), q.value, q.backfill) for q in quotes] == [(Quote, 10**6, True), (Quote, 61_000_500_000, False)]
    (state,) = bench.session.states(bench.now_ns)
    assert (state.messages, state.lag_ms, state.lag_p99_ms, state.age_s, state.doubt) == (2, 250.0, 250.0, 0.0, "")


def test_chainlink_history_under_the_other_name_counts_for_chainlink():
    bench = Bench("crypto_prices_chainlink:btc/usd")
    history = {"symbol": "btc/usd", "data": [{"timestamp": BEFORE_THE_END // NS_PER_MS, "value": 61_000}]}
    bench.hear(encoded({"topic": "crypto_prices", "type": "subscribe", "timestamp": 1, "payload": history}))
    assert bench.doubts() == {"crypto_prices_chainlink:btc/usd": ""}


def test_what_cannot_be_read_is_kept_as_a_sentence_and_is_no_sign_of_life():
    bench = Bench("crypto_prices")
    assert bench.hear(b"{", price(value=-1)) != []
    assert len(bench.session.faults) == 2
    assert bench.doubts() == {"crypto_prices": TopicDoubt.WAITING}
    for _ in range(50):
        bench.hear(b"{")
    assert len(bench.session.faults) == 20


@pytest.mark.parametrize("silent", [b"", b"PONG", b"pong"])
def test_an_answer_to_a_ping_says_nothing(silent):
    assert Bench("activity").hear(silent) == []


# ---------------------------------------------------------------- silence, by name


def test_a_topic_that_never_delivers_is_named_while_others_flow():
    bench = Bench("activity", "crypto_prices")
    bench.go(31, frame=trade)
    assert bench.news == []
    bench.go(5, frame=trade)
    assert bench.news == [("crypto_prices", TopicDoubt.NEVER)]
    assert bench.doubts() == {"activity": "", "crypto_prices": TopicDoubt.NEVER}
    assert bench.session.dead == ""


def test_a_topic_that_stops_is_named_asked_for_again_without_its_filter_and_told_when_it_delivers():
    bench = Bench("activity", "crypto_prices:btcusdt")
    bench.go(3, frame=trade)
    bench.hear(price())
    bench.asked()
    bench.go(32, frame=trade)
    assert bench.news == [("crypto_prices:btcusdt", TopicDoubt.SILENT)]
    assert bench.asked() == [(a, ("crypto_prices", None)) for a in ("unsubscribe", "subscribe")]
    bench.hear(price())
    bench.go(1, frame=trade)
    assert bench.news[1:] == [("crypto_prices:btcusdt", "")]


def test_a_silent_topic_is_asked_for_ever_more_rarely():
    bench = Bench("activity", "crypto_prices")
    bench.go(3600, frame=trade)
    times = len([a for a in bench.asked() if a[0] == "unsubscribe"])
    assert 5 <= times <= 10
    assert bench.news == [("crypto_prices", TopicDoubt.NEVER)]


def test_after_the_announced_end_the_remedy_is_named():
    bench = Bench("activity", "crypto_prices", start_ns=PRICES_END_NS + S)
    bench.go(40, frame=trade)
    assert bench.news == [("crypto_prices", TopicDoubt.ENDED)]
    assert "realtime: [btcusd]" in REMEDIES[TopicDoubt.ENDED]


def test_a_price_topic_that_still_delivers_after_its_end_is_believed():
    bench = Bench("crypto_prices", start_ns=PRICES_END_NS + S)
    bench.go(120, frame=price)
    assert (bench.news, bench.doubts()) == ([], {"crypto_prices": ""})


@pytest.mark.parametrize(("topic", "normal_s"), [("comments", 3_000), ("equity_prices", 60 * 3_600)])
def test_rare_topics_may_be_silent(topic, normal_s):
    bench = Bench(topic)
    bench.go(normal_s, step=60)
    assert (bench.news, bench.session.dead) == ([], "")


# ---------------------------------------------------------------- refusals


def test_a_refusal_is_blamed_on_the_subscription_before_it():
    bench = Bench("activity", "crypto_prices", "comments")
    bench.hear(trade())
    bench.go(1)
    bench.hear(REFUSED)
    bench.go(1)
    assert bench.doubts() == {
        "activity": "",
        "crypto_prices": "refused: 401 Unauthorized",
        "comments": TopicDoubt.WAITING,
    }
    assert bench.news == [("crypto_prices", "refused: 401 Unauthorized")]


def test_a_refusal_nobody_is_suspected_of_is_blamed_on_all_that_are_doubted():
    bench = Bench("activity", "crypto_prices")
    bench.hear(trade())
    bench.go(1)
    bench.hear(REFUSED, REFUSED)
    assert bench.doubts()["activity"] == ""
    assert bench.doubts()["crypto_prices"].startswith("refused")


def test_a_refused_topic_is_tried_again_and_believed_when_it_delivers():
    bench = Bench("activity", "crypto_prices")
    bench.hear(trade())
    bench.go(1, frame=trade)
    bench.hear(REFUSED)
    bench.asked()
    bench.go(40, frame=trade)
    assert bench.asked() == [(a, ("crypto_prices", None)) for a in ("unsubscribe", "subscribe")]
    bench.hear(price())
    assert bench.doubts()["crypto_prices"] == ""


# ---------------------------------------------------------------- the link


def test_a_socket_without_data_is_given_up_although_it_is_open():
    bench = Bench("activity")
    bench.go(60)
    assert bench.session.dead == ""
    bench.go(2)
    assert bench.session.dead == "no data for 60 s"


def test_a_new_socket_subscribes_anew_and_a_lost_one_is_told():
    bench = Bench("activity")
    bench.hear(trade())
    bench.sent()
    bench.session.lost()
    assert bench.doubts() == {"activity": TopicDoubt.LINK}
    assert bench.session.tick(bench.now_ns + 100 * S) == []
    assert bench.sent() == []
    bench.now_ns += 1000 * S
    bench.session.opened(bench.now_ns)
    assert bench.asked() == [("subscribe", ("activity", None))]
    bench.go(29)
    assert bench.doubts() == {"activity": TopicDoubt.WAITING}
    bench.go(2)
    assert bench.doubts() == {"activity": TopicDoubt.SILENT}


def test_reopening_waits_longer_each_time_up_to_a_bound():
    session = RtdsSession([Topic("activity")])
    waits = [session.reopen_s(1006, attempt, 1.0) for attempt in range(12)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (1.0, 300.0)


# ---------------------------------------------------------------- whatever happens

moves = st.lists(
    st.one_of(
        st.tuples(st.just("go"), st.integers(1, 45)),
        st.tuples(st.just("hear"), st.sampled_from([trade(), price(), price("ethusdt"), REFUSED, b"{", b"pong", b""])),
        st.tuples(st.just("lose"), st.just(0)),
        st.tuples(st.just("open"), st.just(0)),
    ),
    max_size=40,
)


@given(moves)
def test_whatever_happens(script):
    terms = RtdsTerms()
    bench = Bench("activity", "crypto_prices:btcusdt", "comments", terms=terms)
    is_open, heard = True, {}
    pings = 0
    for move, value in script:
        if move == "go":
            bench.go(value)
        elif move == "hear" and is_open:
            for frame in bench.hear(value):
                heard |= {
                    str(item.kind if hasattr(item, "kind") else item.symbol): bench.now_ns for item in frame.items
                }
        elif move == "lose":
            bench.session.lost()
            is_open = False
        elif move == "open" and not is_open:
            bench.session.opened(bench.now_ns)
            is_open = True
        sent = bench.sent()
        pings += sent.count(PING)
        assert is_open or not sent
        assert all(len(frame["subscriptions"]) == 1 for frame in sent if frame != PING)
        doubts = bench.doubts()
        assert set(doubts) == {"activity", "crypto_prices:btcusdt", "comments"}
        assert is_open or set(doubts.values()) == {TopicDoubt.LINK}
        for name, key in (("activity", "trades"), ("crypto_prices:btcusdt", "btcusdt")):
            stale = bench.now_ns - heard.get(key, 0) > 30 * S
            assert not (stale and doubts[name] == ""), "believed although its data is old"
    opens = 1 + sum(move == "open" for move, _ in script)
    elapsed_s = (bench.now_ns - bench.start_ns) / S
    assert pings <= opens + elapsed_s / terms.ping_s
    assert "ethusdt" not in heard


@given(st.lists(st.integers(0, 10**6), max_size=200))
def test_percentiles_are_of_the_sample(values):
    ordered = sorted(values)
    p50, p99 = percentile(ordered, 50), percentile(ordered, 99)
    assert p50 <= p99
    assert (p50 in ordered and p99 in ordered) if ordered else (p50, p99) == (0, 0)


def test_lags_are_bounded():
    bench = Bench("activity")
    for _ in range(LAGS_KEPT + 10):
        bench.hear(trade())
    (state,) = bench.session.states(bench.now_ns)
    assert state.messages == LAGS_KEPT + 10
    assert state.lag_p50_ms == pytest.approx(0, abs=1000)
