"""Our fills from match to settlement: into the account, told, and told again when the trade is final."""

from __future__ import annotations

from functools import partial

import msgspec

from agbot.matching.account import Account, Exchanged, match_kind, trade_value
from agbot.matching.conditions import Conditions
from agbot.matching.listings import Listings
from agbot.matching.register import Ticket
from agbot.matching.rewards import Earnings
from agbot.matching.transit import Transit
from agbot.model.events import Level, OrderFilled
from agbot.model.ids import TradeId
from agbot.model.market import Market
from agbot.model.order import Liquidity, OrderState, Settlement


class Fills:
    """Books fills and lets them settle, or fail, as the conditions say."""

    def __init__(
        self,
        conditions: Conditions,
        account: Account,
        listings: Listings,
        transit: Transit,
        earnings: Earnings | None,
    ) -> None:
        self._settling = conditions.settling
        self._seed = conditions.seed
        self._account = account
        self._listings = listings
        self._transit = transit
        self._earnings = earnings
        self._count = 0

    def add(
        self, ticket: Ticket, market: Market, at: Level, fee: int, now_ns: int, *, liquidity: Liquidity, ended: bool
    ) -> None:
        """Book one fill at a YES price and tell it; `ended` when no more of the order will come."""
        order, (yes_price, size) = ticket.order, at
        settling, self._count = self._settling, self._count + 1
        moved = Exchanged(order.token, order.side, size, trade_value(market, order.token, yes_price, size), fee)
        self._account.trade(moved, settled=settling.at_once)
        ticket.filled += size
        ticket.fills += 1
        ticket.state, ticket.ts_ns = OrderState.PARTIALLY_FILLED, now_ns
        fill = OrderFilled(
            ticket.id,
            TradeId(f"{ticket.id}-t{ticket.fills}"),
            market.yes_price(order.token, yes_price),
            size,
            fee,
            liquidity,
            now_ns,
            match=match_kind(market, order.token, order.side),
            settlement=Settlement.CONFIRMED if settling.at_once else Settlement.MATCHED,
            final=ended,
        )
        self._transit.tell(fill)
        if settling.at_once:
            self._earn(market, fill, moved, now_ns)
        else:
            settle = partial(self._settle, market, fill, moved, settling.fails(self._seed, self._count))
            self._transit.schedule(now_ns + settling.after_ns, settle)

    def _settle(self, market: Market, fill: OrderFilled, moved: Exchanged, failed: bool, now_ns: int) -> None:
        self._account.settle(moved, failed=failed)
        if winner := self._listings.winner(market.id):
            self._account.redeem(market, winner)
        word = Settlement.FAILED if failed else Settlement.CONFIRMED
        self._transit.tell(msgspec.structs.replace(fill, settlement=word, final=False, ts_ns=now_ns))
        if not failed:
            self._earn(market, fill, moved, now_ns)

    def _earn(self, market: Market, fill: OrderFilled, moved: Exchanged, now_ns: int) -> None:
        if self._earnings is not None and fill.liquidity is Liquidity.MAKER:
            self._earnings.traded(now_ns, market, market.yes_price(moved.token, fill.price), fill.size)
