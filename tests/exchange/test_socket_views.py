"""What subscribers know from frames alone is what the exchange's own core knows, after each step of random flow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, TradeStatus
from agbot.exchange.sockets import market as market_socket
from agbot.exchange.sockets import user as user_socket
from agbot.exchange.sockets.market import MarketSockets
from agbot.exchange.sockets.user import UserSockets
from agbot.model.events import ASK, BID, BookDelta, BookSnapshot
from agbot.model.order import Side
from agbot.units import complement
from agbot.venue.polymarket.wire.market import FrameDecoder
from agbot.venue.polymarket.wire.user import OrderUpdate, UserDecoder
from tests.exchange.fake_core import FakeCore, order, trade
from tests.exchange.flow import WALLETS, Flow

STEPS = 1500


class Tap:
    """An outlet without a connection: it is authenticated, and keeps what it is given."""

    def __init__(self, address: str = "") -> None:
        self.address = address
        self.frames: list[bytes] = []

    def put(self, frame: bytes) -> None:
        """Keep a frame."""
        self.frames.append(frame)

    answer = put

    def take(self) -> list[bytes]:
        """Return what came since."""
        frames, self.frames = self.frames, []
        return frames


class BookView:
    """Books as a subscriber builds them."""

    def __init__(self) -> None:
        self.books: dict[str, tuple[dict[int, int], dict[int, int]]] = {}
        self.decoder = FrameDecoder()

    def read(self, frame: bytes) -> None:
        decoded = self.decoder.decode(frame)
        assert not decoded.faults
        for event in decoded.events:
            if isinstance(event, BookSnapshot):
                whole = dict(event.bids), dict(event.asks)
                assert self.books.setdefault(event.token, whole) == whole, "the changes did not lead here"
            elif isinstance(event, BookDelta):
                for side, price, size in event.changes:
                    book = self.books[event.token][side]
                    book.pop(price, None)
                    if size:
                        book[price] = size

    def check(self, core: Exchange | FakeCore, listings: Iterable[Listing]) -> None:
        for listing in listings:
            yes, no = listing.tokens
            if yes not in self.books:
                continue
            bids, asks = (dict(core.levels(listing, side)) for side in Side)
            assert self.books[yes] == (bids, asks)
            assert self.books[no] == (
                {complement(p): s for p, s in asks.items()},
                {complement(p): s for p, s in bids.items()},
            )
            for token, (own_bids, own_asks) in ((t, self.books[t]) for t in listing.tokens):
                if top := self.decoder.top(token):
                    assert tuple(top) == (max(own_bids, default=0), min(own_asks, default=1_000_000))


changes = st.lists(
    st.tuples(st.sampled_from([BID, ASK]), st.integers(1, 99), st.sampled_from([0, 0, 1, 5_000_000, 7_654_321])),
    min_size=1,
    max_size=4,
)


@given(st.lists(changes, max_size=20), st.integers(0, 5), st.booleans())
def test_any_changes_on_the_first_book_give_the_core_s_for_both_outcomes(
    steps: list[list[tuple[int, int, int]]], before: int, trading: bool
) -> None:
    core, tap, view = FakeCore(), Tap(), BookView()
    sockets = MarketSockets(core, core.clock)
    core.listeners.append(sockets.hear)
    client = _market_client(sockets, tap)
    for i, step in enumerate(steps):
        if i == before:
            client({"type": "market", "assets_ids": list(core.market.tokens)})
        if trading:
            core.trade(trade(order(core.market), order(core.market, n=2)))
        core.change(core.market, *((side, price * 10_000, size) for side, price, size in step))
        for frame in tap.take():
            view.read(frame)
        view.check(core, [core.market])


@pytest.mark.parametrize("seed", range(3))
def test_the_books_of_a_subscriber_are_the_core_s_after_every_step(seed: int) -> None:
    flow, tap, view = Flow(seed), Tap(), BookView()
    sockets = MarketSockets(flow.exchange, lambda: flow.now)
    flow.exchange.listeners.append(sockets.hear)
    client = _market_client(sockets, tap)
    for step in range(STEPS):
        if step % 300 == 100:  # whoever comes later, and again after new markets, sees the same
            tokens = [token for listing in flow.listings for token in listing.tokens]
            client({"operation": "subscribe", "assets_ids": tokens, "custom_feature_enabled": seed == 1})
        flow.step()
        for frame in tap.take():
            view.read(frame)
        view.check(flow.exchange, flow.listings)
    assert len(view.books) >= 10
    assert view.decoder.messages["price_change"] > 300
    assert view.decoder.messages["last_trade_price"] > 50
    assert bool(view.decoder.messages["best_bid_ask"]) is (seed == 1)


def _market_client(sockets: MarketSockets, tap: Tap) -> Any:
    client = market_socket._Client(tap)  # type: ignore[arg-type]
    return lambda told: sockets._take(client, msgspec.json.encode(told).decode())


@pytest.mark.parametrize("seed", range(3))
def test_the_orders_and_trades_a_wallet_was_told_are_the_core_s(seed: int) -> None:
    flow = Flow(seed)
    sockets = UserSockets(_AnyKey())
    flow.exchange.listeners.append(sockets.hear)
    taps = {f"0xwallet{n}": Tap() for n in range(WALLETS)}
    for wallet, tap in taps.items():
        _user_client(sockets, tap, wallet)
    orders: dict[str, dict[str, OrderUpdate]] = {wallet: {} for wallet in taps}
    trades: dict[str, dict[str, str]] = {wallet: {} for wallet in taps}
    for _ in range(STEPS):
        flow.step()
        for wallet, tap in taps.items():
            for frame in tap.take():
                decoded = UserDecoder().decode(frame)
                assert not decoded.faults
                for event in decoded.events:
                    if isinstance(event, OrderUpdate):
                        before = orders[wallet].get(event.id)
                        assert (before is None) is (event.kind == "PLACEMENT")
                        assert before is None or before.size_matched <= event.size_matched
                        orders[wallet][event.id] = event
                    else:
                        trades[wallet][event.id] = event.status
    living = {each.id for each in flow.exchange.orders.all_living()}
    assert {id_ for told in orders.values() for id_, o in told.items() if o.status in ("LIVE", "DELAYED")} == set(
        living
    )
    for wallet, told in orders.items():
        for id_, event in told.items():
            kept = flow.exchange.order(id_)
            assert kept is None or (event.size_matched, event.status) == (kept.matched, kept.status.value)
        known = {each.id: each.status for each in flow.exchange.trades_of(wallet)}
        assert {id_: status.value for id_, status in known.items()} == {
            id_: TradeStatus(trades[wallet][id_]).value for id_ in known
        }


class _AnyKey:
    def trusted(self, name: str, secret: object, passphrase: object) -> Any:
        return type("Key", (), {"address": name}) if secret and passphrase else None


def _user_client(sockets: UserSockets, tap: Tap, wallet: str) -> None:
    auth = {"apiKey": wallet, "secret": "s", "passphrase": "p"}
    sockets._take(user_socket._Client(tap), msgspec.json.encode({"type": "user", "auth": auth}).decode())  # type: ignore[arg-type]
