"""What a run leaves to the next one of the same profile: paper cash and positions, folded from the journal's facts."""

from __future__ import annotations

from pathlib import Path

import attrs

from agbot.core.portfolio import CarriedPosition, Portfolio
from agbot.errors import StoreError
from agbot.model.commands import PlaceOrder
from agbot.model.events import Event, MarketListed, MarketResolved, OrderFilled
from agbot.model.ids import MarketId
from agbot.model.market import Market
from agbot.store.codec import decode_batch, decode_output
from agbot.store.journal import BATCH, STEP, Header, JournalReader


@attrs.frozen
class Carry:
    """Cash in 10⁻⁶ usd and positions at the end of run `from_run`."""

    cash: int
    positions: tuple[CarriedPosition, ...]
    from_run: str


def carry_latest(directory: Path) -> Carry | None:
    """Return what the newest run left, None when there was none. Journals without a header never traded: skipped."""
    for path in sorted(directory.glob("*.agj"), reverse=True):
        try:
            return carry_from(path)
        except StoreError as e:
            if e.id != "AGB-606":
                raise
    return None


def carry_from(path: Path) -> Carry:
    """Fold the believable prefix of a journal; StoreError when it is not one."""
    reader = JournalReader(path)
    try:
        fold = _Fold(reader.header())
        for record in reader.records():
            if record.kind == STEP:
                fold.orders(decode_output(record.body).commands)
            elif record.kind == BATCH:
                for event in decode_batch(record.body):
                    fold.event(event)
        return fold.result()
    finally:
        reader.close()


class _Fold:
    """Facts only: no strategy runs again, so a newer agbot reads an older one's money the same way."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._portfolio = Portfolio(header.capital)
        self._markets: dict[MarketId, Market] = {}
        self._orders: dict[str, PlaceOrder] = {}
        self._seen: set[tuple[str, str]] = set()

    def orders(self, commands: tuple[object, ...]) -> None:
        self._orders.update((c.client_order_id, c) for c in commands if isinstance(c, PlaceOrder))

    def event(self, event: Event) -> None:
        match event:
            case MarketListed(market=market):
                if market.id not in self._markets:
                    self._portfolio.take_over(market, self._header.carried)
                self._markets[market.id] = market
            case OrderFilled():
                self._fill(event)
            case MarketResolved(market=ended, winner=winner) if ended in self._markets:
                self._portfolio.settle(self._markets[ended], self._markets[ended].outcome(winner))
            case _:
                pass

    def _fill(self, fill: OrderFilled) -> None:
        key = (fill.client_order_id, fill.trade_id)
        if key in self._seen:
            return
        self._seen.add(key)
        order = self._orders[fill.client_order_id]
        market = self._markets[order.market]
        self._portfolio.fill(
            market,
            order.token,
            order.side,
            price=fill.price,
            size=fill.size,
            fee=fill.fee,
            strategy=order.strategy,
        )

    def result(self) -> Carry:
        unseen = tuple(c for c in self._header.carried if c.market not in self._markets)
        return Carry(self._portfolio.cash, (*self._portfolio.carried(), *unseen), self._header.run_id)
