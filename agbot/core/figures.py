"""What the gate found, in figures: what it measured of an order, and what it allows. Pure; text for people."""

from __future__ import annotations

from typing import Final

import attrs

from agbot.core import admission as names
from agbot.core.admission import Admission
from agbot.core.health import WELL
from agbot.core.rules import (
    DayCap,
    Exposure,
    FreeCash,
    InventoryLimit,
    KillSwitch,
    Measured,
    OrderCap,
    PositionLimit,
    Rule,
)
from agbot.core.view import Place
from agbot.model.events import Health
from agbot.model.ids import MarketId, StrategyId, TokenId
from agbot.model.market import Market
from agbot.model.order import OrderState, Side
from agbot.units import NS_PER_S, notional, to_text, usd_text

_ASKED_FIRST: Final = (
    names.KILL_SWITCH,
    names.HALTED,
    names.UNKNOWN_MARKET,
    names.MARKET_RESOLVED,
    names.REJECTED_LATELY,
)
"""After one of these nothing else is asked. Policies and the state are."""


@attrs.frozen(kw_only=True)
class Figure:
    """One rule's answer: what it measured, what it allows, and whether the order passed. Text for people."""

    rule: str
    figure: str
    limit: str
    passed: bool


class Told(Admission):
    """Admission that says in figures what it found."""

    def figures(
        self, now_ns: int, market_id: MarketId, strategy: StrategyId, place: Place, violated: tuple[str, ...]
    ) -> tuple[Figure, ...]:
        """Return what was looked at for an order that `violated` forbids, what was asked first at the beginning."""
        market = self._state.markets.get(market_id)
        known = market is not None and place.token in (market.yes, market.no)
        rows: list[tuple[str, str, str]] = []
        if market is not None and known and not any(_kind(name) in _ASKED_FIRST for name in violated):
            rows = [*self._own(market, place), *self._policies(self.exposure(now_ns, market, place, strategy))]
        shown = {rule for rule, _, _ in rows}
        first = (name for name in violated if name not in shown)
        rows = [*((name, *self._why(name, now_ns, market_id, strategy)) for name in first), *rows]
        return tuple(Figure(rule=r, figure=f, limit=limit, passed=r not in violated) for r, f, limit in rows)

    def denials(self, now_ns: int, market_id: MarketId, strategy: StrategyId, place: Place) -> tuple[Figure, ...]:
        """Return what forbids `place` now, with the figures; empty when it may be sent."""
        violated = self.violations(now_ns, market_id, strategy, place)
        return tuple(f for f in self.figures(now_ns, market_id, strategy, place, violated) if not f.passed)

    def _why(self, name: str, now_ns: int, market_id: MarketId, strategy: StrategyId) -> tuple[str, str]:
        """Return what was found of a rule that is asked before all others, and what it wants."""
        state = self._state
        match _kind(name):
            case names.KILL_SWITCH:
                parts = {f"{names.KILL_SWITCH}({scope} {of})": why for (scope, of), why in state.gate.scopes.items()}
                return parts.get(name, state.kill_switch), "off"
            case names.HALTED:
                return state.halted, "a run that goes on"
            case names.UNKNOWN_MARKET:
                return str(market_id), "a market that was listed"
            case names.MARKET_RESOLVED:
                return "resolved", "a market that trades"
            case names.REJECTED_LATELY:
                count, until_ns = self._rejections[strategy, market_id]
                return f"{count} in a row", f"{(until_ns - now_ns) / NS_PER_S:.1f} s more of a pause"
            case _:
                return "", ""

    def _own(self, market: Market, place: Place) -> list[tuple[str, str, str]]:
        """Return what the venue demands and the state forbids, whatever the policies say: rule, figure, limit."""
        state, book = self._state, self._state.books[place.token]
        unknown = sum(r.state is OrderState.UNKNOWN for r in state.oms.live(market.id))
        rows = [
            *self._known_of_the_venue(market),
            (names.UNKNOWN_ORDER, f"{unknown} in doubt", "none in this market"),
            (names.IN_FLIGHT, str(state.oms.in_flight), f"below {state.settings.in_flight_max}"),
            (names.UNTRUSTED_BOOK, "trusted" if book.trusted else book.doubt or "not whole", "trusted"),
            (
                names.VENUE_TERMS,
                f"{to_text(place.size)} at {to_text(place.price)}",
                f"tick {to_text(book.tick)}, from {to_text(market.min_size)} shares",
            ),
        ]
        if place.side is Side.BUY:
            worth = place.budget or notional(place.price, place.size)
            rows.append((names.BUYING_POWER, f"{usd_text(worth)} usd", f"{usd_text(self.cash_free())} usd free"))
        else:
            free = to_text(self._free(market, place.token))
            rows.append((names.SHARES_HELD, f"{to_text(place.size)} shares", f"{free} shares free"))
        return rows

    def _known_of_the_venue(self, market: Market) -> list[tuple[str, str, str]]:
        condition = self._state.conditions.get(market.venue, WELL)
        down = condition.health is Health.DOWN
        health = (
            names.VENUE_DOWN if down else names.VENUE_DEGRADED,
            ": ".join(filter(None, (condition.health, condition.reason))),
            "up" if down else "healthy, or an order that makes the position smaller",
        )
        differing = self._state.differing
        reasons = [differing[market_id] for market_id in (market.id, names.NO_MARKET) if market_id in differing]
        return [health, (names.RECONCILE_DIFFERENCE, "; ".join(reasons) or "none", "none, here and in the cash")]

    def _free(self, market: Market, token: TokenId) -> int:
        """Return the settled shares that no order offers yet."""
        resting = (r for r in self._state.oms.live(market.id) if r.command.token == token)
        offered = sum(r.remaining for r in resting if r.command.side is Side.SELL)
        held = self._state.portfolio.position(market, market.outcome(token)).size
        return held - self._state.oms.unsettled[token] - offered

    def _policies(self, exposure: Exposure) -> list[tuple[str, str, str]]:
        rules = (rule for rule in self._state.gate.rules if not isinstance(rule, KillSwitch))
        ask = [
            (rule, _told(rule, exposure) if isinstance(rule, Measured) else _measured(rule, exposure)) for rule in rules
        ]
        return [(rule.name, told, str(rule)) for rule, told in ask]


def _kind(name: str) -> str:
    """Return the name of a rule without what it is for: a kill switch may be on for a part of the account."""
    return name.partition("(")[0]


def _measured(rule: Rule, exposure: Exposure) -> str:
    """Return what a policy compares with its limit, at the worst of what is already on its way."""
    match rule:
        case PositionLimit():
            reduces = ", smaller than now" if exposure.reduces else ""
            without = to_text(exposure.worst - exposure.delta)
            return f"{to_text(exposure.worst)} shares net{reduces}, {without} without it"
        case InventoryLimit():
            before = exposure.inventory_usd + exposure.resting_notional_usd
            return _both(before, exposure.order_notional_usd)
        case OrderCap():
            return f"{usd_text(exposure.order_usd)} usd"
        case DayCap(spent_usd=spent, day=day):
            return _both((spent if exposure.day <= day else 0) + exposure.day_usd, exposure.order_usd)
        case FreeCash():
            return f"{usd_text(exposure.order_notional_usd)} usd"
        case _:
            return ""


def _both(before: int, order: int) -> str:
    """Return a sum with the order and without it, 10⁻⁶ usd."""
    return f"{usd_text(before + order)} usd, {usd_text(before)} usd without it"


def _told(rule: Measured, exposure: Exposure) -> str:
    try:
        return rule.told(exposure)
    except Exception as e:  # noqa: BLE001 - the gate denied the order for whatever this was
        return f"cannot be worked out: {type(e).__name__}: {e}"
