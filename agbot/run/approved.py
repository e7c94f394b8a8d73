"""An approved trade as another program writes it, over whichever transport: every field read, none ignored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Set
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar

import attrs

from agbot.core.approvals import VALID_MAX_NS
from agbot.errors import ConfigError, NotFoundError
from agbot.model.events import OperatorOrder
from agbot.model.ids import ClientOrderId
from agbot.model.market import Market, Outcome
from agbot.model.order import Order, OrderType, Side, TimeInForce
from agbot.run.requests import TIME_MAX_NS, market_named
from agbot.units import NS_PER_MS, to_units

T = TypeVar("T")

REQUIRED: Final = ("request_id", "source", "market", "side", "size", "price", "expires_ms")
OPTIONAL: Final = ("outcome", "tif", "max_slippage", "post_only", "good_till_ms", "why")
FIELDS: Final = (*REQUIRED, *OPTIONAL)
NAME_MAX: Final = 64
WHY_MAX: Final = 200
NUMBER_MAX: Final = 40
"""Characters."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_TRUE: Final = {"true": True, "false": False, "1": True, "0": False}


def name_of(message: Mapping[str, Any], field: str = "request_id") -> str:
    """Return the name in a field; ConfigError AGB-651 when there is none that can be used."""
    return _read(message, field, _name)


def trade_of(
    message: Mapping[str, Any], markets: Iterable[Market], supported: Set[TimeInForce], now_ns: int
) -> OperatorOrder:
    """Return the order that an approved trade asks for.

    Args:
        supported: what the venue can express.

    Raises:
        ConfigError: AGB-651, naming the field and what is wrong with it.
    """
    unknown = sorted(message.keys() - set(FIELDS))
    if unknown:
        raise _fault(unknown[0], f"no such field; there are {', '.join(FIELDS)}")
    market, token = _market(message, markets)
    outcome = _read(message, "outcome", _outcome, Outcome.YES)
    if token and "outcome" in message and market.token(outcome) != token:
        raise _fault("outcome", f"the market is named by the token of {market.outcome(token)}")
    tif = _read(message, "tif", lambda value: TimeInForce(str(value).upper()), TimeInForce.GTC)
    if tif not in supported:
        raise _fault("tif", f"this venue has no {tif} orders")
    order = _order(
        message,
        client_order_id=ClientOrderId(name_of(message)),
        venue=market.venue,
        market=market.id,
        token=token or market.token(outcome),
        time_in_force=tif,
    )
    assert order.price is not None
    return OperatorOrder(
        request_id=order.client_order_id,
        market=order.market,
        token=order.token,
        side=order.side,
        order_type=OrderType.LIMIT,
        price=to_units(order.price),
        size=to_units(order.size),
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        expire_ns=order.expire_ns,
        ts_ns=now_ns,
        source=name_of(message, "source"),
        why=_read(message, "why", _why, ""),
        slippage=_read(message, "max_slippage", _slippage, -1),
        valid_until_ns=_read(message, "expires_ms", lambda value: _valid_until(value, now_ns)),
    )


def _order(message: Mapping[str, Any], **known: Any) -> Order:
    order: dict[str, Any] = {
        "side": _read(message, "side", lambda value: Side(str(value).upper())),
        "price": _read(message, "price", _price),
        "size": _read(message, "size", _positive),
        "post_only": _read(message, "post_only", _flag, default=False),
        "expire_ns": _read(message, "good_till_ms", _moment, 0),
    }
    try:
        return Order(**order, **known)
    except ValueError as e:  # what is impossible together; the text names it
        raise _fault("tif", str(e)) from e


def _market(message: Mapping[str, Any], markets: Iterable[Market]) -> tuple[Market, Any]:
    named = _read(message, "market", _text)
    try:
        return market_named(named, markets)
    except NotFoundError as e:
        raise _fault("market", f"{e.reason}; {e.remedy}") from e


@attrs.frozen
class _Missing:
    """Stands for a default that there is not."""


_MISSING: Final = _Missing()


def _read(message: Mapping[str, Any], field: str, reader: Callable[[Any], T], default: T | _Missing = _MISSING) -> T:
    if field not in message:
        if isinstance(default, _Missing):
            raise _fault(field, "it is missing")
        return default
    try:
        return reader(message[field])
    except ValueError as e:
        raise _fault(field, str(e)) from e


def _fault(field: str, reason: str) -> ConfigError:
    return ConfigError(reason, id="AGB-651", key=field, remedy="docs/control.md has every field; approve it anew")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected text, got {_shown(value)}")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{_shown(value)} is no name: 1 to {NAME_MAX} letters, digits, and . _ : - after the first")
    return value


def _why(value: Any) -> str:
    text = _text(value)
    if len(text) > WHY_MAX or not text.isprintable():
        raise ValueError(f"expected one line of at most {WHY_MAX} characters")
    return text


def _outcome(value: Any) -> Outcome:
    return Outcome(str(value).upper())


def _number(value: Any) -> Decimal:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or "_" in text or len(text) > NUMBER_MAX:
        raise ValueError(f"{_shown(value)} is not a number")
    try:
        number = Decimal(text)
    except InvalidOperation as e:  # its own text is a list of classes
        raise ValueError(f"{_shown(value)} is not a number") from e
    to_units(number)
    return number


def _positive(value: Any) -> Decimal:
    number = _number(value)
    if number <= 0:
        raise ValueError(f"{_shown(value)} is not above 0")
    return number


def _price(value: Any) -> Decimal:
    number = _number(value)
    if not 0 < number < 1:
        raise ValueError(f"a price is usd a share, above 0 and below 1, not {_shown(value)}")
    return number


def _slippage(value: Any) -> int:
    number = _number(value)
    if not 0 <= number < 1:
        raise ValueError(f"it is usd a share, from 0 and below 1, not {_shown(value)}")
    return to_units(number)


def _flag(value: Any) -> bool:
    found = _TRUE.get(str(value).lower())
    if found is None:
        raise ValueError(f"expected true or false, got {_shown(value)}")
    return found


def _moment(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or len(text) > NUMBER_MAX:
        raise ValueError(f"{_shown(value)} is not UTC milliseconds")
    ns = int(text) * NS_PER_MS
    if not 0 < ns <= TIME_MAX_NS:
        raise ValueError(f"{_shown(value)} is not UTC milliseconds")
    return ns


def _valid_until(value: Any, now_ns: int) -> int:
    ns = _moment(value)
    if ns > now_ns + VALID_MAX_NS:
        raise ValueError("it is more than a day ahead")
    return ns


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= NUMBER_MAX else f"{text[:NUMBER_MAX]}…"
