"""The auditor: it trusts the venue's own books and nothing the bot says, and in the end holds one against the other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agbot.exchange.core.model import Fact, NewOrder, Order, OrderNews, OrderTold, TradeStatus, TradeTold
from agbot.model.commands import PlaceOrder
from agbot.model.order import OrderState, OrderType, Side
from agbot.simulate.bot import POSITION_MAX, SimBot
from agbot.store.codec import decode_output
from agbot.store.journal import STEP
from agbot.units import NS_PER_S, SCALE

if TYPE_CHECKING:
    from agbot.simulate.world import World

KILL_BOUND_S: Final = 8.0
"""After the switch nothing new may reach the venue's books later than this: what was on the wire, and its retries."""
FOUND_MAX: Final = 20
DUST: Final = SCALE // 100


class Auditor:
    """Hears the venue's facts as they happen; `verdict` compares once all is quiet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._found: list[str] = []
        self._orders: dict[str, Order] = {}
        self._matched: Counter[str] = Counter()
        self._closed_ns = 0

    @property
    def orders(self) -> int:
        """Return how many orders of the bot reached the venue."""
        return len(self._orders)

    def blame(self, what: str) -> None:
        """Note something that must not be."""
        if len(self._found) < FOUND_MAX and what not in self._found:
            self._found.append(what)

    def switched(self, on: bool) -> None:
        """Note that the kill switch was turned."""
        self._closed_ns = self._world.heap.now_ns if on else 0

    def hear(self, fact: Fact) -> None:
        """Take a fact of the venue."""
        if isinstance(fact, OrderTold) and fact.order.new.maker == self._world.wallet:
            self._told(fact)
        elif isinstance(fact, TradeTold):
            self._traded(fact)

    def _told(self, fact: OrderTold) -> None:
        order, now_ns = fact.order, self._world.heap.now_ns
        if fact.news is OrderNews.PLACEMENT:
            if order.id in self._orders:
                self.blame(f"order {order.id[:10]} was placed twice")
            self._orders[order.id] = order
            if self._closed_ns and now_ns > self._closed_ns + KILL_BOUND_S * NS_PER_S:
                late_s = (now_ns - self._closed_ns) / NS_PER_S
                self.blame(f"an order reached the book {late_s:.1f} s after the kill switch was turned on")
            self._caps(order)

    def _caps(self, order: Order) -> None:
        """Hold the position that could become against the policy, by what the venue knows."""
        core, wallet = self._world.venue.core, self._world.wallet
        market = order.listing.market
        held = core.balance(wallet, market.yes) - core.balance(wallet, market.no)
        mine = [o for o in core.open_orders(str(self._world.venue.row["address"])) if o.listing is order.listing]
        bought = sum(o.remaining for o in mine if (o.new.token == market.yes) == (o.new.side is Side.BUY))
        sold = sum(o.remaining for o in mine if (o.new.token == market.yes) != (o.new.side is Side.BUY))
        unsettled = self._unsettled(market.yes) - self._unsettled(market.no)
        worst = max(abs(held + unsettled + bought), abs(held + unsettled - sold))
        if worst > POSITION_MAX + DUST and not _reduces(order, held + unsettled):
            self.blame(
                f"{worst / SCALE:.2f} shares could be held in one market, {POSITION_MAX / SCALE:.0f} are allowed"
            )

    def _unsettled(self, token: str) -> int:
        """Return the shares that trades under way will bring (less those they take)."""
        total = 0
        for trade, _ in self._world.venue.core.settlement.under_way.values():
            if trade.status in (TradeStatus.MINED, TradeStatus.CONFIRMED):
                continue
            for leg in trade.legs:
                if leg.order.new.maker == self._world.wallet and leg.token == token:
                    total += leg.size if leg.side is Side.BUY else -leg.size
        return total

    def _traded(self, fact: TradeTold) -> None:
        for leg in fact.trade.legs:
            if leg.order.new.maker != self._world.wallet:
                continue
            if fact.trade.status is TradeStatus.MATCHED:
                self._matched[leg.order.id] += leg.size
            elif fact.trade.status is TradeStatus.FAILED:
                self._matched[leg.order.id] -= leg.size

    # -- in the end ------------------------------------------------------------------------------------------------

    def verdict(self) -> list[str]:
        """Return everything found wrong, in words."""
        world = self._world
        bot = world.bot
        self._found += [f"the venue's own books: {fault}" for fault in world.venue.core.accounts.faults()]
        self._unintended()
        if bot.life.failed is not None:
            self.blame(f"life {bot.number} broke: {bot.life.failed!r}")
        elif bot.life.dead or bot.engine is None or not bot.started:
            self.blame(f"in the end no bot runs: life {bot.number}, {bot.ended or 'not started'}")
        else:
            self._account(bot)
            self._fates(bot)
        return self._found[:FOUND_MAX]

    def _unintended(self) -> None:
        """Every order of the wallet must follow from a command that was on disk: same market, side, price and size."""
        wanted: Counter[tuple[object, ...]] = Counter()
        for record in self._world.disk.records():
            if record.kind == STEP:
                for command in decode_output(record.body).commands:
                    if isinstance(command, PlaceOrder):
                        wanted[_of_command(command)] += 1
        came = Counter(_of_order(order.new) for order in self._orders.values())
        for what, count in (came - wanted).items():
            self.blame(f"{count} orders that nobody decided (or decided once and placed again): {what}")

    def _account(self, bot: SimBot) -> None:
        world, engine = self._world, bot.engine
        assert engine is not None
        core = world.venue.core
        if core.settlement.under_way:
            self.blame("trades are still under way")
        usd, roundings = core.balance(world.wallet), sum(len(record.trades) for record in engine.oms.all())
        if abs(usd - engine.portfolio.cash) > roundings:  # the wire tells a price and a size: their product is rounded
            self.blame(f"the venue holds {usd} usd (10⁻⁶) of ours, the bot counts {engine.portfolio.cash}")
        for listing in world.venue.listings:
            for token in listing.tokens:
                held = core.balance(world.wallet, token)
                market = listing.market
                counted = engine.portfolio.position(market, market.outcome(token)).size
                if held != counted:
                    self.blame(f"the venue holds {held} shares (10⁻⁶) of {token[:8]} for us, the bot counts {counted}")

    def _fates(self, bot: SimBot) -> None:
        engine = bot.engine
        assert engine is not None
        for record in engine.oms.all_live():
            command = record.command
            if record.state is OrderState.UNKNOWN:
                self.blame(f"{command.client_order_id} is UNKNOWN in the end: {record.reason}")
            else:
                self.blame(f"{command.client_order_id} is {record.state} in the end: the bot had halted")
        if left := self._world.venue.core.open_orders(str(self._world.venue.row["address"])):
            self.blame(f"{len(left)} orders rest at the venue after the bot had halted")
        if any(engine.oms.unsettled.values()):
            self.blame(f"shares count as unsettled in the end: {dict(engine.oms.unsettled)}")


def _reduces(order: Order, held: int) -> bool:
    yes = order.new.token == order.listing.market.yes
    up = yes == (order.new.side is Side.BUY)
    return held < 0 if up else held > 0


def _of_command(command: PlaceOrder) -> tuple[object, ...]:
    amount = command.budget if command.budget and command.side is Side.BUY else command.size
    immediate = command.order_type is OrderType.MARKET
    return (str(command.token), command.side, immediate, amount // 10_000)


def _of_order(new: NewOrder) -> tuple[object, ...]:
    immediate = new.order_type.immediate
    buys = new.side is Side.BUY
    amount = (new.maker_amount if immediate else new.taker_amount) if buys else new.maker_amount
    return (str(new.token), new.side, immediate, amount // 10_000)

