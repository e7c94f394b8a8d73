"""The auditor: it trusts the venue's own books and nothing the bot says, and in the end holds one against the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agbot.errors import VenueRefused
from agbot.exchange.core.model import Fact, Order, OrderNews, OrderTold, TradeStatus, TradeTold
from agbot.model.commands import PlaceOrder
from agbot.model.order import OrderState, Side
from agbot.run.reconcile import Report
from agbot.simulate.bot import SimBot
from agbot.simulate.setting import POSITION_MAX
from agbot.store.codec import decode_output
from agbot.store.journal import STEP
from agbot.units import NS_PER_S, SCALE
from agbot.venue.convert import to_order
from agbot.venue.polymarket.compose import compose

if TYPE_CHECKING:
    from agbot.simulate.world import World

KILL_BOUND_S: Final = 8.0
"""After the switch nothing new may reach the venue's books later than this: what was on the wire, and its retries."""
HEARD_S: Final = 11.5
"""Orders and trades are read every ten seconds, whatever the socket tells."""
UNHEARD_S: Final = 15.0
"""A sale that fails brings shares back, which the bot cannot know before it hears of it."""
FORGET_NS: Final = 1200 * NS_PER_S
"""`tidy` forgets what is older: no order lives half as long."""
FOUND_MAX: Final = 20
DUST: Final = SCALE // 100
"""Shares that no order can sell; and usd that roundings explain."""


class Auditor:
    """Hears the venue's facts as they happen; `verdict` compares once all is quiet."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._found: list[str] = []
        self._orders: dict[str, Order] = {}
        self._matched: dict[str, list[tuple[int, int]]] = {}
        """Shares by order: when they were matched, and how many."""
        self._closed_ns = 0
        self._failed_ns = 0
        self._placed = 0
        self._decided: set[str] = set()
        self._late: dict[str, int] = {}
        """Decisions whose orders have not come, and since when that is known."""
        self._unproved: set[str] = set()
        """Orders whose decision was not looked for yet."""

    @property
    def orders(self) -> int:
        """Return how many orders of the bot reached the venue."""
        return self._placed

    @property
    def held(self) -> int:
        """Return how many orders are remembered."""
        return len(self._orders)

    def blame(self, what: str) -> None:
        """Note something that must not be."""
        if len(self._found) < FOUND_MAX and what not in self._found:
            self._found.append(what)

    def switched(self, on: bool) -> None:
        """Note that the kill switch was turned."""
        self._closed_ns = self._world.heap.now_ns if on else 0

    def began(self, number: int, report: Report) -> None:
        """Look at what a start found: nothing of earlier lives rests, and each figure follows from trades."""
        if left := self._world.venue.core.open_orders(str(self._world.venue.row["address"])):
            self.blame(f"life {number} began while {len(left)} orders of earlier lives rest")
        for row in report.corrections:
            if abs(row.venue - row.journal) > DUST:
                self.blame(
                    f"life {number} began with {row.venue} {row.what} (10⁻⁶) where its journal led to {row.journal}"
                )

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
            self._unproved.add(order.id)
            self._placed += 1
            if self._closed_ns and now_ns > self._closed_ns + KILL_BOUND_S * NS_PER_S:
                late_s = (now_ns - self._closed_ns) / NS_PER_S
                self.blame(f"an order reached the book {late_s:.1f} s after the kill switch was turned on")
            self._caps(order)

    def _caps(self, order: Order) -> None:
        """Hold the position that could become against the policy, by what the venue knows."""
        core, wallet = self._world.venue.core, self._world.wallet
        if core.now_ns < self._failed_ns + UNHEARD_S * NS_PER_S:
            return
        market = order.listing.market
        held = core.balance(wallet, market.yes) - core.balance(wallet, market.no)
        mine = [o for o in core.open_orders(str(self._world.venue.row["address"])) if o.listing is order.listing]
        bought = sum(o.remaining for o in mine if (o.new.token == market.yes) == (o.new.side is Side.BUY))
        sold = sum(o.remaining for o in mine if (o.new.token == market.yes) != (o.new.side is Side.BUY))
        unsettled = self._unsettled(market.yes) - self._unsettled(market.no)
        worst = max(abs(held + unsettled + bought), abs(held + unsettled - sold))
        if worst > POSITION_MAX + DUST + self._windfall(market.id) and not _reduces(order, held + unsettled):
            self.blame(
                f"{worst / SCALE:.2f} shares could be held in one market, {POSITION_MAX / SCALE:.0f} are allowed"
            )

    def _windfall(self, market: str) -> int:
        """Return the shares that a BUY by usd brought beyond those it was decided for: better prices than its limit."""
        mine = [order for order in self._orders.values() if order.listing.market.id == market and order.budget]
        return sum(max(0, order.matched - order.size) for order in mine)

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
            signs = {TradeStatus.MATCHED: 1, TradeStatus.FAILED: -1}
            if sign := signs.get(fact.trade.status):
                self._matched.setdefault(leg.order.id, []).append((fact.ts_ns, sign * leg.size))
                if sign < 0:
                    self._failed_ns = fact.ts_ns

    def checkpoint(self, *, trades: bool = True) -> None:
        """After a while of calm the bot must know what was matched `HEARD_S` seconds ago and before.

        Args:
            trades: whether by now one must be there that trades.
        """
        bot, now_ns = self._world.bot, self._world.heap.now_ns
        if bot.life.dead or bot.adapter is None or bot.engine is None or not bot.started:
            if trades:
                self.blame(f"after a while of calm no bot trades: life {bot.number} {bot.ended}")
            return
        for order_id, matches in self._matched.items():
            name = bot.adapter.name_of(order_id)
            record = bot.engine.oms.get(name) if name else None
            if record is None:
                continue
            settled = all(ns <= now_ns - HEARD_S * NS_PER_S for ns, _ in matches)
            true = sum(size for _, size in matches)
            if settled and abs(record.filled - true) > DUST:
                self.blame(f"{name}: {true} shares (10⁻⁶) were matched, the bot knows of {record.filled}")

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
        """Every order of the wallet must follow from a command that was on disk."""
        self._decided |= self._decisions()
        for order_id in sorted(self._unproved - self._decided):
            self.blame(f"order {order_id[:10]} is at the venue and follows from no decision on disk")

    def _decisions(self) -> set[str]:
        """Return the orders that follow from what the disk holds."""
        decided = set()
        for record in self._world.disk.records():
            if record.kind == STEP:
                commands = decode_output(record.body).commands
                decided |= {self._id_of(command) for command in commands if isinstance(command, PlaceOrder)}
        return decided

    def tidy(self) -> None:
        """Prove what can be proved and forget what is long past, the disk's records with it: for a world of days."""
        world, now_ns = self._world, self._world.heap.now_ns
        self._unintended()
        decided_ns = dict.fromkeys(self._decided - self._unproved, now_ns)
        self._late = {order_id: ns for order_id, ns in (decided_ns | self._late).items() if ns > now_ns - FORGET_NS}
        self._decided, self._unproved = set(self._late), set()
        world.disk.put_away()
        old = [order for order in self._orders.values() if not order.living and order.created_ns < now_ns - FORGET_NS]
        for order in old:
            del self._orders[order.id]
            self._matched.pop(order.id, None)

    def _id_of(self, command: PlaceOrder) -> str:
        """Return the only id that may come of a command."""
        terms = self._world.terms[command.market]
        try:
            fields = compose(to_order(command), terms).fields
        except VenueRefused:  # the adapter sends nothing of it
            return ""
        return self._world.signer.order_id(fields, version=terms.version, neg_risk=terms.neg_risk)

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
