"""A test key that asks and orders as a client does, or wrongly on purpose."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from secrets import randbits
from typing import Any, Final, TypeAlias

import attrs
import msgspec
import trio

from agbot.exchange.conformance.asking import Answer, Site, query_text
from agbot.exchange.conformance.verdict import failed, require
from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.units import NS_PER_MS, notional
from agbot.venue.polymarket.amounts import limit_amounts, market_amounts
from agbot.venue.polymarket.auth import ApiCredentials, l1_headers, l2_headers, shown_key
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import SALT_BITS, OrderFields, OrderSigner, SignedOrder, Version
from agbot.venue.polymarket.wallets import Account

Json: TypeAlias = dict[str, Any]
SETTLED_S: Final = 12.0
POLL_S: Final = 0.1
FINAL: Final = ("CONFIRMED", "FAILED")
_IMMEDIATE: Final = ("FOK", "FAK")


@attrs.frozen(kw_only=True)
class Pitch:
    """A market, and the YES prices in it at which an order meets nobody else's. Prices and sizes are 10⁻⁶.

    Args:
        low: the lowest free price; `high`: the highest.
    """

    condition: str
    yes: str
    no: str
    tick: int
    min_size: int
    low: int
    high: int
    neg_risk: bool = False
    version: Version = 2
    rate: int = 0
    exponent: int = 1

    def at(self, steps: int = 0) -> int:
        """Return the YES price `steps` ticks above the middle of what is free."""
        return (self.low + self.high) // 2 // self.tick * self.tick + steps * self.tick

    @property
    def size(self) -> int:
        """Return shares for an ordinary order: at least the minimum, and worth over a dollar on either side."""
        return max(10_000_000, 2 * self.min_size)

    @property
    def room(self) -> int:
        """Return how many free ticks there are on either side of the middle."""
        return min(self.at() - self.low, self.high - self.at()) // self.tick


class Trader:
    """One funded key. `now_s` is the target's clock."""

    def __init__(self, site: Site, key: SigningKey, account: Account, creds: ApiCredentials, skew_s: float) -> None:
        self.site = site
        self.key = key
        self.account = account
        self.creds = creds
        self.skew_s = skew_s
        self.dirty = False
        """Whether it may have orders that rest."""

    def with_account(self, account: Account) -> Trader:
        """Return the same key trading with another wallet."""
        return Trader(self.site, self.key, account, self.creds, self.skew_s)

    def with_creds(self, creds: ApiCredentials) -> Trader:
        """Return the same key under another API key."""
        return Trader(self.site, self.key, self.account, creds, self.skew_s)

    @property
    def now_s(self) -> int:
        """Return the target's time, whole seconds."""
        return int(time.time() + self.skew_s)

    @property
    def auth(self) -> Json:
        """Return what a user socket's first frame carries."""
        shown = shown_key(self.creds)
        return {"apiKey": self.creds.key, "secret": str(shown["secret"]), "passphrase": str(shown["passphrase"])}

    # ------------------------------------------------------------ asking

    def claim(self, nonce: int = 0, at_s: int | None = None) -> dict[str, str]:
        """Return L1 headers."""
        return l1_headers(self.key, self.now_s if at_s is None else at_s, nonce)

    def headers(self, method: str, path: str, body: bytes = b"") -> dict[str, str]:
        """Return L2 headers."""
        return l2_headers(self.creds, self.key.address, method, path, body, self.now_s)

    async def ask(self, method: str, path: str, query: Mapping[str, object] | str = "", body: bytes = b"") -> Answer:
        """Ask under the API key."""
        text = query if isinstance(query, str) else query_text(query)
        return await self.site.ask(method, path, text, body=body, headers=self.headers(method, path, body))

    async def get(self, path: str, **query: object) -> Answer:
        """Return the answer to a signed GET."""
        return await self.ask("GET", path, query)

    async def send(self, method: str, path: str, value: object) -> Answer:
        """Return the answer to a signed request with a JSON body."""
        return await self.ask(method, path, body=msgspec.json.encode(value))

    # ------------------------------------------------------------ orders

    def signed(
        self,
        pitch: Pitch,
        token: str,
        side: Side,
        amounts: tuple[int, int],
        *,
        expiration_s: int = 0,
        version: Version | None = None,
        neg_risk: bool | None = None,
    ) -> SignedOrder:
        """Return a signed order of these maker and taker amounts; `version` and `neg_risk` are the pitch's if None."""
        fields = OrderFields(
            token_id=int(token),
            maker_amount=amounts[0],
            taker_amount=amounts[1],
            side=side,
            salt=randbits(SALT_BITS),
            timestamp_ms=int((time.time() + self.skew_s) * 1e9) // NS_PER_MS,
            expiration_s=expiration_s,
        )
        neg = pitch.neg_risk if neg_risk is None else neg_risk
        return OrderSigner(self.key, self.account, POLYGON).sign(fields, version=version or pitch.version, neg_risk=neg)

    def draft(  # noqa: PLR0917 - read as one line of an order
        self,
        pitch: Pitch,
        token: str,
        side: Side,
        price: int,
        size: int,
        order_type: str = "GTC",
        *,
        post_only: bool = False,
        expiration_s: int = 0,
        amounts: tuple[int, int] | None = None,
        version: Version | None = None,
        neg_risk: bool | None = None,
    ) -> Json:
        """Return the body of an order at the token's own price; `amounts` instead of what price and size give."""
        both = amounts or _amounts(side, price, size, pitch.tick, order_type)
        signed = self.signed(pitch, token, side, both, expiration_s=expiration_s, version=version, neg_risk=neg_risk)
        return body_of(signed, self.creds.key, order_type, post_only=post_only)

    async def post(self, body: Json) -> Answer:
        """Send an order."""
        self.dirty = True
        return await self.send("POST", "/order", body)

    async def place(  # noqa: PLR0917 - read as one line of an order
        self, pitch: Pitch, token: str, side: Side, price: int, size: int, order_type: str = "GTC"
    ) -> Json:
        """Send an ordinary order and return the reply of its acceptance; Failed when it is refused."""
        return accepted(await self.post(self.draft(pitch, token, side, price, size, order_type)))

    async def cancel(self, *ids: str) -> Json:
        """Cancel orders; return the reply."""
        told: Json = (await self.send("DELETE", "/orders", list(ids))).ok()
        return told

    async def cancel_all(self) -> Json:
        """Cancel everything of this key; return the reply."""
        told: Json = (await self.ask("DELETE", "/cancel-all")).ok()
        self.dirty = False
        return told

    async def open_orders(self, **query: object) -> list[Json]:
        """Return the first page of open orders."""
        rows: list[Json] = (await self.get("/data/orders", **query)).ok()["data"]
        return rows

    async def order(self, order_id: str) -> Json | None:
        """Return an order, None when the target tells nothing of it (any more)."""
        answer = await self.get(f"/data/order/{order_id}")
        if answer.status == 404:
            return None
        told = answer.ok()
        return told or None

    async def trades(self, **query: object) -> list[Json]:
        """Return the first page of trades."""
        rows: list[Json] = (await self.get("/data/trades", **query)).ok()["data"]
        return rows

    async def settled(self, ids: Sequence[str]) -> list[Json]:
        """Return these trades once each is CONFIRMED; Failed when one fails, or none does in time."""
        found = [await self._settled(trade_id) for trade_id in ids]
        require(found, "no trade", "a trade")
        return found

    async def idle(self) -> None:
        """Wait until no trade of the last minutes is on its way to the chain."""
        for row in await self.trades(after=self.now_s - 120):
            if str(row["status"]).removeprefix("TRADE_STATUS_") not in FINAL:
                await self._settled(row["id"], FINAL)

    async def _settled(self, trade_id: str, good: Sequence[str] = ("CONFIRMED",)) -> Json:
        status = "unknown"
        with trio.move_on_after(SETTLED_S):
            while True:
                rows = [row for row in await self.trades(id=trade_id) if row["id"] == trade_id]
                status = str(rows[0]["status"]).removeprefix("TRADE_STATUS_") if rows else "unknown"
                if status in FINAL:
                    require(status in good, f"trade {status}", "CONFIRMED")
                    return rows[0]
                await trio.sleep(POLL_S)
        raise failed(f"the trade is {status} after {SETTLED_S:g} s", "CONFIRMED")

    # ------------------------------------------------------------ money

    async def usd(self) -> int:
        """Return pUSD, 10⁻⁶."""
        return await self._balance(asset_type="COLLATERAL")

    async def shares(self, pitch: Pitch, token: str) -> int:
        """Return shares of a token, 10⁻⁶."""
        kind = "CONDITIONAL-V2" if pitch.version == 3 else "CONDITIONAL"
        return await self._balance(asset_type=kind, token_id=token)

    async def _balance(self, **query: object) -> int:
        told = (await self.get("/balance-allowance", **query, signature_type=int(self.account.signature_type))).ok()
        return int(told["balance"])


def accepted(answer: Answer) -> Json:
    """Return the reply of an order that was taken; Failed for any other."""
    told: Json = answer.ok()
    good = told.get("success") is True and not told.get("errorMsg") and told.get("orderID")
    require(good and told.get("status") in {"live", "matched", "delayed"}, told, "an accepted order")
    return told


def refusal(answer: Answer, *words: str) -> str:
    """Return why an order was refused, in either form the venue has; Failed when it was taken or says otherwise."""
    if answer.status != 200:
        return answer.refused(*words, status=(400, 404))
    told = answer.json
    text = str(told.get("errorMsg") or "") if isinstance(told, dict) else ""
    require(text and not told.get("orderID"), told, "a refusal" + (f" that says {words}" if words else ""))
    require(all(word.lower() in text.lower() for word in words), text, f"a refusal that says {words}")
    return text


def body_of(signed: SignedOrder, owner: str, order_type: str, *, post_only: bool = False) -> Json:
    """Return the body of ``POST /order``, whatever it says."""
    fields = signed.fields
    return {
        "order": {
            "salt": fields.salt,
            "maker": signed.maker,
            "signer": signed.signer,
            "tokenId": str(fields.token_id),
            "makerAmount": str(fields.maker_amount),
            "takerAmount": str(fields.taker_amount),
            "side": str(fields.side),
            "expiration": str(fields.expiration_s),
            "signatureType": int(signed.signature_type),
            "timestamp": str(fields.timestamp_ms),
            "metadata": "0x" + fields.metadata.hex(),
            "builder": "0x" + fields.builder.hex(),
            "signature": "0x" + signed.signature.hex(),
        },
        "owner": owner,
        "orderType": order_type,
        "deferExec": False,
        "postOnly": post_only,
    }


def credentials(told: Json) -> ApiCredentials:
    """Return the API key in an answer of ``/auth/api-key``."""
    return ApiCredentials(key=told["apiKey"], secret=Secret(told["secret"]), passphrase=Secret(told["passphrase"]))


def _amounts(side: Side, price: int, size: int, tick: int, order_type: str) -> tuple[int, int]:
    if order_type not in _IMMEDIATE:
        return limit_amounts(side, price, size, tick)
    return market_amounts(side, size if side is Side.SELL else notional(price, size), price, tick)
