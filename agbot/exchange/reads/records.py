"""The Data API: version 2, the older routes, and what clients ask of hosts that are not the CLOB. Without prefix."""

from __future__ import annotations

from collections.abc import Callable

from agbot.exchange.api import Routes
from agbot.exchange.reads import places, records_new, records_old
from agbot.exchange.reads.portfolio_book import PortfolioBook
from agbot.exchange.reads.quotes import Books, Tape
from agbot.exchange.reads.records_new import Records


def routes(core: Books, book: PortfolioBook, tape: Tape, now_ns: Callable[[], int]) -> Routes:
    """Return all routes.

    Args:
        core: for markets and prices.
        book: a listener of the core, for accounts and deeds.
        tape: a listener of the core, for past prices.
        now_ns: the exchange's clock.
    """
    records = Records(core, book, tape, now_ns)
    return {**records_new.routes(records), **records_old.routes(records), **places.routes()}
