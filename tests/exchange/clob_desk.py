"""The CLOB's routes over a real core, and traders who sign as agbot's own client does: whole requests, no socket."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from agbot.exchange.api import Ask, Reply
from agbot.exchange.clob.clob import Clob
from agbot.exchange.clob.keys import Keyring
from agbot.exchange.clob.limits import Limits
from agbot.exchange.clob.owners import Owners
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Event, Listing
from agbot.exchange.core.terms import Terms
from agbot.exchange.routing import Router
from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.units import NS_PER_S, SCALE, to_units
from agbot.venue.polymarket.auth import l1_headers
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, SignedOrder, post_body
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

START_S = 1_790_000_000
KEYS = (
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
)


def listing_at(n: int, **terms: Any) -> Listing:
    """Return a market; its ids follow from `n`."""
    condition, version = f"0x{n:064x}", terms.pop("exchange_version", 2)
    low = (1 << 40) if version == 2 else 0
    yes, no = (str((n + 1 << 200) + low + outcome) for outcome in (0, 1))
    market = Market(
        id=MarketId(condition),
        yes=TokenId(yes),
        no=TokenId(no),
        slug=f"will-it-{n}",
        question=f"Will it {n}?",
        exchange_version=version,
        **{name: terms.pop(name) for name in list(terms) if name in Market.__struct_fields__},
    )
    event = Event(id=f"7{n}", slug=f"event-{n}", title="Event", neg_risk=market.neg_risk, neg_risk_id=condition)
    return Listing(market=market, gamma_id=f"5{n}", event=event, **terms)


class Desk:
    """An exchange with its REST routes and a clock that tests move."""

    def __init__(self, *listings: Listing, limits: bool = True, terms: Terms | None = None, **more: Any) -> None:
        self.now_ns = START_S * NS_PER_S
        self.core = Exchange(terms or Terms())
        self.keys, self.owners, self.limits = Keyring(7), Owners(), Limits(enabled=limits)
        clock = lambda: self.now_ns  # noqa: E731 - one line of a test
        host = lambda: self.now_ns / NS_PER_S  # noqa: E731
        self.clob = Clob(self.core, self.keys, self.owners, self.limits, clock, host_s=host, **more)
        self.router = Router(self.clob.routes())
        for listing in listings or (listing_at(1),):
            self.core.list_market(listing, self.now_ns)
        self.listing = next(iter(self.core.listings.values()))
        self.yes, self.no = self.listing.tokens

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += int(seconds * NS_PER_S)
        self.core.advance(self.now_ns)
        self.clob.advance(self.now_ns)

    def get(self, path: str, **query: Any) -> Reply:
        """Ask without a key."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.router(Ask(method="GET", path=path, query_text=text))

    def post(self, path: str, body: Any) -> Reply:
        """Send JSON without a key."""
        return self.router(Ask(method="POST", path=path, body=msgspec.json.encode(body)))


@attrs.define
class Trader:
    """One who signs. `kind` is the signature type; the wallet is the one that follows, unless `funder` is given."""

    desk: Desk
    secret: str = KEYS[0]
    kind: SignatureType = SignatureType.EOA
    funder: str = ""
    salt: int = 0
    wallet: SigningKey = attrs.field(init=False)
    account: Account = attrs.field(init=False)
    key: dict[str, str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.wallet = SigningKey.parse(Secret(self.secret))
        own = derive(self.wallet.address)
        self.account = Account(
            self.wallet.address, self.funder or (own.eoa, own.proxy, own.safe, own.deposit_beacon)[self.kind], self.kind
        )
        headers = {k.lower(): v for k, v in l1_headers(self.wallet, self.desk.now_ns // NS_PER_S).items()}
        reply = self.desk.router(Ask(method="POST", path="/auth/api-key", headers=headers))
        if reply.status == 400:
            reply = self.desk.router(Ask(method="GET", path="/auth/derive-api-key", headers=headers))
        assert reply.status == 200, reply
        self.key = reply.json

    @property
    def address(self) -> str:
        return self.wallet.address

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> Reply:
        """Send a signed request."""
        raw = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
        stamp = str(self.desk.now_ns // NS_PER_S)
        signed = self.desk.keys.derive(self.address).signature(stamp, method, path, raw)
        headers = {
            "poly_address": self.address,
            "poly_api_key": self.key["apiKey"],
            "poly_passphrase": self.key["passphrase"],
            "poly_timestamp": stamp,
            "poly_signature": signed,
        }
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return self.desk.router(Ask(method=method, path=path, query_text=text, headers=headers, body=raw))

    def signed(self, fields: OrderFields) -> SignedOrder:
        """Return an order of the token's market, signed."""
        listing = self.desk.core.of_token(str(fields.token_id)) or self.desk.listing
        signer = OrderSigner(self.wallet, self.account, POLYGON)
        version = 3 if listing.market.exchange_version == 3 else 2
        return signer.sign(fields, version=version, neg_risk=listing.market.neg_risk)

    def body(
        self,
        side: str = "BUY",
        price: str = "0.5",
        size: str = "10",
        *,
        token: str = "",
        order_type: str = "GTC",
        post_only: bool = False,
        expiration_s: int = 0,
        amounts: tuple[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the body of an order; `amounts` (maker, taker) instead of price × size."""
        self.salt += 1
        usd, shares = to_units(price) * to_units(size) // SCALE, to_units(size)
        making, taking = (usd, shares) if side == "BUY" else (shares, usd)
        if amounts:
            making, taking = (to_units(amount) for amount in amounts)
        fields = OrderFields(
            token_id=int(token or self.desk.yes),
            maker_amount=making,
            taker_amount=taking,
            side=Side(side),
            salt=self.salt,
            timestamp_ms=START_S * 1000,
            expiration_s=expiration_s,
        )
        raw = post_body(self.signed(fields), owner=self.key["apiKey"], order_type=order_type, post_only=post_only)
        told: dict[str, Any] = msgspec.json.decode(raw)
        return told

    def order(self, *args: str, **more: Any) -> Reply:
        """Post an order."""
        return self.send("POST", "/order", self.body(*args, **more))

    def placed(self, *args: str, **more: Any) -> dict[str, Any]:
        """Post an order that is taken, and return the answer."""
        reply = self.order(*args, **more)
        assert reply.status == 200, reply
        told: dict[str, Any] = reply.json
        assert told["success"], told
        assert told["errorMsg"] == "", told
        return told


def ids(reply: Any) -> list[str]:
    """Return the ids of a page's rows."""
    return [row["id"] for row in reply.json["data"]]
