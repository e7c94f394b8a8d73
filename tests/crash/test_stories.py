"""Orders chosen at random from a run in which much goes wrong: `agbot explain` tells each one's whole story.

What a story is held against is read apart from it: the journal's facts, the exchange's list of trades, the key that
signed, and profit folded here by average cost.
"""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import attrs
import coincurve
import pytest
import trio

from agbot._keccak import keccak256
from agbot.config import load_settings
from agbot.core.step import Decision
from agbot.exchange.admin.socket import ask
from agbot.model.commands import PlaceOrder
from agbot.model.events import OrderAttempted, OrderEvidence, OrderFilled
from agbot.model.order import Settlement, Side
from agbot.run.modes import connected
from agbot.store.codec import decode_batch, decode_output
from agbot.store.journal import BATCH, STEP, JournalReader
from agbot.units import to_units
from agbot.venue.polymarket.credentials import load_credentials
from tests.crash.rounds import World, _legs, wait_for

FAULTS: Final = {
    "reply_lost": 0.15,
    "engine_500": 0.1,
    "not_canceled": 0.2,
    "throttled_429": 0.05,
    "duplicated_frames": 0.3,
    "missing_user_events": 0.2,
    "provisional_trade_fails": 0.1,
}
TROUBLE_S: Final = 12.0
CALM_S: Final = 3.0
CHOSEN: Final = 10
POLICIES: Final = {"PositionLimit", "OrderCap", "DayCap"}
STATE_RULES: Final = {"UnknownOrder", "InFlightLimit", "UntrustedBook", "VenueTerms"}
ASKED_FIRST: Final = {"Halted", "RejectedLately"}
"""After one of these no other rule is asked."""
REQUEST: Final = r"(post|cancel|look)( again, the same bytes| no\. \d+)?: "
SAID: Final = ("accepted as", "fill ", "expired", "cancelled: ", "silence: ", "rejected: ", "cancel refused: ")
ROUNDING: Final = Fraction(1, 100)


@attrs.define
class Facts:
    """What a journal says of a run, by client order id."""

    decisions: dict[str, Decision] = attrs.field(factory=dict)
    commands: dict[str, PlaceOrder] = attrs.field(factory=dict)
    evidence: Counter[str] = attrs.field(factory=Counter)
    requests: dict[str, list[OrderAttempted]] = attrs.field(factory=dict)
    realised: dict[str, Fraction] = attrs.field(factory=dict)
    _held: dict[str, tuple[Fraction, Fraction]] = attrs.field(factory=dict)
    _trades: dict[tuple[str, str], OrderFilled | None] = attrs.field(factory=dict)

    def note(self, event: object) -> None:
        if isinstance(event, OrderAttempted):
            self.requests.setdefault(event.client_order_id, []).append(event)
        elif isinstance(event, OrderEvidence):
            self.evidence[event.client_order_id] += 1
            if isinstance(event, OrderFilled):
                self._fill(event)

    def _fill(self, event: OrderFilled) -> None:
        key, failed = (event.client_order_id, event.trade_id), event.settlement is Settlement.FAILED
        counted = self._trades.setdefault(key, None if failed else event)
        order = self.commands[event.client_order_id]
        if counted is event:
            self._trade(order, event, order.side.sign)
        elif failed and counted is not None:
            self._trade(order, counted, -order.side.sign)
            self._trades[key] = None

    def _trade(self, order: PlaceOrder, fill: OrderFilled, sign: int) -> None:
        """Fold by average cost; a trade that failed is traded back and its fee returned."""
        size, value = Fraction(fill.size * sign, 10**6), Fraction(fill.size * fill.price * sign, 10**12)
        earned = Fraction(-fill.fee * sign * order.side.sign, 10**6)
        held, cost = self._held.get(order.token, (Fraction(0), Fraction(0)))
        if held * size < 0:
            part = min(Fraction(1), abs(held / size))
            freed = cost * min(Fraction(1), abs(size / held))
            earned -= value * part + freed
            held, cost, size, value = held + size * part, cost - freed, size * (1 - part), value * (1 - part)
        self._held[order.token] = (held + size, cost + value)
        self.realised[fill.client_order_id] = self.realised.get(fill.client_order_id, Fraction(0)) + earned


def facts_of(world: World) -> Facts:
    (path,) = (world.state / "runs").glob("*-live.agj")
    reader, facts = JournalReader(path), Facts()
    for record in reader.records():
        if record.kind == BATCH:
            for event in decode_batch(record.body):
                facts.note(event)
        elif record.kind == STEP:
            output = decode_output(record.body)
            facts.decisions |= {decision.client_order_id: decision for decision in output.decisions}
            facts.commands |= {c.client_order_id: c for c in output.commands if isinstance(c, PlaceOrder)}
    reader.close()
    assert reader.set_aside == []
    return facts


def live_through(world: World) -> dict[str, int]:
    """Let a bot trade while things go wrong, then a moment in peace; return what struck how often."""
    bot = world.start()
    try:
        wait_for(world.status, "a bot that answers", bot)
        for name, probability in FAULTS.items():
            ask(world.home / "x", "faults", action="on", name=name, probability=probability)
        for seconds in (TROUBLE_S, CALM_S):
            with pytest.raises(subprocess.TimeoutExpired):
                bot.wait(seconds)
            report = ask(world.home / "x", "faults", action="clear")["report"]
        wait_for(lambda: sold(world), "a sale, which makes a profit or a loss", bot)
        bot.send_signal(signal.SIGTERM)
        assert bot.wait(20) == 0, (world.home / "bot.err").read_text()[-3000:]
    finally:
        bot.kill()
        bot.wait(10)
    return {name: row["struck"] for name, row in report.items()}


def sold(world: World) -> bool:
    """Return whether a sale has settled, by the audit log."""
    rows = [json.loads(line) for line in (world.state / "audit.jsonl").read_text().splitlines(keepends=True)[:-1]]
    sales = {row["client_order_id"] for row in rows if row["kind"] == "submit" and row["side"] == Side.SELL}
    return any(row.get("settlement") == "CONFIRMED" and row["client_order_id"] in sales for row in rows)


async def traded(world: World) -> dict[str, int]:
    """Return how many shares of each order the exchange says have traded, and not failed."""
    credentials = load_credentials(world.environ)
    assert credentials.account is not None
    shares: Counter[str] = Counter()
    async with connected(load_settings(world.home / "c.yaml"), credentials) as access:
        for trade in await access.clob.trades():
            if trade.status is not Settlement.FAILED:
                for order_id, size in _legs(trade, credentials.account.maker):
                    shares[order_id] += size
    return dict(shares)


def chosen(facts: Facts, dice: random.Random) -> list[str]:
    """Choose ten orders: of each kind that has its own things to tell a few, the others among all there were."""
    filled = sorted(facts.realised)
    kinds = [
        [order for order in filled if facts.commands[order].side is Side.SELL],
        [order for order in filled if facts.commands[order].side is Side.BUY],
        sorted(o for o, all_of in facts.requests.items() if any(a.said.startswith("ambiguous") for a in all_of)),
        sorted(facts.decisions),
    ]
    orders: list[str] = []
    for kind, count in zip(kinds, (2, 2, 3, CHOSEN), strict=True):
        left = [order for order in kind if order not in orders]
        orders += dice.sample(left, min(count, CHOSEN - len(orders), len(left)))
    return orders


def signer_of(signature: str, digest: str) -> str:
    raw = bytes.fromhex(signature[2:])
    key = coincurve.PublicKey.from_signature_and_message(
        raw[:64] + bytes([raw[64] - 27]), bytes.fromhex(digest[2:]), None
    )
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()


def explained(world: World, order: str) -> tuple[dict[str, Any], str]:
    """Return a story as a program and as a person gets it."""
    said = [
        subprocess.run(
            world.agbot("explain", order, "--profile", "real", *as_json),
            env=world.environ,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for as_json in (("--json",), ())
    ]
    return json.loads(said[0]), said[1]


def check_decision(story: dict[str, Any], facts: Facts, order: str) -> None:
    """What was seen, what was wished and why, and what each rule said."""
    (choice,) = story["decisions"]
    decision, sight = facts.decisions[order], choice["sight"]
    assert choice["decision"]["why"] == decision.why != ""
    assert (choice["decision"]["size"], choice["decision"]["strategy"]) == (decision.size, "churn")
    assert [quote["outcome"] for quote in sight["quotes"]] == ["YES", "NO"]
    assert all(quote["ask"] > quote["bid"] for quote in sight["quotes"])
    assert sight["cash"] > 0
    figures = {figure["rule"]: figure["passed"] for figure in sight["figures"]}
    first = {rule for rule in decision.violated if rule in ASKED_FIRST}
    assert figures.keys() >= (first or POLICIES | STATE_RULES)
    assert {rule for rule, passed in figures.items() if not passed} == set(decision.violated)
    assert all(figure["figure"] and figure["limit"] for figure in sight["figures"])


def check_sent(story: dict[str, Any], facts: Facts, order: str, owner: str) -> None:
    """What was signed and by whom; each request and each fact, in the order they came."""
    (row,), requests = story["orders"], facts.requests.get(order, [])
    posts = [request for request in requests if request.operation == "post"]
    if posts:
        assert signer_of(row["signature"], posts[0].venue_order_id) == owner.lower()
        assert len({request.venue_order_id for request in requests}) == 1
    lines = [turn["what"] for turn in story["story"]]
    told = [line for line in lines if re.match(REQUEST, line)]
    assert len(told) == len(requests)
    assert all(request.said in line for line, request in zip(told, requests, strict=True))
    assert sum(line.startswith(SAID) for line in lines) == facts.evidence[order]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_ten_orders_of_a_faulty_run_are_explained(
    dice: random.Random, tmp_path_factory: pytest.TempPathFactory
) -> None:
    world = World(tmp_path_factory.mktemp("k"), dice)
    with world.exchange():
        struck = live_through(world)
        shares = trio.run(traded, world)
    facts = facts_of(world)
    orders, owner = chosen(facts, dice), world.ready["keys"][0]["address"]
    print(f"{struck}; {len(facts.commands)} orders sent, explained: {orders}")
    assert len(orders) == CHOSEN
    assert sum(struck.values()) > 50
    kinds: Counter[str] = Counter()
    for order in orders:
        story, text = explained(world, order)
        assert (story["notes"], story["ended_in_order"]) == ([], True)
        check_decision(story, facts, order)
        realised = facts.realised.get(order, Fraction(0))
        assert abs(Fraction(story["realised_usd"]) - realised) <= ROUNDING, order
        assert f"realised {story['realised_usd']} usd" in text
        kinds["sale"] += order in facts.realised and facts.decisions[order].side is Side.SELL
        if order in facts.commands:
            check_sent(story, facts, order, owner)
            check_fills(story, shares, text, kinds)
        else:
            assert "DENIED: never sent" in text
    assert kinds["sale"] >= 1
    assert kinds["fill"] >= 3
    check_audit(world, facts, orders)


def check_fills(story: dict[str, Any], shares: dict[str, int], text: str, kinds: Counter[str]) -> None:
    """As much as the exchange says has traded, trade by trade."""
    (row,) = story["orders"]
    assert to_units(row["filled"]) == shares.get(row["venue_order_id"], 0), row
    assert row["venue_order_id"] in text
    assert row["signature"] in text
    assert all(trade in text for trade in row["trades"])
    kinds["fill"] += bool(row["trades"])


def check_audit(world: World, facts: Facts, orders: Sequence[str]) -> None:
    """The audit log has the same requests, in a whole chain."""
    done = subprocess.run(world.agbot("audit", "verify", "--profile", "real"), env=world.environ, check=False)
    assert done.returncode == 0
    rows = [json.loads(line) for line in (world.state / "audit.jsonl").read_text().splitlines()]
    attempts = Counter(row["client_order_id"] for row in rows if row["kind"] == "attempt")
    assert {order: attempts[order] for order in orders} == {o: len(facts.requests.get(o, [])) for o in orders}
