"""A core small enough to predict: one book per market, facts told as they are made up."""

from __future__ import annotations

from collections.abc import Callable

from agbot.exchange.clob.keys import ApiKey
from agbot.exchange.core.model import (
    BookChanged,
    Event,
    Fact,
    Leg,
    Listed,
    Listing,
    NewOrder,
    Order,
    OrderNews,
    OrderStatus,
    OrderTold,
    Resolved,
    TickChanged,
    Trade,
    Traded,
    TradeStatus,
    TradeTold,
)
from agbot.model.events import BID, Change, Level
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side, TimeInForce

NOW_NS = 1_790_000_000_123_000_000
KEY = "6d1f0a52-1111-4222-8333-000000000001"
OTHER_KEY = "6d1f0a52-1111-4222-8333-000000000002"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
OTHER_ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def listing(n: int = 1, *, fee_rate: int = 40_000, neg_risk: bool = False) -> Listing:
    """Return a market; its tokens and condition follow from `n`."""
    yes, no = (str((n << 200) + (0xABCDEF << 64) + outcome) for outcome in (0, 1))
    market = Market(
        id=MarketId(f"0x{n:064x}"),
        yes=TokenId(yes),
        no=TokenId(no),
        slug=f"will-it-{n}",
        question="Will it?",
        fee_rate=fee_rate,
        neg_risk=neg_risk,
    )
    event = Event(id=str(500 + n), slug=f"it-{n}", title="It", tags=("weather",))
    return Listing(market=market, gamma_id=str(100 + n), event=event, description="It will or it will not.")


def order(
    market: Listing,
    *,
    n: int = 1,
    token: str = "",
    side: Side = Side.BUY,
    price: int = 480_000,
    size: int = 100_000_000,
    matched: int = 0,
    status: OrderStatus = OrderStatus.LIVE,
    mine: bool = True,
    order_type: TimeInForce = TimeInForce.GTC,
    reason: str = "",
) -> Order:
    """Return an order of ADDRESS, or of the other one."""
    new = NewOrder(
        id=f"0x{n:064x}",
        address=ADDRESS if mine else OTHER_ADDRESS,
        owner=KEY if mine else OTHER_KEY,
        maker=ADDRESS if mine else OTHER_ADDRESS,
        token=token or market.market.yes,
        side=side,
        maker_amount=price * size // 1_000_000,
        taker_amount=size,
        order_type=order_type,
    )
    return Order(
        new=new,
        listing=market,
        price=price,
        size=size,
        created_ns=NOW_NS,
        matched=matched,
        status=status,
        reason=reason,
        trades=["t1"] if matched else [],
    )


def trade(
    taker: Order, *makers: Order, size: int = 10_000_000, fee: int = 0, status: TradeStatus = TradeStatus.MATCHED
) -> Trade:
    """Return a trade of `size` shares with each maker, at the makers' prices."""
    taking = Leg(
        order=taker,
        token=TokenId(taker.new.token),
        side=taker.new.side,
        price=taker.price,
        size=size * len(makers),
        value=0,
        fee=fee,
    )
    making = tuple(
        Leg(
            order=o,
            token=TokenId(o.new.token),
            side=o.new.side,
            price=o.price,
            size=size,
            value=0,
            kind="normal" if o.new.token == taker.new.token else "mint",
        )
        for o in makers
    )
    return Trade(
        id="t1",
        listing=taker.listing,
        taker=taking,
        makers=making,
        matched_ns=NOW_NS,
        updated_ns=NOW_NS,
        status=status,
        tx_hash="" if status is TradeStatus.MATCHED else "0x" + "ab" * 32,
    )


class FakeCore:
    """Keeps books; everything else is told as a test says."""

    def __init__(self, *listings: Listing) -> None:
        self.listings = {each.condition: each for each in listings or (listing(),)}
        self.listeners: list[Callable[[Fact], None]] = []
        self.books: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
        self.now_ns = NOW_NS

    def clock(self) -> int:
        """Return the time."""
        return self.now_ns

    @property
    def market(self) -> Listing:
        """Return the first market."""
        return next(iter(self.listings.values()))

    def of_token(self, token: str) -> Listing | None:
        """Return the market of a token."""
        return next((each for each in self.listings.values() if token in each.tokens), None)

    def levels(self, market: Listing, side: Side) -> list[Level]:
        """Return levels, best first."""
        bids, asks = self.books.get(market.condition, ({}, {}))
        return sorted(bids.items(), reverse=True) if side is Side.BUY else sorted(asks.items())

    def tell(self, fact: Fact) -> None:
        """Tell all listeners."""
        for listener in self.listeners:
            listener(fact)

    def change(self, market: Listing, *changes: Change) -> None:
        """Change a book and tell it."""
        bids, asks = self.books.setdefault(market.condition, ({}, {}))
        for side, price, size in changes:
            book = bids if side == BID else asks
            if size:
                book[price] = size
            else:
                book.pop(price, None)
        self.tell(BookChanged(market, changes, self.now_ns))

    def trade(self, done: Trade) -> None:
        """Tell a trade."""
        self.tell(Traded(done, self.now_ns))

    def settle(self, done: Trade) -> None:
        """Tell a trade's status."""
        self.tell(TradeTold(done, self.now_ns))

    def order(self, told: Order, news: OrderNews = OrderNews.PLACEMENT) -> None:
        """Tell an order."""
        self.tell(OrderTold(told, news, self.now_ns))

    def list_market(self, market: Listing) -> None:
        """Open a market."""
        self.listings[market.condition] = market
        self.tell(Listed(market, self.now_ns))

    def tick(self, market: Listing, new: int) -> None:
        """Tell a finer tick."""
        self.tell(TickChanged(market, market.market.tick, new, self.now_ns))

    def resolve(self, market: Listing) -> None:
        """Let YES win."""
        market.winner = market.market.yes
        self.tell(Resolved(market, self.now_ns))


class FakeKeys:
    """Two known keys."""

    def trusted(self, name: str, secret: object, passphrase: object) -> ApiKey | None:
        """Return the key of that name."""
        address = {KEY: ADDRESS, OTHER_KEY: OTHER_ADDRESS}.get(name)
        if address is None or (secret, passphrase) != ("c2VjcmV0", "words"):
            return None
        return ApiKey(key=name, secret="c2VjcmV0", passphrase="words", address=address)


def auth(key: str = KEY, secret: str = "c2VjcmV0") -> dict[str, str]:
    """Return credentials as the user channel takes them."""
    return {"apiKey": key, "secret": secret, "passphrase": "words"}
