"""Publishing: what docs/protocol.md promises appears, with its labels, and is true."""

from __future__ import annotations

import json
import re

import msgspec
import pytest

from agbot.core.limits import DEFAULT
from agbot.core.portfolio import CarriedPosition
from agbot.core.rules import InventoryLimit, PositionLimit
from agbot.core.view import Place
from agbot.errors import VenueThrottled
from agbot.model.events import (
    BookDelta,
    BookTrust,
    Doubt,
    HaltRequested,
    KillSwitchSet,
    LinkDown,
    LinkUp,
    MarketListed,
    MarketResolved,
    OperatorOrder,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    Source,
    TickSizeChanged,
    Timer,
    TradePrint,
)
from agbot.model.market import Outcome
from agbot.model.order import Liquidity, OrderType, Settlement, Side, TimeInForce
from agbot.notify.bell import Bell
from agbot.notify.outbox import Outbox, Rules
from agbot.notify.service import Line, Notifier
from agbot.notify.settings import NotifySettings
from agbot.run.feeds import FeedWatch
from agbot.run.inbox import Inbox
from agbot.run.notices import publish_channels
from agbot.run.publish import Publisher
from agbot.run.venue_watch import VenueWatch
from agbot.run.venues import VenueLink
from agbot.telemetry.registry import Registry
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, to_units
from agbot.venue.care import Care
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.reference_feed import ReferenceFeed
from agbot.venue.polymarket.rtds import RtdsSession
from agbot.venue.polymarket.stream import PolymarketFeed
from agbot.venue.polymarket.topics import Topic
from agbot.venue.shadow import ShadowVenue


class Bench:
    def __init__(self, core, metrics_max=10_000):
        self.core = core
        self.registry = Registry(lambda: NS_PER_MS, run_id="r", metrics_max=metrics_max)
        self.publisher = Publisher(core.engine, self.registry)
        core.observers.append(self.publisher.observe)

    def lines(self):
        return [json.loads(line) for line in self.registry.drain(10**9).lines]

    def news(self):
        """Return (metrics as name → [(labels, value)], events as type → [event]) since the last call."""
        metrics, events = {}, {}
        for line in self.lines():
            if "metric_name" in line:
                metrics.setdefault(line["metric_name"], []).append((line.get("labels", {}), line["value"]))
            else:
                events.setdefault(line["event_type"], []).append(line["event"])
        return metrics, events


@pytest.fixture
def bench(make_core):
    bench = Bench(make_core())
    bench.core.open()
    bench.news()
    return bench


def bid(price="0.40", size="10", side=Side.BUY):
    return Place(token="m1-yes", side=side, price=to_units(price), size=to_units(size), why="test")


def fill(order_id, size, price="0.40", trade="t1"):
    return OrderFilled(order_id, trade, to_units(price), to_units(size), 0, Liquidity.MAKER, 1)


TRADE = b'{"asset":"1","side":"BUY","price":0.5,"size":1,"timestamp":1700000000}'


def promised(root):
    """Yield (name, type, label keys) of every metric in the protocol's table."""
    text = (root / "docs" / "protocol.md").read_text(encoding="utf-8")
    table = text.partition("| name | type | labels |")[2].partition("\n\n")[0]
    for row in table.splitlines()[2:]:
        names, kind, labels = (cell.strip() for cell in row.strip("|").split("|"))
        keys = {re.sub(r"\(.*?\)", "", key).strip() for key in re.sub(r"\(.*?\)", "", labels).split(",")} - {""}
        for name in re.findall(r"`([^`]+)`", names):
            yield name, kind.split()[0].rstrip(","), keys


def watch_a_venue(registry):
    """Let a venue throttle one order, and publish what was measured."""
    care = Care("paper", lambda: 0.0, lambda: 0.5, held={})
    with pytest.raises(VenueThrottled), care.request("submit"):
        raise VenueThrottled("slowly", retry_after_s=1.0)
    link = VenueLink(venue=ShadowVenue(lambda: 1), care=care, utilisation=lambda: {"post-order": 0.5})
    VenueWatch(link, Inbox(), registry, lambda: 1, lambda: 0.0).second()


def test_every_metric_of_the_protocol_appears_with_its_labels(root, make_core):
    bench = Bench(make_core(InventoryLimit(SCALE * SCALE), limits=DEFAULT), metrics_max=10_000)
    core = bench.core.open()
    core.step(LinkUp("demo", 1), TradePrint("m1-yes", Side.BUY, 500_000, 1, core.now), Timer("second", 1))
    core.step(BookDelta("m1-yes", ((0, 480_000, 5),), core.now), TickSizeChanged("m1-no", 1_000, core.now))
    (command,) = core.wish(bid()).output.commands
    core.step(OrderAccepted(command.client_order_id, "v", 1), fill(command.client_order_id, "10"))
    bench.publisher.latency("paper", "m1", 2.5)
    bench.publisher.sent("paper", 0.7)
    bench.publisher.second(core.now)
    session = RtdsSession([Topic("activity")])
    session.opened(core.now)
    session.received([b'{"topic":"activity","type":"trades","timestamp":1,"payload":' + TRADE + b"}"], core.now)
    references = [ReferenceFeed(session, "ws://x", lambda: core.now)]
    FeedWatch(PolymarketFeed(Hosts(), [], lambda: core.now), references, []).publish(bench.registry)
    watch_a_venue(bench.registry)
    notifier = Notifier(NotifySettings(), core.engine, [Line(name="c", channel=Bell(), outbox=Outbox(Rules()))])
    publish_channels(bench.registry, notifier)
    bench.registry.event("log", text="x" * 100_000)  # over the bound of a line: dropped and counted
    bench.registry.gauge("odd").set(float("nan"))
    found = {}
    for line in bench.lines():
        if "metric_name" in line:
            found.setdefault((line["metric_name"], line["metric_type"]), set()).add(frozenset(line.get("labels", {})))
    table = [row for row in promised(root) if not row[0].startswith("replay.")]  # those are a player's
    assert len(table) >= 18
    for name, kind, keys in table:
        assert found.get((name, kind)) == {frozenset(keys)}, name
    assert {name for name, _ in found} == {name for name, _, _ in table}


def test_messages_are_counted_by_type(bench):
    now = bench.core.now
    bench.core.step(
        *bench.core.book(), BookDelta("m1-yes", (), now), TradePrint("m1-no", Side.SELL, 1, 1, now), Timer("x", now)
    )
    counts = {labels["message_type"]: value for labels, value in bench.news()[0]["polymarket.rtds.messages_received"]}
    assert counts == {"book": 4, "price_change": 1, "last_trade_price": 1}


@pytest.mark.parametrize(("lag_ms", "skew"), [(3.5, 0), (0.0, 0), (-2.25, 1)])
def test_lag_keeps_its_sign_and_a_negative_one_is_flagged(lag_ms, skew, bench):
    bench.core.now = 10 * NS_PER_S
    server = bench.core.now + 1 - int(lag_ms * NS_PER_MS)
    bench.core.step(BookDelta("m1-yes", (), server - 5), BookDelta("m1-yes", (), server))
    metrics, _ = bench.news()
    assert metrics["polymarket.rtds.lag_ms"] == [({"topic": "clob_market"}, lag_ms)]
    assert metrics["polymarket.rtds.clock_skew"] == [({"topic": "clob_market"}, skew)]


def test_without_messages_there_is_no_lag(bench):
    bench.core.step(Timer("second", 1))
    assert "polymarket.rtds.lag_ms" not in bench.news()[0]


def test_messages_a_second_are_measured_between_two_seconds(bench):
    bench.publisher.second(NS_PER_S)
    bench.news()
    bench.core.step(*(BookDelta("m1-yes", (), 1) for _ in range(30)))
    bench.publisher.second(4 * NS_PER_S)
    assert bench.news()[0]["polymarket.rtds.msgs_per_second"] == [({}, 10.0)]


def test_each_denial_is_a_line_and_names_every_policy(make_core):
    bench = Bench(make_core(PositionLimit("m1", to_units("5")), InventoryLimit(to_units("1"))))
    bench.core.open()
    bench.news()
    for size in ("10", "11", "12"):
        bench.core.wish(bid(size=size))
    metrics, events = bench.news()
    denials = metrics["polymarket.risk.decision"]
    assert [value for _, value in denials] == [0] * 6
    assert {labels["policy"] for labels, _ in denials} == {"PositionLimit(m1)", "InventoryLimit"}
    assert all(labels["market_id"] == "m1" for labels, _ in denials)
    assert [(e["allowed"], e["size"], e["outcome"]) for e in events["decision"]] == [
        (False, size, "YES") for size in ("10", "11", "12")
    ]
    assert "exec.orders_placed" not in metrics


def test_two_allowed_decisions_in_one_step_are_two_lines(bench):
    bench.core.wish(bid("0.40"), bid("0.41"))
    metrics, events = bench.news()
    assert metrics["polymarket.risk.decision"] == [({"policy": "all", "market_id": "m1"}, 1)] * 2
    assert metrics["exec.orders_placed"] == [({"venue": "paper", "side": "BUY"}, 2)]
    assert metrics["strategy.signals_generated"] == [({"strategy_id": "script", "signal_type": "BUY"}, 2)]
    assert [e["violated"] for e in events["decision"]] == [[], []]


def test_an_order_is_told_at_every_change_of_state(bench):
    (command,) = bench.core.wish(bid()).output.commands
    order_id = command.client_order_id
    bench.core.step(OrderAccepted(order_id, "v", 1))
    bench.core.step(fill(order_id, "4"))
    bench.core.step(fill(order_id, "4"))  # repeated: the same trade
    bench.core.step(fill(order_id, "6", trade="t2"))
    _, events = bench.news()
    assert [(o["state"], o["filled"]) for o in events["order"]] == [
        ("PENDING_NEW", "0"), ("OPEN", "0"), ("PARTIALLY_FILLED", "4"), ("FILLED", "10"),
    ]  # fmt: skip
    assert [(f["trade_id"], f["size"], f["price"], f["match"]) for f in events["fill"]] == [
        ("t1", "4", "0.4", "normal"),
        ("t2", "6", "0.4", "normal"),
    ]


def test_positions_open_move_and_close(bench):
    (command,) = bench.core.wish(bid()).output.commands
    bench.core.step(OrderAccepted(command.client_order_id, "v", 1), fill(command.client_order_id, "10"))
    metrics, events = bench.news()
    assert metrics["polymarket.position.size"] == [({"market_id": "m1", "side": "YES"}, 10.0)]
    assert [(e["outcome"], e["size"], e["average_price"]) for e in events["position_opened"]] == [("YES", "10", "0.4")]
    (command,) = bench.core.wish(bid("0.50", "10", Side.SELL)).output.commands
    sold = command.client_order_id
    bench.core.step(fill(sold, "4", "0.50", "t3"))
    assert "position_closed" not in (news := bench.news())[1]
    assert news[0]["polymarket.position.size"] == [({"market_id": "m1", "side": "YES"}, 6.0)]
    bench.core.step(fill(sold, "6", "0.50", "t4"))
    metrics, events = bench.news()
    assert metrics["polymarket.position.size"] == [({"market_id": "m1", "side": "YES"}, 0.0)]
    assert [(e["size"], e["realised_usd"]) for e in events["position_closed"]] == [("0", "1.00")]


def test_a_fill_that_failed_to_settle_is_told_and_the_position_goes_back(bench):
    (command,) = bench.core.wish(bid()).output.commands
    made = fill(command.client_order_id, "10")
    bench.core.step(msgspec.structs.replace(made, settlement=Settlement.MATCHED))
    bench.news()
    bench.core.step(msgspec.structs.replace(made, settlement=Settlement.FAILED))
    metrics, events = bench.news()
    assert metrics["polymarket.position.size"] == [({"market_id": "m1", "side": "YES"}, 0.0)]
    assert [e["reason"] for e in events["log"]] == [
        f"trade {made.trade_id} of {command.client_order_id} failed to settle: 10 at 0.4 taken back"
    ]
    assert "fill" not in events


def test_positions_taken_over_are_there_from_the_listing_and_go_when_redeemed(make_core):
    carried = (CarriedPosition("m1", Outcome.NO, to_units("7"), to_units("3"), "quoter"),)
    bench = Bench(make_core(carried=carried))
    bench.core.open()
    metrics, events = bench.news()
    assert metrics["polymarket.position.size"] == [({"market_id": "m1", "side": "NO"}, 7.0)]
    assert [e["outcome"] for e in events["position_opened"]] == ["NO"]
    bench.core.step(MarketListed(bench.core.market, 1))
    assert "polymarket.position.size" not in bench.news()[0]
    bench.core.step(MarketResolved("m1", "m1-no", 1), MarketResolved("unknown", "x", 1))
    metrics, events = bench.news()
    assert metrics["polymarket.position.size"] == [({"market_id": "m1", "side": "NO"}, 0.0)]
    assert [e["realised_usd"] for e in events["position_closed"]] == ["4.00"]


def test_links_latch_listings_and_anomalies_are_told(bench):
    bench.core.step(LinkUp("clob", 1))
    bench.core.step(LinkDown("clob", "reset", 1), KillSwitchSet(True, "fire", "me", 1))
    bench.publisher.second(bench.core.now)
    bench.core.step(OrderAccepted("not ours", "v", 1), HaltRequested("x", 1))
    metrics, events = bench.news()
    assert metrics["polymarket.rtds.connection_status"] == [({"feed": "clob"}, 0)]
    assert metrics["polymarket.risk.kill_switch"] == [({}, 1)]
    assert events["kill_switch"] == [{"on": True, "reason": "fire", "by": "me", "scope": "", "name": ""}]
    assert [e["event"] for e in events["log"]] == ["core.anomaly"]
    bench.core.step(MarketListed(bench.core.market, 1))
    _, events = bench.news()
    assert events["market"] == [
        {
            "market_id": "m1", "slug": "m1", "question": "", "tick": "0.01", "min_size": "5", "neg_risk": False,
            "event_id": "",
        }
    ]  # fmt: skip


def test_a_change_of_a_switch_is_told_once_whoever_else_sees_it(bench):
    def told(*events):
        bench.core.step(*events)
        return [(e["on"], e["reason"], e["by"], e["name"]) for e in bench.news()[1].get("kill_switch", [])]

    assert told(KillSwitchSet(False, "", "latch file", 1)) == []
    assert told(KillSwitchSet(True, "fire", "me", 1), KillSwitchSet(True, "fire", "latch file", 2)) == [
        (True, "fire", "me", "")
    ]
    assert told(KillSwitchSet(True, "fire", "me", 3, "strategy", "quoter")) == [(True, "fire", "me", "quoter")]
    assert told(KillSwitchSet(True, "flood", "you", 4)) == [(True, "flood", "you", "")]
    assert told(KillSwitchSet(False, "over", "me", 5), KillSwitchSet(False, "", "latch file", 6)) == [
        (False, "over", "me", "")
    ]
    assert told(KillSwitchSet(True, "flood", "you", 7)) == [(True, "flood", "you", "")]


def test_a_doubted_book_is_told(bench):
    bench.core.step(BookTrust("m1-yes", Doubt.CROSSED, 1), BookTrust("m1-yes", "", 2))
    told = [(e["level"], e["event"], e["token"], e["reason"]) for e in bench.news()[1]["log"]]
    assert told == [
        ("warning", "book.doubted", "m1-yes", "crossed for too long"),
        ("info", "book.believed", "m1-yes", ""),
    ]


def test_best_prices_are_those_of_yes(bench):
    bench.core.step(*bench.core.book("0.30", "0.35"))
    metrics, _ = bench.news()
    assert metrics["polymarket.book.best_bid"] == [({"market_id": "m1"}, 0.30)]
    assert metrics["polymarket.book.best_ask"] == [({"market_id": "m1"}, 0.35)]


def test_money_is_told_once_a_second(bench):
    (command,) = bench.core.wish(bid()).output.commands
    bench.core.step(fill(command.client_order_id, "10"))
    bench.publisher.second(bench.core.now)
    metrics, _ = bench.news()
    assert metrics["agbot.cash_usd"] == [({}, 996.0)]
    assert metrics["polymarket.inventory.value_usd"] == [({}, 4.8)]
    assert metrics["agbot.equity_usd"] == [({}, 1000.8)]
    ((labels, pnl),) = metrics["strategy.pnl_usd"]
    assert (labels, pnl) == ({"strategy_id": "script", "market": "m1"}, pytest.approx(0.8))


def test_a_denial_in_a_market_nobody_listed_is_told_too(bench):
    bench.core.step(OperatorOrder("q", "nowhere", "t", Side.BUY, OrderType.LIMIT, 1, 1, TimeInForce.GTC, False, 0, 1))
    metrics, events = bench.news()
    assert [e["outcome"] for e in events["decision"]] == ["?"]
    assert metrics["polymarket.risk.decision"] == [({"policy": "UnknownMarket", "market_id": "nowhere"}, 0)]


def test_one_id_is_in_every_event_of_a_chain_and_in_no_metric(bench):
    (first,) = bench.core.wish(bid()).output.commands
    second = Place(
        token="m1-yes", side=Side.BUY, price=400_000, size=10_000_000, why="", replaces=first.client_order_id
    )
    (order,) = bench.core.wish(second).output.commands
    bench.core.step(fill(order.client_order_id, "10"))
    metrics, events = bench.news()
    story = first.client_order_id
    assert {e["correlation_id"] for kind in ("decision", "order", "fill") for e in events[kind]} == {story}
    assert [e["correlation_ids"] for e in events["position_opened"]] == [[story]]
    labels = [labels for rows in metrics.values() for labels, _ in rows]
    assert not [row for row in labels if story in row.values()]


def test_a_contradiction_is_told_with_order_and_source(bench):
    (command,) = bench.core.wish(bid()).output.commands
    order_id = command.client_order_id
    bench.core.step(fill(order_id, "10"))
    bench.news()
    bench.core.step(OrderRejected(order_id, "no", 1, Source.READ))
    _, events = bench.news()
    (told,) = events["log"]
    assert (told["level"], told["client_order_id"], told["source"]) == ("warning", order_id, "read")
    assert "REJECTED" in told["reason"]
    assert [(o["state"], o["contradictions"]) for o in events["order"]] == [("FILLED", [told["reason"]])]
