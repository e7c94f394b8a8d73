"""The venue's ids of journaled orders, computed again: an order that rests and has one of them is ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from agbot.core.oms import OrderRecord
from agbot.errors import UnsupportedOrder, VenueNotFound, VenueRefused
from agbot.model.commands import PlaceOrder
from agbot.model.ids import MarketId
from agbot.units import TICKS
from agbot.venue.convert import to_order
from agbot.venue.polymarket.compose import Terms, compose
from agbot.venue.polymarket.own import OwnOrder
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.signer import Signer

OLDER_MAX: Final = 50
"""Runs before the last one that are looked through for an order nobody explains."""


@attrs.frozen
class Known:
    """A journaled order, and one order at the venue that it can be."""

    record: OrderRecord
    own: OwnOrder


class Names:
    """Computes ids; reads each market's terms once.

    The tick that held when an order was signed is not journaled and only gets finer since: each that it may have been
    is tried.
    """

    def __init__(self, clob: ClobClient, signer: Signer) -> None:
        self._clob = clob
        self._signer = signer
        self._terms: dict[MarketId, Terms | None] = {}

    async def known(self, records: Iterable[OrderRecord], wanted: Iterable[str] | None = None) -> dict[str, Known]:
        """Return what these orders are called at the venue. Raises what reading a market raises.

        Args:
            wanted: ids that are looked for; once all are explained no further record is looked at.
        """
        found: dict[str, Known] = {}
        missing = None if wanted is None else set(wanted)
        for record in records:
            if missing is not None and not (missing := missing - found.keys()):
                break
            terms = await self._terms_of(record.command.market)
            for own in self._owns(record.command, terms) if terms else ():
                found[own.order_id] = Known(record, own)
        return found

    def _owns(self, command: PlaceOrder, terms: Terms) -> Iterable[OwnOrder]:
        for tick in (tick for tick in TICKS if tick >= terms.tick):
            try:
                own = self._own(command, attrs.evolve(terms, tick=tick, min_size=0))
            except (VenueRefused, UnsupportedOrder):  # with that tick it could not have been made
                continue
            yield own

    def _own(self, command: PlaceOrder, terms: Terms) -> OwnOrder:
        order = to_order(command)
        composed = compose(order, terms)
        return OwnOrder(
            order=order,
            order_id=self._signer.order_id(composed.fields, version=terms.version, neg_risk=terms.neg_risk),
            asked=composed.asked,
            shares=composed.shares,
            budget=composed.budget,
            offered=composed.fields.maker_amount,
            sent_ns=command.created_ns,
            fee_rate=terms.fee_rate,
            fee_exponent=terms.fee_exponent,
        )

    async def _terms_of(self, market: MarketId) -> Terms | None:
        """Return a market's terms, None when the venue has no such market: nothing rests there."""
        if market not in self._terms:
            try:
                self._terms[market] = Terms.of(await self._clob.market(market))
            except VenueNotFound:
                self._terms[market] = None
        return self._terms[market]
