"""What other programs send: every field read, an id asked once, nothing told before it is on disk."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import trio
import trio.testing

from agbot.core.approvals import Status
from agbot.errors import AgbotError, ConfigError, NotFoundError, TimedOutError
from agbot.model.events import (
    BookSnapshot,
    HaltRequested,
    KillSwitchSet,
    OperatorOrder,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
)
from agbot.model.order import Liquidity
from agbot.run.approved import FIELDS
from agbot.store.audit_rows import Happened, operator_events, rows_of
from agbot.testing.builders import levels
from agbot.units import SCALE, to_units
from tests.approved.bench import AT_NS, MARKET, Run, trade


@pytest.fixture
def run():
    return Run()


@pytest.fixture
async def running(run, nursery):
    """Step the core with what the desk sends; a venue that accepts all it is asked."""

    async def serve():
        while True:
            run.step(*await run.inbox.receive())

    nursery.start_soon(serve)
    return run


def only(run):
    (event,) = run.inbox._urgent
    return event


# ---------------------------------------------------------------- fields


def test_a_trade_is_read_to_the_last_field(run):
    run.desk.take(
        trade(outcome="no", side="SELL", size="2.5", price="0.3", tif="fak", max_slippage="0.02", why="edge 4 %")
    )
    event = only(run)
    assert event == OperatorOrder(
        "r1", "m1", "m1-no", "SELL", "LIMIT", to_units("0.3"), to_units("2.5"), "FAK", False, 0, AT_NS + 1,
        source="model", why="edge 4 %", slippage=20_000, valid_until_ns=AT_NS + 60 * 10**9,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["will-it-rain", "m1", "m1-yes", "https://polymarket.com/event/will-it-rain"])
def test_a_market_goes_by_any_of_its_names(name, run):
    run.desk.take(trade(market=name))
    assert only(run).token == "m1-yes"


def test_a_number_may_be_a_number(run):
    run.desk.take(trade(price=0.4, size=10))
    assert (only(run).price, only(run).size) == (400_000, 10 * SCALE)


WRONG = [
    ({"side": "hold"}, "side", "'HOLD' is not a valid Side"),
    ({"size": "0"}, "size", "'0' is not above 0"),
    ({"size": "ten"}, "size", "'ten' is not a number"),
    ({"size": "nan"}, "size", ""),
    ({"size": True}, "size", "True is not a number"),
    ({"size": "0.0000001"}, "size", ""),
    ({"price": "1"}, "price", "above 0 and below 1"),
    ({"price": "0,4"}, "price", "'0,4' is not a number"),
    ({"price": "1_0"}, "price", "is not a number"),
    ({"max_slippage": "-0.01"}, "max_slippage", "from 0 and below 1"),
    ({"market": "nowhere"}, "market", "no market 'nowhere'; known are will-it-rain"),
    ({"market": "m1-yes", "outcome": "no"}, "outcome", "the token of YES"),
    ({"outcome": "maybe"}, "outcome", "MAYBE"),
    ({"tif": "GTD", "good_till_ms": AT_NS // 10**6 + 1}, "tif", "this venue has no GTD orders"),
    ({"tif": "soon"}, "tif", "SOON"),
    ({"tif": "FAK", "post_only": "true"}, "tif", "cannot be post-only"),
    ({"post_only": "perhaps"}, "post_only", "expected true or false"),
    ({"expires_ms": "tomorrow"}, "expires_ms", "UTC milliseconds"),
    ({"expires_ms": 10**30}, "expires_ms", "UTC milliseconds"),
    ({"expires_ms": AT_NS // 10**6 + 86_500_000}, "expires_ms", "more than a day ahead"),
    ({"source": "a b"}, "source", "is no name"),
    ({"why": "two\nlines"}, "why", "one line"),
    ({"limit": "0.4"}, "limit", "no such field"),
]


@pytest.mark.parametrize(("changes", "field", "reason"), WRONG)
async def test_a_wrong_field_is_refused_by_name_and_for_good(changes, field, reason, running):
    running.desk.take(trade(**changes))
    request = await running.desk.known("r1")
    assert request.status is Status.REJECTED
    assert request.error.startswith(f"{field}: ")
    assert reason in request.error
    assert running.desk.take(trade()).repeated, "what was told is not taken back"
    assert running.orders() == []


@pytest.mark.parametrize("field", ["source", "market", "side", "size", "price", "expires_ms"])
async def test_what_is_missing_is_named(field, running):
    running.desk.take({name: value for name, value in trade().items() if name != field})
    assert (await running.desk.known("r1")).error == f"{field}: it is missing"


@pytest.mark.parametrize("name", [None, "", "a b", "é", "x" * 65, 7, "-a"])
def test_without_an_id_there_is_nobody_to_answer(name, run):
    with pytest.raises(ConfigError, match="request_id: ") as caught:
        run.desk.take(trade(name))
    assert caught.value.id == "AGB-651"
    assert len(run.inbox) == 0


# ---------------------------------------------------------------- the gate


async def test_what_is_asked_twice_at_once_is_one_order(running):
    first, second = running.desk.take(trade()), running.desk.take(trade(size="11"))
    assert (first.repeated, second.repeated, second.differs) == (False, True, ("size",))
    request = await running.desk.known("r1")
    (order,) = running.orders()
    assert (order.client_order_id, order.size, order.strategy) == (request.order_id, 10 * SCALE, "operator")
    assert order.why == "approved by model: no reason given"
    assert running.desk.take(trade()).differs == ()


@pytest.mark.parametrize(
    ("before", "changes", "rule"),
    [
        (KillSwitchSet(True, "fire", "me", 1), {}, "KillSwitch"),
        (KillSwitchSet(True, "fire", "me", 1, "market", "will-it-rain"), {}, "KillSwitch(market)"),
        (HaltRequested("enough", 1), {}, "Halted"),
        (None, {"expires_ms": AT_NS // 10**6}, "TooLate"),
        (None, {"price": "0.405"}, "VenueTerms"),
        (None, {"size": "1000000"}, "BuyingPower"),
        (None, {"side": "sell"}, "SharesHeld"),
    ],
)
async def test_the_gate_is_the_one_that_every_order_passes(before, changes, rule, running):
    if before:
        running.step(before)
    running.now += 10**6
    running.desk.take(trade(**changes))
    request = await running.desk.known("r1")
    assert (request.status, running.orders()) == (Status.REJECTED, [])
    assert any(rule.partition("(")[0] in violated for violated in request.violated), request.violated


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({"price": "0.60"}, "0.60"),
        ({"price": "0.60", "max_slippage": "0.02"}, "0.54"),
        ({"price": "0.60", "max_slippage": "0.025"}, "0.54"),
        ({"price": "0.53", "max_slippage": "0.02"}, "0.53"),
        ({"price": "0.40", "max_slippage": "0"}, "0.40"),
    ],
)
async def test_slippage_counts_from_the_best_price_at_the_decision(changes, price, running):
    running.desk.take(trade(size="10", **changes))
    await running.desk.known("r1")
    (order,) = running.orders()
    assert order.price == to_units(price)


async def test_a_sale_goes_no_lower_than_its_slippage(running):
    running.desk.take(trade("buy", price="0.52"))
    await running.desk.known("buy")
    (bought,) = running.orders()
    running.step(OrderFilled(bought.client_order_id, "t", 520_000, 10 * SCALE, 0, Liquidity.TAKER, 1))
    running.desk.take(trade("sell", side="sell", price="0.10", max_slippage="0.03"))
    await running.desk.known("sell")
    assert running.orders()[1].price == to_units("0.45")


async def test_what_could_not_be_kept_is_not_taken(run, monkeypatch):
    monkeypatch.setattr("agbot.core.approvals.KEPT_MAX", 1)
    run.desk.take(trade())
    run.drain()
    with pytest.raises(AgbotError) as caught:
        run.desk.take(trade("r2"))
    assert caught.value.id == "AGB-653"
    assert len(run.inbox) == 0


async def test_nothing_is_told_before_it_is_on_disk(running):
    running.desk.take(trade())
    request = await running.desk.known("r1")
    assert running.on_disk == len(running.journal.records)
    running.step(OrderAccepted(request.order_id, "v", 1))
    (told,) = await running.desk.untold(9)
    assert told.status is Status.OPEN
    assert running.on_disk == len(running.journal.records)


def test_the_audit_log_has_who_approved_what_and_what_was_refused(run):
    run.desk.take(trade("r1", why="edge"))
    run.desk.take(trade("r2", size="0"))
    batch = list(run.inbox._urgent)
    step = run.engine.step(run.now + 1, batch)
    happened = Happened(now_ns=1, operator=operator_events(batch), heard=(), output=step.output)
    refused, decided, *_ = rows_of(happened, "run")
    assert (refused["kind"], refused["request_id"], refused["source"]) == ("refused", "r2", "model")
    assert (decided["request_id"], decided["why"]) == ("r1", "approved by model: edge")


# ---------------------------------------------------------------- the control socket


async def ask(run, op, **request):
    return await run.desk.handlers()[op]({"op": op, **request})


async def test_a_trade_is_answered_with_its_decision_and_what_is_known(running):
    answer = await ask(running, "trade", **trade())
    assert answer["repeated"] is False
    assert {**answer["decision"], "ts_ms": 0} == {
        "request_id": "r1", "decision": "approved", "rule_triggered": [], "order_id": "run1-1", "source": "model",
        "error": "", "ts_ms": 0,
    }  # fmt: skip
    assert {**answer["result"], "ts_ms": 0} == {
        "request_id": "r1", "order_id": "run1-1", "status": "unknown", "final": False, "filled_amount": "0",
        "average_price": None, "error": "", "ts_ms": 0,
    }  # fmt: skip
    running.step(OrderRejected("run1-1", "too small", 1))
    again = await ask(running, "trade", **trade())
    assert (again["repeated"], again["result"]["status"], again["result"]["error"]) == (True, "rejected", "too small")
    assert len(running.orders()) == 1


async def test_a_wait_ends_with_a_result_that_is_final(running, nursery):
    answers = []

    async def wait():
        answers.append(await ask(running, "trade", wait_s=30, **trade()))

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    fill = OrderFilled("run1-1", "t", 390_000, 4 * SCALE, 0, Liquidity.TAKER, 1)
    for fact in (OrderAccepted("run1-1", "v", 1), fill, OrderCancelled("run1-1", "off", 1)):
        assert answers == []
        running.step(fact)
        await trio.testing.wait_all_tasks_blocked()
    (answer,) = answers
    result = answer["result"]
    assert (result["status"], result["final"], result["filled_amount"]) == ("partial", True, "4")
    assert result["average_price"] == "0.39"


async def test_a_wait_that_is_over_says_what_is_known(running, autojump_clock):
    answer = await ask(running, "trade", wait_s=5, **trade())
    assert answer["result"]["status"] == "unknown"
    answer = await ask(running, "trade_result", request_id="r1", wait_s=5)
    assert (answer["result"]["status"], trio.current_time()) == ("unknown", pytest.approx(10))


async def test_an_engine_that_does_not_answer_is_a_timeout_that_promises_nothing(run, autojump_clock):
    with pytest.raises(TimedOutError, match="unknown") as caught:
        await ask(run, "trade", **trade())
    assert caught.value.id == "AGB-658"
    run.drain()
    assert (await ask(run, "trade", **trade()))["repeated"] is True
    assert len(run.orders()) == 1


async def test_nobody_asked_for_it(run):
    with pytest.raises(NotFoundError) as caught:
        await ask(run, "trade_result", request_id="nope")
    assert caught.value.id == "AGB-652"


@pytest.mark.parametrize("wait", [-1, 61, "5", True])
async def test_a_wait_has_its_bounds(wait, run):
    with pytest.raises(ConfigError, match="wait_s") as caught:
        await ask(run, "trade_result", request_id="r1", wait_s=wait)
    assert caught.value.id == "AGB-651"


# ---------------------------------------------------------------- the next run


@pytest.mark.parametrize("kept", ["nothing", "asked", "decided"])
async def test_the_next_run_finds_in_the_journal_what_was_asked(kept, run):
    before = len(run.journal.records)
    run.desk.take(trade())
    run.drain()
    cut = {"nothing": before, "asked": before + 1, "decided": before + 2}[kept]
    assert len(run.journal.records) == before + 2
    again = Run(run.past(cut), 2)
    assert again.desk.take(trade()).repeated is (kept != "nothing")
    again.drain()
    sent = len(run.orders(cut)) + len(again.orders())
    request = await again.desk.known("r1")
    assert (sent, request.status) == {
        "nothing": (1, Status.UNKNOWN), "asked": (0, Status.REJECTED), "decided": (1, Status.CANCELLED),
    }[kept]  # fmt: skip
    third = Run(again.past(), 3)
    assert third.desk.take(trade()).repeated
    third.drain()
    assert third.orders() == []


def test_every_field_that_is_known_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "control.md").read_text(encoding="utf-8")
    assert [name for name in FIELDS if f"`{name}`" not in text] == []


def test_a_book_that_is_not_believed_lets_nothing_through(run):
    run.engine.books[MARKET.yes].distrust()
    run.desk.take(trade(max_slippage="0.01"))
    run.drain()
    assert run.desk.approvals.get("r1").violated == ("UntrustedBook",)
    run.step(BookSnapshot(MARKET.yes, levels(("0.48", "9")), levels(("0.52", "9")), AT_NS))
    assert run.desk.take(trade()).repeated
    assert msgspec.structs.asdict(run.desk.approvals.get("r1"))["state"] == "DENIED"
