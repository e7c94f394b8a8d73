"""Orders as people ask for them: JSON fields, a market by any of its names, a worst price walked through the book."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

from agbot.core.book import OrderBook
from agbot.errors import ConfigError, NotFoundError
from agbot.model.events import ASK, BID, Level
from agbot.model.ids import ClientOrderId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import Order, OrderType, Side, TimeInForce
from agbot.units import SCALE, tick_down, tick_up, to_decimal, to_units
from agbot.venue.polymarket.pricing import worst_price

TIME_MAX_NS: Final = 2**63 - 1
SLIPPAGE: Final = "0.01"
_HELP: Final = "agbot buy --help"


def signed_reason(request: Mapping[str, Any], what: str = "the kill switch") -> tuple[str, str]:
    """Return why and by whom something is to be done; ConfigError AGB-533 unless both are told."""
    reason, by = str(request.get("reason") or "").strip(), str(request.get("by") or "").strip()
    if not reason or not by:
        raise ConfigError(f"{what} wants a reason and a name", id="AGB-533", remedy="--by NAME --reason TEXT")
    return reason, by


def order_from(request: Mapping[str, Any], market: Market, book: OrderBook, order_id: ClientOrderId) -> Order:
    """Return the order a request describes.

    A MARKET order without a price gets its worst one: that of the last level it needs now, and `slippage` (usd) more.

    Raises:
        ConfigError: AGB-535, a field is missing or impossible; AGB-545, there is nothing to take it from.
    """
    try:
        side = Side(str(request.get("side", "")).upper())
        kind = OrderType(str(request.get("type", "LIMIT")).upper())
        tif = TimeInForce(str(request.get("tif", "GTC")).upper())
        token = token_of(request, market)
        size = _decimal(request["size"])
        if kind is OrderType.MARKET and request.get("price") is None:
            price = _walked(market, book, side, size, fill_all=tif is TimeInForce.FOK, slippage=_slippage(request))
        else:
            price = _price(request["price"])
        return Order(
            client_order_id=order_id,
            venue=market.venue,
            market=market.id,
            token=token,
            side=side,
            order_type=kind,
            price=price,
            size=size,
            time_in_force=tif,
            post_only=bool(request.get("post_only", False)),
            expire_ns=_expiry(request.get("expire_ns") or 0),
        )
    except KeyError as e:
        raise ConfigError(f"the order lacks {e}", id="AGB-535", remedy=_HELP) from e
    except ValueError as e:
        raise ConfigError(f"impossible order: {e}", id="AGB-535", remedy=_HELP) from e


def outcome_of(request: Mapping[str, Any]) -> Outcome:
    """Return the outcome a request names; ConfigError AGB-535 for one that is none."""
    try:
        return Outcome(str(request.get("outcome", "YES")).upper())
    except ValueError as e:
        raise ConfigError(f"impossible order: {e}", id="AGB-535", remedy=_HELP) from e


def token_of(request: Mapping[str, Any], market: Market) -> TokenId:
    """Return the token a request is about: by its outcome, or because the market was named by that token.

    Raises:
        ConfigError: AGB-535, the token that was named is the other outcome's than the one asked for.
    """
    named = TokenId(slug_of(str(request.get("market", ""))))
    if named not in (market.yes, market.no):
        return market.token(outcome_of(request))
    if "outcome" in request and market.token(outcome_of(request)) != named:
        reason = (
            f"impossible order: {named} is the token of {market.outcome(named)}, and {outcome_of(request)} is asked"
        )
        raise ConfigError(reason, id="AGB-535", remedy=f"ask for {market.outcome(named)}, or name the market's slug")
    return named


def market_named(name: str, markets: Iterable[Market]) -> tuple[Market, TokenId | None]:
    """Return the market called `name` (slug, condition id, token id or address), and the token when that named one.

    Raises:
        NotFoundError: AGB-534, there is none.
    """
    known = list(markets)
    wanted = slug_of(name)
    for market in known:
        if wanted in (market.id, market.slug):
            return market, None
        if wanted in (market.yes, market.no):
            return market, TokenId(wanted)
    remedy = f"known are {', '.join(m.name for m in known) or 'none yet'}"
    raise NotFoundError(f"no market {name!r}", id="AGB-534", remedy=remedy)


def slug_of(name: str) -> str:
    """Return the last part of an address's path, any other name as it is."""
    return urlsplit(name).path.rstrip("/").rpartition("/")[2] if "://" in name else name


def levels_taken(book: OrderBook, side: Side) -> list[Level]:
    """Return the levels that an order on `side` takes, best first."""
    return book.grid.levels(ASK if side is Side.BUY else BID)


def _walked(market: Market, book: OrderBook, side: Side, size: Decimal, *, fill_all: bool, slippage: int) -> Decimal:
    last = worst_price(side, levels_taken(book, side), to_units(size), fill_all=fill_all)
    if last is None:
        other = "asks" if side is Side.BUY else "bids"
        reason = f"{market.name} has too few {other} for a market order"
        raise ConfigError(reason, id="AGB-545", remedy="name a PRICE, or order less")
    tick = book.tick
    price = tick_up(last + slippage, tick) if side is Side.BUY else tick_down(last - slippage, tick)
    return to_decimal(min(max(price, tick), SCALE - tick))


def _slippage(request: Mapping[str, Any]) -> int:
    slippage = to_units(_decimal(request.get("slippage", SLIPPAGE)))
    if slippage < 0:
        raise ValueError("the slippage is negative")
    return slippage


def _decimal(value: object) -> Decimal:
    text = str(value)
    if not text.isascii() or "_" in text:  # what Decimal reads and a person would not
        raise ValueError(f"{text!r} is not a number")
    try:
        number = Decimal(text)
    except InvalidOperation as e:  # its own text is a list of classes
        raise ValueError(f"{text!r} is not a number") from e
    to_units(number)  # what the core could not count exactly is refused here, not in the engine
    return number


def _price(value: object) -> Decimal:
    price = _decimal(value)
    if not 0 < price < 1:
        raise ValueError(f"a price is usd a share, above 0 and below 1, not {value}")
    return price


def _expiry(value: Any) -> int:
    if not isinstance(value, int) or value > TIME_MAX_NS:
        raise ValueError(f"expire_ns is UTC nanoseconds, not {value!r}")
    return value
