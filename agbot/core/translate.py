"""From one of the core's words to the next: intent → decision, intent → command, record → view, state → view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agbot.core.book import OrderBook
from agbot.core.oms import OrderRecord
from agbot.core.state import CoreState
from agbot.core.step import Collected, Decision
from agbot.core.view import NOTHING, Around, OwnDenial, OwnEnd, OwnFill, OwnOrder, Place, View
from agbot.model.commands import PlaceOrder
from agbot.model.events import OperatorOrder, OrderFilled
from agbot.model.ids import ClientOrderId, MarketId, StrategyId, VenueId
from agbot.model.market import Market, Outcome
from agbot.model.order import OrderState, OrderType, Side
from agbot.units import SCALE, tick_down, tick_up

INT64_MAX: Final = 2**63 - 1


def own_order(record: OrderRecord) -> OwnOrder:
    """Return an order as its strategy sees it."""
    command = record.command
    return OwnOrder(
        client_order_id=command.client_order_id,
        token=command.token,
        side=command.side,
        price=command.price,
        remaining=record.remaining,
        state=record.state,
    )


def sight(
    state: CoreState,
    now_ns: int,
    market: Market,
    strategy: StrategyId,
    *,
    cash: int,
    news: Collected | None = None,
    denied: Sequence[OwnDenial] = (),
    around: Around = NOTHING,
) -> View:
    """Return what `strategy` sees of `market`; `cash` is what no resting order has reserved (10⁻⁶ usd)."""
    yes, no = state.books[market.yes], state.books[market.no]
    position = state.portfolio.holding(market)
    own_yes, own_no = state.portfolio.own(strategy, market.id)
    return View(
        now_ns=now_ns,
        market=market,
        books={Outcome.YES: yes.grid, Outcome.NO: no.grid},
        yes_size=position.size(Outcome.YES),
        no_size=position.size(Outcome.NO),
        yes_unsettled=state.oms.unsettled[market.yes],
        no_unsettled=state.oms.unsettled[market.no],
        orders=[own_order(r) for r in state.oms.live(market.id) if r.command.strategy == strategy],
        cash=cash,
        trusted=yes.trusted and not no.doubt,
        references=state.references.latest,
        own_yes=own_yes,
        own_no=own_no,
        fills=fills_of(news, market.id, strategy) if news else (),
        ended=ends_of(state, news, market.id, strategy) if news else (),
        denied=denied,
        prints=news.prints.get(market.id, ()) if news else (),
        second=news is not None and news.second,
        winner=position.winner,
        around=around,
    )


def fills_of(news: Collected, market: MarketId, strategy: StrategyId) -> Sequence[OwnFill]:
    """Return a strategy's executions of this step, then what was taken back in it."""
    if not (news.fills or news.voided):
        return ()
    told = [(row, False) for row in news.fills] + [(row, True) for row in news.voided]
    return [
        _own_fill(record, fill, voided=voided)
        for (record, fill), voided in told
        if record.command.market == market and record.command.strategy == strategy
    ]


def _own_fill(record: OrderRecord, fill: OrderFilled, *, voided: bool = False) -> OwnFill:
    """Return an execution as its strategy sees it."""
    command = record.command
    return OwnFill(
        client_order_id=command.client_order_id,
        token=command.token,
        side=command.side,
        price=fill.price,
        size=fill.size,
        fee=fill.fee,
        liquidity=fill.liquidity,
        ts_ns=fill.ts_ns,
        voided=voided,
    )


def ends_of(state: CoreState, news: Collected, market: MarketId, strategy: StrategyId) -> Sequence[OwnEnd]:
    """Return a strategy's orders that ended in this step."""
    if not news.heard:
        return ()
    ended = (h for h in news.heard if h.news and not OrderState(h.before).terminal and OrderState(h.after).terminal)
    records = [state.oms.get(heard.event.client_order_id) for heard in ended]
    return [_own_end(r) for r in records if r and r.command.market == market and r.command.strategy == strategy]


def _own_end(record: OrderRecord) -> OwnEnd:
    """Return an order that ended as its strategy sees it."""
    command = record.command
    return OwnEnd(
        client_order_id=command.client_order_id,
        token=command.token,
        side=command.side,
        price=command.price,
        size=command.size,
        filled=record.filled,
        state=record.state,
        reason=record.reason,
    )


def decision_of(command: PlaceOrder, *, violated: tuple[str, ...], request_id: str) -> Decision:
    """Return risk's answer as it is journaled; `command` is what the intent becomes when nothing is violated."""
    return Decision(
        market=command.market,
        token=command.token,
        side=command.side,
        order_type=command.order_type,
        price=command.price,
        size=command.size,
        strategy=command.strategy,
        allowed=not violated,
        violated=violated,
        why=command.why,
        client_order_id=command.client_order_id,
        request_id=request_id,
        correlation_id=command.correlation_id,
    )


def command_of(
    market: Market | None,
    market_id: MarketId,
    strategy: StrategyId,
    place: Place,
    *,
    order_id: ClientOrderId,
    now_ns: int,
    correlation_id: str,
) -> PlaceOrder:
    """Return the command an admitted intent becomes; `market` is None for one that nobody listed."""
    return PlaceOrder(
        client_order_id=order_id,
        venue=market.venue if market else VenueId(""),
        market=market_id,
        token=place.token,
        side=place.side,
        order_type=place.order_type,
        price=place.price,
        size=place.size,
        time_in_force=place.time_in_force,
        post_only=place.post_only,
        expire_ns=place.expire_ns,
        budget=place.budget,
        strategy=strategy,
        why=place.why,
        replaces=place.replaces,
        created_ns=now_ns,
        correlation_id=correlation_id,
    )


def operator_place(event: OperatorOrder, book: OrderBook | None) -> Place:
    """Return the wish of a person or program; the shares a budget buys are counted at the best ask of `book`."""
    is_budget = event.order_type is OrderType.MARKET and event.side is Side.BUY
    return Place(
        token=event.token,
        side=event.side,
        price=_price_for(event, book),
        size=_shares_for(event, book) if is_budget else event.size,
        why=f"approved by {event.source}: {event.why or 'no reason given'}" if event.source else "operator's order",
        order_type=event.order_type,
        time_in_force=event.time_in_force,
        post_only=event.post_only,
        expire_ns=event.expire_ns,
        budget=event.size if is_budget else 0,
        valid_until_ns=event.valid_until_ns,
    )


def _price_for(event: OperatorOrder, book: OrderBook | None) -> int:
    """Return the worst price allowed: the limit, and no further from the best price than the slippage that is left."""
    if event.slippage < 0 or book is None or book.empty:
        return event.price
    if event.side is Side.BUY:
        return max(book.tick, min(event.price, tick_down(book.best_ask + event.slippage, book.tick)))
    return min(SCALE - book.tick, max(event.price, tick_up(book.best_bid - event.slippage, book.tick)))


def _shares_for(event: OperatorOrder, book: OrderBook | None) -> int:
    best = book.best_ask if book and not book.empty else event.price
    return min(INT64_MAX, event.size * SCALE // max(1, min(best, event.price)))
