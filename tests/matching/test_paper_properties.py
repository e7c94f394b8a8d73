"""Random markets and orders against the paper matcher, checked by an independent ledger after every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import attrs
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agbot.matching.checks import Terms
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelOrder, PlaceOrder
from agbot.model.events import (
    ASK,
    BookDelta,
    BookSnapshot,
    MarketData,
    MarketListed,
    MarketResolved,
    OrderCancelled,
    OrderEvidence,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    TradePrint,
)
from agbot.model.fees import taker_fee
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.order import Liquidity, OrderType, Side, TimeInForce
from agbot.testing.builders import make_market, place
from agbot.units import NS_PER_S, SCALE, complement, notional

MARKET = make_market(fee_rate=70_000, min_size=1)
CASH = 500 * SCALE
START = BookSnapshot(
    MARKET.yes,
    ((490_000, 40 * SCALE), (480_000, 100_123_457)),
    ((510_000, 40 * SCALE), (520_000, 99_999_999)),
    0,
)
HELD = {MARKET.yes: 300 * SCALE, MARKET.no: 100 * SCALE}

Action: TypeAlias = MarketData | PlaceOrder | int | None
"""A market event, an order, the cancel of the nth order so far, or cancel-all."""
Step: TypeAlias = tuple[int, Action]

near = st.integers(44, 56).map(lambda cents: cents * 10_000)
prices = st.one_of(near, near, st.integers(0, 100).map(lambda cents: cents * 10_000))
# Whole hundredths as the venue has them, and odd sizes that force rounding.
sizes = st.one_of(st.integers(1, 20_000).map(lambda n: n * 10_000), st.integers(1, 200 * SCALE))
sides = st.sampled_from(Side)
tokens = st.sampled_from([MARKET.yes, MARKET.no])
level_lists = st.lists(st.tuples(near, sizes), max_size=4).map(tuple)
changes = st.tuples(st.integers(0, 1), near, st.one_of(st.just(0), sizes))

market_events = st.one_of(
    st.builds(BookSnapshot, st.just(MARKET.yes), level_lists, level_lists, st.just(0)),
    st.builds(BookDelta, st.just(MARKET.yes), st.lists(changes, max_size=4).map(tuple), st.just(0)),
    st.builds(TradePrint, tokens, sides, near, sizes, st.just(0)),
)


@st.composite
def orders(draw: st.DrawFn) -> PlaceOrder:
    """Draw an order, possible or not: the matcher has to judge it."""
    tif, side = draw(st.sampled_from(TimeInForce)), draw(sides)
    spends = tif.immediate and side is Side.BUY and draw(st.booleans())
    return msgspec.structs.replace(
        place(),
        token=draw(tokens),
        side=side,
        price=draw(prices),
        size=draw(sizes),
        time_in_force=tif,
        order_type=OrderType.MARKET if tif.immediate else OrderType.LIMIT,
        post_only=not tif.immediate and draw(st.booleans()),
        expire_ns=draw(st.integers(190, 400)) * NS_PER_S if tif is TimeInForce.GTD else 0,
        budget=draw(st.integers(SCALE, 200 * SCALE)) if spends else 0,
    )


gaps = st.sampled_from([0, 1, 7, 60, NS_PER_S, 100 * NS_PER_S])
actions = st.one_of(market_events, market_events, orders(), orders(), st.integers(0, 9), st.none())
runs = st.lists(st.tuples(gaps, actions), max_size=40)
terms = st.builds(Terms, order_latency_ns=st.sampled_from([0, 5, 50]), feed_latency_ns=st.sampled_from([0, 3]))


@attrs.define
class Ledger:
    """Both sides of every trade, from evidence alone. The counterparty is whoever stood on the other side."""

    cash: int = CASH
    other_cash: int = 0
    collateral: int = 0
    fees: int = 0
    held: Counter[TokenId] = attrs.field(factory=lambda: Counter(HELD))
    other_held: Counter[TokenId] = attrs.field(factory=Counter)

    def book(self, order: PlaceOrder, fill: OrderFilled) -> int:
        """Book one fill and return what it cost us with its fee, negative for a sale."""
        sign = order.side.sign
        if order.token == MARKET.yes:
            value = notional(fill.price, fill.size)
        else:
            value = fill.size - notional(complement(fill.price), fill.size)
        self.cash -= sign * value + fill.fee
        self.fees += fill.fee
        self.held[order.token] += sign * fill.size
        if fill.match == "normal":
            self.other_held[order.token] -= sign * fill.size
            self.other_cash += sign * value
        else:  # a pair is made of, or turned into, one usd: the other side trades YES in our direction
            self.other_held[MARKET.yes] += sign * fill.size
            self.other_cash -= sign * notional(complement(fill.price), fill.size)
            self.collateral += sign * fill.size
        return sign * value + fill.fee

    def check(self) -> None:
        assert self.cash + self.other_cash + self.collateral + self.fees == CASH
        pairs = {token: self.held[token] + self.other_held[token] - HELD[token] for token in HELD}
        assert pairs[MARKET.yes] == pairs[MARKET.no] == self.collateral


@attrs.define
class Audit:
    """Runs steps and checks every promise of the matcher as it goes."""

    matcher: PaperMatcher
    ledger: Ledger = attrs.field(factory=Ledger)
    sent: list[PlaceOrder] = attrs.field(factory=list)
    evidence: list[OrderEvidence] = attrs.field(factory=list)
    filled: Counter[ClientOrderId] = attrs.field(factory=Counter)
    spent: Counter[ClientOrderId] = attrs.field(factory=Counter)
    ended: set[ClientOrderId] = attrs.field(factory=set)
    ahead: dict[ClientOrderId, int] = attrs.field(factory=dict)

    def run(self, steps: Sequence[Step]) -> None:
        now = 0
        self.matcher.on_market(now, MarketListed(MARKET, 0))
        self.matcher.on_market(now, START)
        for gap, action in steps:
            now += gap
            self._do(now, action)
            self._settle(now)
        self._settle(now + 1000 * NS_PER_S)
        assert self.matcher.next_due() is None

    def _do(self, now: int, action: Action) -> None:
        if isinstance(action, PlaceOrder):
            order = msgspec.structs.replace(
                action,
                client_order_id=ClientOrderId(f"o{len(self.sent)}"),
                expire_ns=action.expire_ns and action.expire_ns + now,
            )
            self.sent.append(order)
            self.matcher.submit(now, order)
        elif isinstance(action, int):
            self.matcher.cancel(now, CancelOrder(ClientOrderId(f"o{action}"), "test"))
        elif action is None:
            self.matcher.cancel_all(now)
        else:
            self.matcher.on_market(now, action)

    def _settle(self, now: int) -> None:
        due = self.matcher.next_due()
        while due is not None and due <= now:
            for evidence in self.matcher.advance(due):
                self._hear(evidence)
            self._check_state()
            due = self.matcher.next_due()

    def _hear(self, evidence: OrderEvidence) -> None:
        self.evidence.append(evidence)
        order = next((o for o in self.sent if o.client_order_id == evidence.client_order_id), None)
        if isinstance(evidence, OrderFilled):
            assert order is not None
            self._check_fill(order, evidence)
        if isinstance(evidence, OrderRejected | OrderCancelled | OrderExpired) or getattr(evidence, "final", False):
            assert evidence.client_order_id not in self.ended, "an order ends once"
            self.ended.add(evidence.client_order_id)

    def _check_fill(self, order: PlaceOrder, fill: OrderFilled) -> None:
        name = order.client_order_id
        assert name not in self.ended, "nothing after the end"
        assert fill.size > 0
        self.spent[name] += self.ledger.book(order, fill)
        self.ledger.check()
        self.filled[name] += fill.size
        assert (order.price - fill.price) * order.side.sign >= 0, "never through the limit"
        if fill.liquidity is Liquidity.MAKER:
            assert (fill.price, fill.fee) == (order.price, 0)
            assert not order.time_in_force.immediate
        else:
            assert not order.post_only
            assert fill.fee == taker_fee(fill.size, fill.price, MARKET.fee_rate, MARKET.fee_exponent)
        assert order.budget or self.filled[name] <= order.size
        assert not order.budget or self.spent[name] <= order.budget

    def _check_state(self) -> None:
        matcher, resting = self.matcher, self.matcher.open_orders()
        assert 0 <= matcher.reserved_cash <= matcher.cash
        for token in HELD:
            assert 0 <= matcher.reserved_shares(token) <= matcher.positions.get(token, 0)
        for order in resting:
            assert not order.order.time_in_force.immediate
            name = order.order.client_order_id
            assert order.ahead <= self.ahead.get(name, order.ahead), "a queue never grows"
            self.ahead[name] = order.ahead
        yes = [(o.order.side, o.order.price) for o in resting if o.order.token == MARKET.yes]
        yes += [(o.order.side.other, complement(o.order.price)) for o in resting if o.order.token == MARKET.no]
        best_bid = max((price for side, price in yes if side is Side.BUY), default=-1)
        best_ask = min((price for side, price in yes if side is Side.SELL), default=SCALE + 1)
        assert best_bid < best_ask, "our own orders never cross"

    def check_end(self) -> None:
        """Check what holds once all evidence is heard."""
        assert self.matcher.cash == self.ledger.cash
        assert self.matcher.fees_paid == self.ledger.fees
        assert self.matcher.positions == {token: size for token, size in self.ledger.held.items() if size}
        live = {o.order.client_order_id for o in self.matcher.open_orders()}
        assert live | self.ended == {order.client_order_id for order in self.sent}
        assert not live & self.ended
        trade_ids = [e.trade_id for e in self.evidence if isinstance(e, OrderFilled)]
        assert len(trade_ids) == len(set(trade_ids))
        assert [e.ts_ns for e in self.evidence] == sorted(e.ts_ns for e in self.evidence)
        for order in self.sent:
            self._check_whole(order)

    def _check_whole(self, order: PlaceOrder) -> None:
        filled = self.filled[order.client_order_id]
        if order.budget:
            assert filled % 10_000 == 0
        elif order.time_in_force is TimeInForce.FOK:
            assert filled in (0, order.size), "FOK is all or nothing"


@settings(deadline=None, max_examples=300)
@given(runs, terms)
def test_every_promise_holds_on_random_runs(steps: list[Step], conditions: Terms) -> None:
    audit = Audit(PaperMatcher(CASH, positions=HELD, terms=conditions))
    audit.run(steps)
    audit.check_end()


@settings(deadline=None)
@given(runs, terms)
def test_the_same_inputs_give_the_same_outputs(steps: list[Step], conditions: Terms) -> None:
    first, second = (Audit(PaperMatcher(CASH, positions=HELD, terms=conditions)) for _ in range(2))
    first.run(steps)
    second.run(steps)
    assert first.evidence == second.evidence
    assert (first.matcher.cash, first.matcher.positions) == (second.matcher.cash, second.matcher.positions)


@settings(deadline=None)
@given(level_lists, level_lists, st.lists(orders(), max_size=15))
def test_a_still_book_gives_no_more_than_it_shows(
    bids: tuple[tuple[int, int], ...], asks: tuple[tuple[int, int], ...], wishes: list[PlaceOrder]
) -> None:
    audit = Audit(PaperMatcher(10**6 * SCALE, positions=dict.fromkeys(HELD, 10**6 * SCALE)))
    audit.matcher.on_market(0, MarketListed(MARKET, 0))
    audit.matcher.on_market(0, BookSnapshot(MARKET.yes, bids, asks, 0))
    for i, wish in enumerate(wishes):
        audit.matcher.submit(0, msgspec.structs.replace(wish, client_order_id=ClientOrderId(f"o{i}")))
    used: Counter[tuple[Side, int]] = Counter()
    by_id = {f"o{i}": wish for i, wish in enumerate(wishes)}
    for evidence in audit.matcher.advance(0):
        if isinstance(evidence, OrderFilled):
            wish = by_id[evidence.client_order_id]
            side = wish.side if wish.token == MARKET.yes else wish.side.other
            used[side, MARKET.yes_price(wish.token, evidence.price)] += evidence.size
    shown = {Side.BUY: dict(asks), Side.SELL: dict(bids)}
    for (side, price), size in used.items():
        assert size <= shown[side].get(price, 0)


@settings(deadline=None)
@given(runs, st.sampled_from([MARKET.yes, MARKET.no]))
def test_resolution_leaves_cash_only(steps: list[Step], winner: TokenId) -> None:
    matcher = PaperMatcher(CASH, positions=HELD)
    audit = Audit(matcher)
    audit.run(steps)
    paid = matcher.positions.get(winner, 0)
    before = matcher.cash
    matcher.on_market(10**18, MarketResolved(MARKET.id, winner, 0))
    matcher.advance(10**18)
    assert (matcher.cash, matcher.positions) == (before + paid, {})
    assert (matcher.open_orders(), matcher.reserved_cash) == ((), 0)


def test_the_runs_reach_fills_of_every_kind() -> None:
    """The random runs above would prove nothing if they never traded; this one run trades all ways."""
    audit = Audit(PaperMatcher(CASH, positions=HELD))

    def wish(**fields: object) -> PlaceOrder:
        return msgspec.structs.replace(place(), **fields)

    audit.run(
        [
            (1, wish(price=510_000)),
            (1, wish(price=510_000, token=MARKET.no)),
            (1, wish(price=490_000, token=MARKET.no, side=Side.SELL)),
            (1, wish(price=500_000, size=20 * SCALE)),
            (1, BookDelta(MARKET.yes, ((ASK, 500_000, 20 * SCALE),), 0)),
        ]
    )
    audit.check_end()
    found = {(e.match, e.liquidity) for e in audit.evidence if isinstance(e, OrderFilled)}
    assert found == {
        ("normal", Liquidity.TAKER),
        ("mint", Liquidity.TAKER),
        ("merge", Liquidity.TAKER),
        ("normal", Liquidity.MAKER),
    }
