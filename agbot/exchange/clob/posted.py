"""Orders as they are posted: what the body must say before the exchange's core looks at them."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from agbot.exchange.clob.owners import Owners
from agbot.exchange.clob.signatures import (
    INVALID_PAYLOAD,
    VERSION_MISMATCH,
    OrderCheck,
    PostedOrder,
    checked_address,
    whole,
)
from agbot.exchange.clob.standing import COLLATERAL, Standing
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import NewOrder, Refused
from agbot.matching.checks import NO_BOOK
from agbot.model.order import Side, TimeInForce

NOT_THE_OWNER: Final = "the order owner has to be the owner of the API KEY"
BATCH_MAX: Final = 15
_USD_STEP: Final = 10_000
_SHARES_STEP: Final = 100


class PostedBody(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The body of ``POST /order``, and each item of ``POST /orders``. ``owner`` is an API key."""

    order: PostedOrder
    owner: str
    order_type: Literal["GTC", "GTD", "FOK", "FAK"]
    post_only: bool | None = False
    defer_exec: bool | None = False


_one: Final = msgspec.json.Decoder(PostedBody).decode
_many: Final = msgspec.json.Decoder(list[PostedBody]).decode


def read_one(body: bytes) -> PostedBody:
    """Return the order in a body; Refused 400 when a field is missing or of another type."""
    try:
        return _one(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Refused(INVALID_PAYLOAD) from e


def read_batch(body: bytes) -> list[PostedBody]:
    """Return 1 to `BATCH_MAX` orders; Refused 400 when there are more, none, or one is not well-formed."""
    try:
        batch = _many(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Refused(INVALID_PAYLOAD) from e
    if len(batch) > BATCH_MAX:
        raise Refused(f"Too many orders in payload: {len(batch)}, max allowed: {BATCH_MAX}")
    if not batch:
        raise Refused(INVALID_PAYLOAD)
    return batch


class Intake:
    """Turns posted orders into orders for the core: signature, key, wallet, decimals, bans and allowances are right."""

    def __init__(self, core: Exchange, owners: Owners, standing: Standing, check: OrderCheck | None = None) -> None:
        self.core = core
        self.owners = owners
        self.standing = standing
        self.check = check or OrderCheck(standing.chain)

    def order(self, body: PostedBody, address: str, key: str) -> NewOrder:
        """Return the order that `address` sent under its API key `key`.

        Raises:
            Refused: with the venue's text; nothing was noted of it.
        """
        order = body.order
        if body.owner != key:
            raise Refused(NOT_THE_OWNER)
        if order.of_version_1:
            raise Refused(VERSION_MISMATCH)
        listing = self.core.of_token(order.token_id)
        if listing is None:
            raise Refused(NO_BOOK, 404)
        market = listing.market
        order_id = self.check.signed_by(order, address, version=market.exchange_version, neg_risk=market.neg_risk)
        maker, kind = checked_address(order.maker), TimeInForce(body.order_type)
        making, taking = whole(order.maker_amount), whole(order.taker_amount)
        if kind.immediate:
            _check_decimals(order.side, making, taking)
        self.standing.check(address, maker, order.side)
        self.standing.check_allowance(maker, listing, COLLATERAL if order.side is Side.BUY else order.token_id, making)
        expires = whole(order.expiration)
        self.owners.bind(address, maker, order.signature_type)
        return NewOrder(
            id=order_id,
            address=address,
            owner=key,
            maker=maker,
            token=listing.tokens[order.token_id != market.yes],  # the listing's own text: thousands of orders share it
            side=order.side,
            maker_amount=making,
            taker_amount=taking,
            order_type=kind,
            post_only=bool(body.post_only),
            expiration_s=expires,
            signature_type=order.signature_type,
        )


def _check_decimals(side: Side, making: int, taking: int) -> None:
    """Refuse more decimals than the venue takes of orders that never rest: 2 of what is given, 4 of what is wanted."""
    if making % _USD_STEP or taking % _SHARES_STEP:
        what = "buy" if side is Side.BUY else "sell"
        raise Refused(
            f"invalid amounts, the market {what} orders maker amount supports a max accuracy of 2 decimals, "
            "taker amount a max of 4 decimals"
        )
