"""The one way an intent becomes an order: what the venue demands, what the state forbids, what the policies allow."""

from __future__ import annotations

from typing import Final, Self

from agbot.core.backoff import Backoff
from agbot.core.losses import Losses
from agbot.core.oms import OrderRecord
from agbot.core.outlook import Outlook
from agbot.core.prospect import Prospect
from agbot.core.rules import Exposure
from agbot.core.state import CoreState
from agbot.core.turnover import utc_day
from agbot.core.view import Place
from agbot.model.commands import PlaceOrder
from agbot.model.events import Health
from agbot.model.ids import MarketId, StrategyId, TokenId
from agbot.model.market import Market, Outcome
from agbot.model.order import OrderState, Side
from agbot.units import NS_PER_S, notional, on_tick

# Names a person meets in decisions, beside the policies of the file.
KILL_SWITCH: Final = "KillSwitch"
HALTED: Final = "Halted"
UNKNOWN_MARKET: Final = "UnknownMarket"
MARKET_RESOLVED: Final = "MarketResolved"
UNTRUSTED_BOOK: Final = "UntrustedBook"
UNKNOWN_ORDER: Final = "UnknownOrder"
IN_FLIGHT: Final = "InFlightLimit"
VENUE_TERMS: Final = "VenueTerms"
BUYING_POWER: Final = "BuyingPower"
SHARES_HELD: Final = "SharesHeld"
REJECTED_LATELY: Final = "RejectedLately"
RECONCILE_DIFFERENCE: Final = "ReconcileDifference"
VENUE_DOWN: Final = "VenueDown"
VENUE_DEGRADED: Final = "VenueDegraded"
TOO_LATE: Final = "TooLate"

NO_MARKET: Final = MarketId("")
"""Stands for the account's cash among differences."""

NOBODY: Final = StrategyId("")
FLATTEN: Final = StrategyId("flatten")
"""Whose orders unwind while the kill switch is on: they only ever sell, at once, what is held and settled."""

# A venue that keeps saying no is asked again after a pause, not at the next message. A post-only quote that lost a race
# is an everyday no: the pause begins with the third in a row.
NOS_FREE: Final = 2
PAUSE: Final = Backoff(first_s=1.0, longest_s=60.0)


class Admission:
    """Checks every order before it exists; resting and in-flight orders count as if they will fill."""

    def __init__(self, state: CoreState) -> None:
        self._state = state
        self.losses = Losses(state)
        self.outlook = Outlook(state, self.losses)
        self._rejections: dict[tuple[StrategyId, MarketId], tuple[int, int]] = {}

    def aside(self) -> Admission:
        """Return one that answers the same now and leaves no trace: what was only asked must not change a replay."""
        return Admission(self._state).like(self)

    def like(self, other: Admission) -> Self:
        """Answer as `other` of the same state does now, and return this one."""
        self._rejections = dict(other._rejections)
        return self

    def rejected(self, now_ns: int, strategy: StrategyId, market: MarketId) -> None:
        """Note a venue's no: this strategy pauses in this market, longer with every no in a row."""
        count = self._rejections.get((strategy, market), (0, 0))[0]
        pause_ns = int(PAUSE.delay_s(count - NOS_FREE, 1.0) * NS_PER_S) if count >= NOS_FREE else 0
        self._rejections[strategy, market] = (count + 1, now_ns + pause_ns)

    def asked(self, now_ns: int, market: MarketId, *, sent: bool) -> None:
        """Note that an order exists now, and whether it leaves."""
        self.outlook.stir(market)
        if sent:
            self._state.sent.append(now_ns)

    def accepted(self, strategy: StrategyId, market: MarketId) -> None:
        """Note a venue's yes: the next no begins with the shortest pause."""
        self._rejections.pop((strategy, market), None)

    def violations(self, now_ns: int, market_id: MarketId, strategy: StrategyId, place: Place) -> tuple[str, ...]:
        """Return the names of everything that forbids `place`, empty when it may be sent."""
        state = self._state
        market = state.markets.get(market_id)
        unwinds = strategy == FLATTEN and place.side is Side.SELL and place.time_in_force.immediate
        if not unwinds and (closed := self._closed(market, strategy)):
            return closed
        if state.halted or 0 < place.valid_until_ns < now_ns:
            return (HALTED if state.halted else TOO_LATE,)
        if market is None or place.token not in (market.yes, market.no):
            return (UNKNOWN_MARKET,)
        if market_id in state.resolved:
            return (MARKET_RESOLVED,)
        if now_ns < self._rejections.get((strategy, market_id), (0, 0))[1]:
            return (REJECTED_LATELY,)
        exposure = self.exposure(now_ns, market, place, strategy)
        return (
            *(() if unwinds else self._health(market, exposure)),
            *self._standing(market),
            *self._terms(market, place, exposure),
            *state.gate.check(exposure, unwinds=unwinds),
        )

    def _health(self, market: Market, exposure: Exposure) -> tuple[str, ...]:
        match self._state.health(market.venue):
            case Health.DOWN:
                return (VENUE_DOWN,)
            case Health.DEGRADED if not _reduces(exposure):
                return (VENUE_DEGRADED,)
        return ()

    def _closed(self, market: Market | None, strategy: StrategyId) -> tuple[str, ...]:
        state = self._state
        if state.kill_switch:
            return (KILL_SWITCH,)
        return state.gate.closed(market, strategy) if market else ()

    def cash_free(self) -> int:
        """Return cash not spoken for by resting or in-flight buys (10⁻⁶ usd)."""
        return self._state.portfolio.cash - self._state.oms.reserved_usd

    def exposure(self, now_ns: int, market: Market, place: Place, strategy: StrategyId = NOBODY) -> Exposure:
        """Return the position as it is and as it could become if everything live fills."""
        state = self._state
        prospect = self.prospect(now_ns, market, place, strategy)
        net, ends = state.portfolio.net(market), prospect.ends
        live = list(state.oms.all_live())
        resting = state.oms.reserved_usd
        return Exposure(
            market_id=market.id,
            net_position=net,
            long_worst=ends.long,
            short_worst=ends.short,
            delta=_yes_sign(market, place) * place.size,
            inventory_usd=state.portfolio.inventory_usd(),
            resting_notional_usd=resting,
            order_notional_usd=_notional(place) if place.side is Side.BUY else 0,
            cash_free=state.portfolio.cash - resting,
            order_usd=self._order_usd(place),
            day_usd=state.turnover.so_far(now_ns) + sum([open_usd(record) for record in live]),
            day=utc_day(now_ns),
            prospect=prospect,
        )

    def prospect(self, now_ns: int, market: Market, place: Place | None, strategy: StrategyId = NOBODY) -> Prospect:
        """Return an order of `strategy` against the whole account, or without one the account as `market` sees it."""
        return Prospect(self._state, self.losses, self.outlook, now_ns, market, place, strategy)

    def _order_usd(self, place: Place) -> int:
        if place.side is Side.BUY:
            return _notional(place)
        return notional(max(place.price, self._state.books[place.token].best_bid), place.size)

    def _standing(self, market: Market) -> tuple[str, ...]:
        oms = self._state.oms
        found = []
        if any(record.state is OrderState.UNKNOWN for record in oms.live(market.id)):
            found.append(UNKNOWN_ORDER)
        if oms.in_flight >= self._state.settings.in_flight_max:
            found.append(IN_FLIGHT)
        differing = self._state.differing
        if market.id in differing or NO_MARKET in differing:
            found.append(RECONCILE_DIFFERENCE)
        return tuple(found)

    def _terms(self, market: Market, place: Place, exposure: Exposure) -> tuple[str, ...]:
        state = self._state
        book = state.books[place.token]
        found = []
        if not book.trusted:
            found.append(UNTRUSTED_BOOK)
        if (
            not on_tick(place.price, book.tick)
            or place.size <= 0
            or (place.budget or place.size) % market.size_step
            or (not place.time_in_force.immediate and place.size < market.min_size)
        ):
            found.append(VENUE_TERMS)
        if exposure.order_notional_usd > exposure.cash_free and place.side is Side.BUY:
            found.append(BUYING_POWER)
        if place.side is Side.SELL and place.size > self.sellable(market, place.token):
            found.append(SHARES_HELD)
        return tuple(found)

    def sellable(self, market: Market, token: TokenId) -> int:
        """Return the settled shares that no order offers yet (10⁻⁶)."""
        state = self._state
        resting = (r for r in state.oms.live(market.id) if r.command.token == token)
        return self.settled(market, token) - sum(r.remaining for r in resting if r.command.side is Side.SELL)

    def settled(self, market: Market, token: TokenId) -> int:
        """Return the shares held whose trades have settled (10⁻⁶)."""
        state = self._state
        return state.portfolio.position(market, market.outcome(token)).size - state.oms.unsettled[token]


def _reduces(exposure: Exposure) -> bool:
    """Return whether the position gets smaller, whatever of the order fills, and never changes sides."""
    if exposure.net_position > 0:
        return exposure.delta < 0 <= exposure.short_worst
    return exposure.long_worst <= 0 < exposure.delta


def open_usd(record: OrderRecord) -> int:
    """Return what a live order may still trade, bought or sold (10⁻⁶ usd)."""
    if record.command.side is Side.BUY:
        return record.reserved_usd
    return notional(record.command.price, record.remaining)


def _yes_sign(market: Market, wish: Place | PlaceOrder) -> int:
    """Return +1 when a fill makes YES − NO grow, −1 when it shrinks."""
    return wish.side.sign if market.outcome(wish.token) is Outcome.YES else -wish.side.sign


def _notional(place: Place) -> int:
    return place.budget or notional(place.price, place.size)
