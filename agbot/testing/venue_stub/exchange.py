"""The stub's orders, fills and money: price-time matching against a settable book, in integers of 10⁻⁶.

Simple on purpose: shares are what is matched, also for orders in usd; each level taken is one trade; no fee is charged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

from agbot.exchange.clob.signatures import order_digest, order_signer
from agbot.testing.venue_stub.keys import ADDRESS, StubKey
from agbot.testing.venue_stub.markets import StubBook, StubMarket
from agbot.units import SCALE, to_text, to_units

Json: TypeAlias = dict[str, Any]
SPENDERS: Final = ("0xE111180000d2663C0091e4f400237545B87B996B", "0xe2222d279d744050d28e00520010520000310F59")
OTHER_KEY: Final = "99999999-0000-4000-8000-000000000000"
OTHER_ADDRESS: Final = "0x000000000000000000000000000000000000dEaD"
FOK_KILLED: Final = "order couldn't be fully filled. FOK orders are fully filled or killed."
FAK_EMPTY: Final = (
    "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
)
POST_ONLY_CROSSES: Final = "invalid post-only order: order crosses book"
NO_MONEY: Final = "not enough balance / allowance"


class RefusedOrder(Exception):  # noqa: N818 - what the venue says, not an error of ours
    """The venue's no; its text is the venue's."""


class StubExchange:
    """What the venue holds for everybody. Tests set and read its attributes.

    Attributes:
        order_id: computes the id of a posted ``order`` object: its digest, unless a test puts something else here.
        check_signatures: whether an order must be signed by the key behind `address`.
        collateral: pUSD that is free or behind orders, 10⁻⁶ usd; `shares`: by token, 10⁻⁶.
        live: resting orders by id, as ``/data/orders`` tells them; `finished`: those that rest no more.
        winners: the winning token of each resolved market.
        trades: as ``/data/trades`` tells them, oldest first.
        signature_type: balances read 0 for another one; None takes any.
        listeners: called with each user event.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.order_id: Callable[[Json], str] = self.digest_of
        self.check_signatures = True
        self.markets: dict[str, StubMarket] = {}
        self.books: dict[str, StubBook] = {}
        self.winners: dict[str, str] = {}
        self.collateral = 1_000 * SCALE
        self.allowances = dict.fromkeys(SPENDERS, 2**256 - 1)
        self.shares: dict[str, int] = {}
        self.live: dict[str, Json] = {}
        self.finished: dict[str, Json] = {}
        self.trades: list[Json] = []
        self.signature_type: int | None = None
        self.listeners: list[Callable[[Json], None]] = []
        self.owner = StubKey().key
        self.address = ADDRESS

    def market_of(self, token: str) -> StubMarket | None:
        """Return the market of a token."""
        return next((market for market in self.markets.values() if token in market.tokens), None)

    # ------------------------------------------------------------ orders

    def digest_of(self, order: Json) -> str:
        """Return the id that follows from the order and its market."""
        return "0x" + order_digest(order, **self._domain(order)).hex()

    def _domain(self, order: Json) -> Json:
        market = self.market_of(order["tokenId"])
        if market is None:
            raise RefusedOrder("market not found")
        return {"version": 3 if market.version == "v2" else 2, "neg_risk": market.neg_risk}

    def post(self, body: Json) -> Json:
        """Take one order and return its reply.

        Raises:
            RefusedOrder: with the venue's text.
        """
        order, order_type = body["order"], body["orderType"]
        order_id = self.order_id(order)
        if self.check_signatures and order_signer(order, **self._domain(order)) != self.address:
            raise RefusedOrder("invalid signature")
        row = self._row(order_id, order, body)
        self._check(row, post_only=bool(body.get("postOnly")))
        filled = self._crossing(row)
        if order_type == "FOK" and sum(size for _, size in filled) < to_units(row["original_size"]):
            raise RefusedOrder(FOK_KILLED)
        if order_type == "FAK" and not filled:
            raise RefusedOrder(FAK_EMPTY)
        self.live[order_id] = row
        self._tell_order(row, "PLACEMENT")
        ids = [self._take(row, price, size) for price, size in filled]
        if order_type in {"FOK", "FAK"} and order_id in self.live:
            self.cancel([order_id])
        return _accepted(order_id, row, filled, ids)

    def _row(self, order_id: str, order: Json, body: Json) -> Json:
        market = self.market_of(order["tokenId"])
        assert market is not None, "its domain was found"
        maker, taker = int(order["makerAmount"]), int(order["takerAmount"])
        money, size = (maker, taker) if order["side"] == "BUY" else (taker, maker)
        price = money * SCALE // size
        return {
            "id": order_id,
            "status": "LIVE",
            "owner": body["owner"],
            "maker_address": order["maker"],
            "market": market.condition,
            "asset_id": order["tokenId"],
            "side": order["side"],
            "original_size": to_text(size),
            "size_matched": "0",
            "price": to_text(price),
            "outcome": market.outcomes[market.tokens.index(order["tokenId"])],
            "expiration": order["expiration"],
            "order_type": body["orderType"],
            "associate_trades": [],
            "created_at": int(self.now_s()),
        }

    def _check(self, row: Json, *, post_only: bool) -> None:
        market = self.markets[row["market"]]
        price, size, resting = to_units(row["price"]), to_units(row["original_size"]), row["order_type"][0] == "G"
        if row["id"] in self.live or row["id"] in self.finished:
            raise RefusedOrder(f"order {row['id']} is invalid. Duplicated.")
        if row["owner"] != self.owner:
            raise RefusedOrder("the order owner has to be the owner of the API KEY")
        if not market.accepting:
            raise RefusedOrder("the market is not yet ready to process new orders")
        if resting and price % to_units(market.tick):
            text = f"Price ({row['price']}) breaks minimum tick size rule: {market.tick}"
            raise RefusedOrder(f"order {row['id']} is invalid. {text}")
        if resting and size < to_units(market.min_size):
            text = f"Size ({row['original_size']}) lower than the minimum: {market.min_size}"
            raise RefusedOrder(f"order {row['id']} is invalid. {text}")
        if row["order_type"] == "GTD" and int(row["expiration"]) < self.now_s() + 60:
            raise RefusedOrder("invalid expiration")
        if post_only and self._crossing(row):
            raise RefusedOrder(POST_ONLY_CROSSES)
        if self._cost(row) > self._free(row):
            raise RefusedOrder(NO_MONEY)

    def _cost(self, row: Json) -> int:
        left = to_units(row["original_size"]) - to_units(row["size_matched"])
        return -(-to_units(row["price"]) * left // SCALE) if row["side"] == "BUY" else left

    def _free(self, row: Json) -> int:
        same = [o for o in self.live.values() if o["side"] == row["side"]]
        if row["side"] == "BUY":
            return self.collateral - sum(map(self._cost, same))
        spoken_for = sum(self._cost(o) for o in same if o["asset_id"] == row["asset_id"])
        return self.shares.get(row["asset_id"], 0) - spoken_for

    def _crossing(self, row: Json) -> list[tuple[int, int]]:
        book, limit = self.books.get(row["asset_id"], StubBook()), to_units(row["price"])
        buys, left = row["side"] == "BUY", to_units(row["original_size"])
        rungs = sorted(book.asks.items()) if buys else sorted(book.bids.items(), reverse=True)
        taken: list[tuple[int, int]] = []
        for price, size in rungs:
            if left == 0 or (price > limit if buys else price < limit):
                break
            taken.append((price, min(size, left)))
            left -= taken[-1][1]
        return taken

    def _take(self, row: Json, price: int, size: int) -> str:
        book = self.books[row["asset_id"]]
        rungs = book.asks if row["side"] == "BUY" else book.bids
        rungs[price] -= size
        if not rungs[price]:
            del rungs[price]
        return self._fill(row, price, size, trader_side="TAKER")

    def fill(self, order_id: str, size: str) -> str:
        """Let somebody trade with a resting order; return the trade's id."""
        row = self.live[order_id]
        return self._fill(row, to_units(row["price"]), to_units(size), trader_side="MAKER")

    def _fill(self, row: Json, price: int, size: int, *, trader_side: str) -> str:
        sign = 1 if row["side"] == "BUY" else -1
        self.shares[row["asset_id"]] = self.shares.get(row["asset_id"], 0) + sign * size
        self.collateral -= sign * (price * size // SCALE)
        trade = self._trade(row, price, size, trader_side)
        row["size_matched"] = to_text(to_units(row["size_matched"]) + size)
        row["associate_trades"] = [*row["associate_trades"], trade["id"]]
        if row["size_matched"] == row["original_size"]:
            row["status"] = "MATCHED"
            self.finished[row["id"]] = self.live.pop(row["id"])
        self._tell_order(row, "UPDATE")
        self.trades.append(trade)
        self._tell_trade(trade)
        return str(trade["id"])

    def _trade(self, row: Json, price: int, size: int, trader_side: str) -> Json:
        now, number = str(int(self.now_s())), len(self.trades)
        maker = trader_side == "MAKER"
        mine = {
            "order_id": row["id"],
            "owner": row["owner"],
            "maker_address": row["maker_address"],
            "side": row["side"],
        }
        opposite = "SELL" if row["side"] == "BUY" else "BUY"
        other = {"order_id": f"0x{number:064x}", "owner": OTHER_KEY, "maker_address": OTHER_ADDRESS, "side": opposite}
        taking, making = (other, mine) if maker else (mine, other)
        numbers = {"price": to_text(price), "fee_rate_bps": "0", "asset_id": row["asset_id"], "outcome": row["outcome"]}
        return {
            "id": f"trade-{number}",
            "taker_order_id": taking["order_id"],
            "market": row["market"],
            "side": taking["side"],
            "size": to_text(size),
            "status": "MATCHED",
            "match_time": now,
            "last_update": now,
            "bucket_index": 0,
            "owner": taking["owner"],
            "maker_address": taking["maker_address"],
            "transaction_hash": "",
            "trader_side": trader_side,
            "maker_orders": [making | numbers | {"matched_amount": to_text(size)}],
            **numbers,
        }

    def settle(self, trade_id: str, status: str = "CONFIRMED") -> None:
        """Move a trade on: MINED, CONFIRMED, RETRYING or FAILED. A failed one gives shares and money back."""
        trade = next(t for t in self.trades if t["id"] == trade_id)
        trade |= {"status": status, "last_update": str(int(self.now_s())), "transaction_hash": "0x" + "ab" * 32}
        if status == "FAILED":
            bought = (trade["side"] == "BUY") == (trade["trader_side"] == "TAKER")
            size, price = to_units(trade["size"]), to_units(trade["price"])
            self.shares[trade["asset_id"]] -= size if bought else -size
            self.collateral += (1 if bought else -1) * (price * size // SCALE)
        self._tell_trade(trade)

    def cancel(self, ids: Iterable[str]) -> Json:
        """Cancel and return the reply; an unknown or finished order is in ``not_canceled``."""
        reply: Json = {"canceled": [], "not_canceled": {}}
        for order_id in ids:
            row = self.live.pop(order_id, None)
            if row is None:
                reply["not_canceled"][order_id] = "order can't be found - already canceled or matched"
                continue
            row["status"] = "CANCELED"
            self.finished[order_id] = row
            reply["canceled"].append(order_id)
            self._tell_order(row, "CANCELLATION")
        return reply

    # ------------------------------------------------------------ the user stream

    def _tell_order(self, row: Json, kind: str) -> None:
        now = {"timestamp": str(int(self.now_s() * 1000)), "type": kind, "event_type": "order"}
        self._tell(row | now | {"order_owner": row["owner"], "created_at": str(row["created_at"])})

    def _tell_trade(self, trade: Json) -> None:
        now = {"timestamp": str(int(self.now_s() * 1000)), "type": "TRADE", "event_type": "trade"}
        self._tell(trade | now | {"trade_owner": self.owner})

    def _tell(self, event: Json) -> None:
        for listener in self.listeners:
            listener(event)


def _accepted(order_id: str, row: Json, filled: list[tuple[int, int]], ids: list[str]) -> Json:
    shares, money = sum(s for _, s in filled), sum(p * s // SCALE for p, s in filled)
    making, taking = (money, shares) if row["side"] == "BUY" else (shares, money)
    return {
        "success": True,
        "errorMsg": "",
        "orderID": order_id,
        "status": "matched" if filled else "live",
        "makingAmount": to_text(making) if filled else "",
        "takingAmount": to_text(taking) if filled else "",
        **({"tradeIDs": ids} if ids else {}),
    }
