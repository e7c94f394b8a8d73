"""Random flow over an exchange: every kind of call, sensible and not, and an auditor that shares no code with it."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import attrs

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import BookChanged, Event, Fact, Listing, NewOrder, OrderStatus, Refused
from agbot.exchange.core.terms import Terms
from agbot.model.events import BID
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_MS, NS_PER_S, SCALE, complement

START_NS = 1_800_000_000 * NS_PER_S
WALLETS = 8


def make_listing(name: str = "rain", *, event: Event | None = None, delay_ns: int = 0, **terms: object) -> Listing:
    """Return a market: tick 0.01, smallest order 5, no fee, unless told otherwise."""
    digits = str(abs(hash_of(name)))
    market = Market(
        id=MarketId(f"0x{hash_of(name):064x}"),
        yes=TokenId(f"1{digits}"),
        no=TokenId(f"2{digits}"),
        slug=name,
        **{"question": f"{name}?", **terms},
    )
    group = event or Event(id=name, slug=name, title=name)
    return Listing(market=market, gamma_id=digits[:6], event=group, taker_delay_ns=delay_ns)


def hash_of(name: str) -> int:
    """Return a number of a name, the same in every run."""
    return int.from_bytes(name.encode().ljust(12, b".")[:12], "big")


@attrs.define
class Auditor:
    """Keeps the books again from the facts alone, and counts what rests again from the orders alone."""

    exchange: Exchange
    sides: dict[str, dict[tuple[int, int], int]] = attrs.field(factory=lambda: defaultdict(dict))

    def hear(self, fact: Fact) -> None:
        if isinstance(fact, BookChanged):
            levels = self.sides[fact.listing.condition]
            for which, price, size in fact.changes:
                levels[which, price] = size
                if not size:
                    del levels[which, price]

    def check(self) -> None:
        """Assert that books, orders, mirrors and money agree."""
        rests: dict[str, Counter[tuple[str, str, int]]] = defaultdict(Counter)
        for order in self.exchange.orders.all_living():
            if order.status is OrderStatus.LIVE:
                rests[order.listing.condition][order.new.token, str(order.new.side), order.price] += order.remaining
        for listing in [x for x in self.exchange.listings.values() if x.winner is None or self.sides[x.condition]]:
            bids = dict(self.exchange.levels(listing, Side.BUY))
            asks = dict(self.exchange.levels(listing, Side.SELL))
            assert self.sides[listing.condition] == {(BID, p): s for p, s in bids.items()} | {
                (1 - BID, p): s for p, s in asks.items()
            }
            assert not bids or not asks or max(bids) < min(asks), "crossed"
            assert (bids, asks) == _from_orders(listing, rests[listing.condition])
        assert list(self.exchange.accounts.faults()) == []


def _from_orders(listing: Listing, rests: Counter[tuple[str, str, int]]) -> tuple[dict[int, int], dict[int, int]]:
    """Return YES bids and asks: a NO order rests as the opposite at the complement."""
    sides: dict[str, Counter[int]] = {"BUY": Counter(), "SELL": Counter()}
    for (token, side, price), size in rests.items():
        yes = token == listing.market.yes
        sides[side if yes else ("SELL" if side == "BUY" else "BUY")][price if yes else complement(price)] += size
    return dict(sides["BUY"]), dict(sides["SELL"])


class Flow:
    """One seeded stream of calls."""

    def __init__(self, seed: int, *, terms: Terms | None = None) -> None:
        self.dice = random.Random(seed)
        self.exchange = Exchange(
            terms or Terms(retry_rate=0.1, fail_rate=0.1, self_trade=self.dice.choice(["refuse", "cancel", "allow"])),
            seed=seed,
        )
        self.auditor = Auditor(self.exchange)
        self.exchange.listeners.append(self.auditor.hear)
        self.now = START_NS
        self.count = 0
        self.done: Counter[str] = Counter()
        group = Event(id="cup", slug="cup", title="The cup", neg_risk=True, neg_risk_id="0x" + "c" * 64)
        self.listings = [
            make_listing("rain", fee_rate=70_000),
            make_listing("snow", tick=1_000, delay_ns=100 * NS_PER_MS, fee_rate=50_000),
            *(make_listing(f"cup-{n}", event=group, neg_risk=True, tick=2_500) for n in range(3)),
        ]
        for listing in self.listings:
            self.exchange.list_market(listing, self.now)

    def step(self) -> None:
        """Do one thing."""
        self.now += self.dice.randrange(0, 200 * NS_PER_MS)
        roll = self.dice.random()
        name, act = next((name, act) for bound, name, act in self._acts() if roll < bound)
        try:
            act()
            self.done[name] += 1
        except Refused:
            self.done[f"{name} refused"] += 1

    def _acts(self) -> list[tuple[float, str, object]]:
        return [
            (0.62, "place", self._place),
            (0.82, "cancel", self._cancel),
            (0.87, "split", lambda: self._pairs(self.exchange.split)),
            (0.91, "merge", lambda: self._pairs(self.exchange.merge)),
            (0.94, "convert", self._convert),
            (0.96, "withdraw", self._withdraw),
            (0.99, "advance", self._advance),
            (0.9995, "deposit", lambda: self.exchange.deposit(self._wallet(), self._size(), self.now)),
            (2.0, "resolve", self._resolve),
        ]

    def _wallet(self) -> str:
        return f"0xwallet{self.dice.randrange(WALLETS)}"

    def _size(self) -> int:
        return self.dice.choice([17, 5 * SCALE, self.dice.randrange(1, 40 * SCALE), 10_000 * self.dice.randrange(4000)])

    def _place(self) -> None:
        listing = self.dice.choice(self.listings)
        tick = listing.market.tick
        price = min(max(int(self.dice.gauss(0.5, 0.08) * SCALE) // tick * tick, tick), SCALE - tick)
        size = (self._size() + self.dice.choice([5 * SCALE] * 9 + [0])) // 10_000 * 10_000 + 10_000
        side = self.dice.choice([Side.BUY, Side.BUY, Side.SELL])
        usd, kind = price * size // SCALE, self.dice.choice([*TimeInForce][:4] + [TimeInForce.GTC] * 4)
        wallet = self._wallet()
        self.count += 1
        self.exchange.place(
            NewOrder(
                id=f"0x{self.count:064x}",
                address=wallet,
                owner="key",
                maker=wallet,
                token=self.dice.choice(listing.tokens),
                side=side,
                maker_amount=usd if side is Side.BUY else size,
                taker_amount=size if side is Side.BUY else usd,
                order_type=kind,
                post_only=not kind.immediate and self.dice.random() < 0.1,
                expiration_s=self.now // NS_PER_S + self.dice.randrange(100, 400) if kind is TimeInForce.GTD else 0,
            ),
            self.now,
        )

    def _cancel(self) -> None:
        wallet = self._wallet()
        mine = [order.id for order in self.exchange.open_orders(wallet)]
        self.exchange.cancel(wallet, [*self.dice.sample(mine, min(len(mine), 1)), "0xnone"], self.now)

    def _pairs(self, act: object) -> None:
        act(self._wallet(), self.dice.choice(self.listings), self._size(), self.now)

    def _convert(self) -> None:
        cup = self.listings[2:]
        self.exchange.convert(self._wallet(), self.dice.sample(cup, self.dice.randrange(1, 4)), self._size(), self.now)

    def _withdraw(self) -> None:
        self.exchange.deposit(self._wallet(), -self._size(), self.now)

    def _advance(self) -> None:
        self.now += 2 * NS_PER_S
        self.exchange.advance(self.now)

    def _resolve(self) -> None:
        """End a market, and open one of the same kind in its place; an event ends as a whole."""
        listing = self.dice.choice(self.listings[:2])
        place = self.listings.index(listing)
        self.exchange.resolve(listing, self.dice.choice(listing.tokens), self.now)
        again = make_listing(
            f"{listing.market.slug[:4]}{self.count}", delay_ns=listing.taker_delay_ns, fee_rate=listing.market.fee_rate
        )
        self.listings[place] = again
        self.exchange.list_market(again, self.now)
