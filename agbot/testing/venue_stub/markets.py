"""Markets and books of the stub, and how Gamma and the CLOB tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha1
from typing import Any, Final

import attrs
import msgspec

from agbot.units import complement, to_text, to_units

CONDITION: Final = "0x5f65177b394277fd294cd75650044e32ba009a95022d88a0c1d565897d72f8f1"
YES: Final = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
NO: Final = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
Rungs = Iterable[tuple[str, str]]
"""Price and size of each level as text, such as ``[("0.48", "100")]``."""


@attrs.frozen(kw_only=True)
class StubMarket:
    """A market as the venue lists it; numbers as text."""

    condition: str = CONDITION
    yes: str = YES
    no: str = NO
    outcomes: tuple[str, str] = ("Yes", "No")
    slug: str = "will-it-rain"
    question: str = "Will it rain?"
    event_slug: str = "weather"
    gamma_id: str = "501"
    tick: str = "0.01"
    min_size: str = "5"
    neg_risk: bool = False
    accepting: bool = True
    closed: bool = False
    version: str = "v1"
    fee_rate: str = "0"
    fee_exponent: int = 1
    end_date: str = "2030-01-01T00:00:00Z"
    gamma: Mapping[str, Any] = attrs.field(factory=dict)
    """Overrides of what Gamma tells."""

    @property
    def tokens(self) -> tuple[str, str]:
        """Both tokens, YES first."""
        return self.yes, self.no

    def clob_json(self) -> dict[str, Any]:
        """Return the compact object of ``/clob-markets/{condition}``."""
        told: dict[str, Any] = {
            "c": self.condition,
            "t": [{"t": token, "o": name} for token, name in zip(self.tokens, self.outcomes, strict=True)],
            "mos": _number(self.min_size),
            "mts": _number(self.tick),
            "ao": self.accepting,
            "mbf": 1000,
            "tbf": 1000,
            "v": self.version,
        }
        if self.neg_risk:
            told["nr"] = True
        if to_units(self.fee_rate):
            told["fd"] = {"r": _number(self.fee_rate), "e": self.fee_exponent, "to": True}
        return told

    def record_json(self, winner: str) -> dict[str, Any]:
        """Return the long object of ``/markets/{condition}``; `winner` is a token, empty before resolution."""
        return {
            "condition_id": self.condition,
            "question": self.question,
            "market_slug": self.slug,
            "tokens": [
                {"token_id": token, "outcome": name, "price": 0.5, "winner": token == winner}
                for token, name in zip(self.tokens, self.outcomes, strict=True)
            ],
            "minimum_tick_size": _number(self.tick),
            "minimum_order_size": _number(self.min_size),
            "neg_risk": self.neg_risk,
            "active": True,
            "closed": self.closed or bool(winner),
            "accepting_orders": self.accepting,
            "enable_order_book": True,
            "end_date_iso": self.end_date,
            "game_start_time": None,
            "seconds_delay": 0,
        }

    def gamma_json(self) -> dict[str, Any]:
        """Return Gamma's market object, lists inside strings as Gamma has them."""
        fees = {"exponent": self.fee_exponent, "rate": _number(self.fee_rate), "takerOnly": True, "rebateRate": 0.25}
        return {
            "id": self.gamma_id,
            "conditionId": self.condition,
            "slug": self.slug,
            "question": self.question,
            "version": self.version,
            "outcomes": _text_list(self.outcomes),
            "outcomePrices": _text_list(("0.5", "0.5")),
            "clobTokenIds": _text_list(self.tokens),
            "active": True,
            "closed": self.closed,
            "archived": False,
            "acceptingOrders": self.accepting,
            "enableOrderBook": True,
            "negRisk": self.neg_risk,
            "orderPriceMinTickSize": _number(self.tick),
            "orderMinSize": _number(self.min_size),
            "secondsDelay": 0,
            "feesEnabled": bool(to_units(self.fee_rate)),
            "feeSchedule": fees if to_units(self.fee_rate) else None,
            "takerBaseFee": 1000,
            "endDate": self.end_date,
            "umaResolutionStatus": None,
            "marketMakerAddress": "",
            "volume24hr": 1234.5,
            "liquidityNum": 999.0,
            "rewardsMinSize": 50,
            "rewardsMaxSpread": 3.5,
            "events": [{"id": self.event_slug, "slug": self.event_slug, "title": self.event_slug}],
            **self.gamma,
        }


class StubBook:
    """The others' liquidity in one token: price to size, both 10⁻⁶."""

    def __init__(self, bids: Rungs = (), asks: Rungs = ()) -> None:
        self.bids = {to_units(price): to_units(size) for price, size in bids}
        self.asks = {to_units(price): to_units(size) for price, size in asks}

    def mirrored(self) -> StubBook:
        """Return the same liquidity seen from the other token."""
        other = StubBook()
        other.bids = {complement(price): size for price, size in self.asks.items()}
        other.asks = {complement(price): size for price, size in self.bids.items()}
        return other

    def best(self) -> tuple[int | None, int | None]:
        """Return best bid and best ask."""
        return max(self.bids, default=None), min(self.asks, default=None)

    def json(self, market: StubMarket, token: str, now_ms: int) -> dict[str, Any]:
        """Return the ``/book`` object: the best level last on both sides, and the venue's hash."""
        told = {
            "market": market.condition,
            "asset_id": token,
            "timestamp": str(now_ms),
            "hash": "",
            "bids": [_rung(price, self.bids[price]) for price in sorted(self.bids)],
            "asks": [_rung(price, self.asks[price]) for price in sorted(self.asks, reverse=True)],
            "min_order_size": market.min_size,
            "tick_size": market.tick,
            "neg_risk": market.neg_risk,
            "last_trade_price": "0.5",
        }
        return told | {"hash": sha1(msgspec.json.encode(told), usedforsecurity=False).hexdigest()}


def _rung(price: int, size: int) -> dict[str, str]:
    return {"price": to_text(price), "size": to_text(size)}


def _number(text: str) -> int | float:
    return float(text) if "." in text else int(text)


def _text_list(values: Iterable[str]) -> str:
    return msgspec.json.encode(list(values)).decode()
