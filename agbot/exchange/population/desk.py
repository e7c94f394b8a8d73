"""One participant's wallet and orders: places, cancels, and brings money or shares when they are short."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from typing import Final

from agbot._keccak import keccak256
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing, NewOrder, Order, Placed, Refused
from agbot.exchange.population.wish import Wish
from agbot.model.order import Side, TimeInForce
from agbot.units import NS_PER_S, SCALE, notional
from agbot.venue.polymarket.keys import checksum

_LEAST_DEPOSIT: Final = 5_000 * SCALE
_SPLIT_AHEAD: Final = 4
"""Shares are made for this many orders of the size that lacked them."""
_GTD_LEAST_S: Final = 240


class Desk:
    """A participant of the exchange. The exchange's no is a normal answer: it is counted and trading goes on.

    Attributes:
        wallet: its address, derived from seed and name; it signs nothing, it acts on the core directly.
        deposited: 10⁻⁶ usd it brought from outside so far; at most `bankroll`.
        refused: how often the exchange said what.
        rng: its own dice.

    Args:
        seed: of its dice.
        names: seed of its wallet and key; by default the same.
        salt: what makes its order ids differ from those of an earlier population of the same seed.
    """

    def __init__(self, name: str, *, seed: int, salt: int, bankroll: int, names: int | None = None) -> None:
        names = seed if names is None else names
        self.name = name
        self.rng = random.Random(f"{seed} {name}")  # noqa: S311 - a simulation, not a secret
        self.wallet = checksum("0x" + keccak256(f"wallet {names} {name}".encode())[12:].hex())
        self.key = _uuid(keccak256(f"key {names} {name}".encode()))
        self.bankroll = bankroll
        self.deposited = 0
        self.refused: Counter[str] = Counter()
        self._salt = salt
        self._count = 0
        self._living: dict[str, Order] = {}

    def living(self, listing: Listing | None = None) -> list[Order]:
        """Return its resting orders, oldest first, in one market or all."""
        ended = [id_ for id_, order in self._living.items() if not order.living]
        for id_ in ended:
            del self._living[id_]
        return [order for order in self._living.values() if listing is None or order.listing is listing]

    def place(self, core: Exchange, wish: Wish, now_ns: int) -> Order | None:
        """Send an order and return it when the exchange took it; a wish of size 0 is not sent."""
        if wish.size <= 0:
            return None
        usd, buys = notional(wish.token_price, wish.size), wish.token_side is Side.BUY
        self._count += 1
        new = NewOrder(
            id="0x" + keccak256(f"{self.wallet} {self._salt} {self._count}".encode()).hex(),
            address=self.wallet,
            owner=self.key,
            maker=self.wallet,
            token=wish.token,
            side=wish.token_side,
            maker_amount=usd if buys else wish.size,
            taker_amount=wish.size if buys else usd,
            order_type=wish.kind,
            post_only=wish.post_only,
            expiration_s=_expiry(wish, now_ns),
            lasting=False,
        )
        placed = self._send(core, wish.listing, new, now_ns)
        if placed is None:
            return None
        if placed.order.living:
            self._living[placed.order.id] = placed.order
        return placed.order

    def cancel(self, core: Exchange, orders: Iterable[Order], now_ns: int) -> None:
        """Take orders off; those that ended meanwhile are left."""
        ids = [order.id for order in orders if order.living]
        if ids:
            core.cancel(self.wallet, ids, now_ns)
        for id_ in ids:
            self._living.pop(id_, None)

    def cancel_leftovers(self, core: Exchange, now_ns: int) -> None:
        """Take off what an earlier population left on the exchange under this wallet."""
        ids = [order.id for order in core.open_orders(self.wallet)]
        if ids:
            core.cancel(self.wallet, ids, now_ns)

    def free(self, core: Exchange, token: str) -> int:
        """Return the shares of a token that no resting order offers."""
        offered = sum(o.remaining for o in self.living() if o.new.side is Side.SELL and o.new.token == token)
        return core.balance(self.wallet, token) - offered

    def net(self, core: Exchange, listing: Listing) -> int:
        """Return YES minus NO shares held."""
        yes, no = listing.tokens
        return core.balance(self.wallet, yes) - core.balance(self.wallet, no)

    def merge(self, core: Exchange, listing: Listing, keep: int) -> None:
        """Turn pairs beyond `keep` that no order offers back into usd."""
        pairs = min(self.free(core, token) for token in listing.tokens) - keep
        if pairs >= SCALE:
            try:
                core.merge(self.wallet, listing, pairs)
            except Refused as e:
                self.note(e)

    def redeem(self, core: Exchange, listing: Listing) -> None:
        """Get what a resolved market pays."""
        if any(core.balance(self.wallet, token) for token in listing.tokens):
            try:
                core.redeem(self.wallet, listing)
            except Refused as e:
                self.note(e)

    def fund(self, core: Exchange, usd: int, now_ns: int) -> bool:
        """Bring at least `usd` from outside; False when that is beyond the bankroll."""
        bring = min(max(usd, _LEAST_DEPOSIT), self.bankroll - self.deposited)
        if bring < usd:
            return False
        core.deposit(self.wallet, bring, now_ns)
        self.deposited += bring
        return True

    def note(self, refusal: Refused) -> None:
        """Count what the exchange said."""
        self.refused[_kind(refusal.text)] += 1

    def _send(self, core: Exchange, listing: Listing, new: NewOrder, now_ns: int) -> Placed | None:
        try:
            return core.place(new, now_ns)
        except Refused as e:
            text = e.text
        if "balance" in text and self._supply(core, listing, new, now_ns):
            try:
                return core.place(new, now_ns)
            except Refused as e:
                text = e.text
        self.refused[_kind(text)] += 1
        return None

    def _supply(self, core: Exchange, listing: Listing, new: NewOrder, now_ns: int) -> bool:
        """Get what an order lacked: usd from outside, shares by splitting usd."""
        if new.side is Side.BUY:
            return self.fund(core, 2 * new.maker_amount, now_ns)
        pairs = _SPLIT_AHEAD * new.maker_amount
        return self._split(core, listing, pairs) or (
            self.fund(core, 2 * pairs, now_ns) and self._split(core, listing, pairs)
        )

    def _split(self, core: Exchange, listing: Listing, pairs: int) -> bool:
        try:
            core.split(self.wallet, listing, pairs)
        except Refused as e:
            self.note(e)
            return False
        return True


def _expiry(wish: Wish, now_ns: int) -> int:
    """Return the expiration of a GTD order in UTC seconds: the venue drops it a minute before; 0 for others."""
    return now_ns // NS_PER_S + max(wish.life_s + 60, _GTD_LEAST_S) if wish.kind is TimeInForce.GTD else 0


def _kind(text: str) -> str:
    """Return a refusal without its ids and numbers, so that counting them stays bounded."""
    return " ".join(word for word in text.split() if word.strip("(),.:").isalpha())[:80]


def _uuid(raw: bytes) -> str:
    text = raw[:16].hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:32]))
