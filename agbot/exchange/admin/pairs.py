"""The verbs of a wallet's own contract calls, which need a chain elsewhere: split, merge, convert and redeem; and news.

=======  =====================================================================================================
verb     arguments
=======  =====================================================================================================
split    wallet, market, size: usd become pairs
merge    wallet, market, size: pairs become usd
convert  wallet, markets (a list of one event's), size: NO of each become usd and YES of the event's others
redeem   wallet, market: a resolved market's shares are paid out
news     market, logit: the fair price of the population moves, and its event's others make room
=======  =====================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from agbot.exchange.admin.arguments import Arguments
from agbot.exchange.admin.socket import Answer, Request, Verb
from agbot.exchange.core.exchange import Exchange
from agbot.exchange.core.model import Listing
from agbot.exchange.population import Population
from agbot.units import to_text


def pair_verbs(core: Exchange, now_ns: Callable[[], int]) -> dict[str, Verb]:
    """Return the verbs of contract calls."""
    calls = Calls(core, now_ns)
    return {name: getattr(calls, name) for name in ("split", "merge", "convert", "redeem")}


def news_verb(core: Exchange, acts: Iterable[Any]) -> Verb:
    """Return the verb that makes news happen to the population among `acts`."""
    people = [act for act in acts if isinstance(act, Population)]

    def news(request: Request) -> Answer:
        said = Arguments(request)
        listing, logit = said.market(core), said.number("logit", 1.0)
        if not people or people[0].fair(listing.condition) is None:
            raise said.fault("market", "nobody trades it of their own accord", "start with --population calm")
        before = people[0].fair(listing.condition)
        people[0].shock(listing.condition, logit)
        return {"market": listing.condition, "fair_before": before, "fair": people[0].fair(listing.condition)}

    return news


class Calls:
    """The verbs as methods; each tells what the wallet holds afterwards."""

    def __init__(self, core: Exchange, now_ns: Callable[[], int]) -> None:
        self._core = core
        self._now_ns = now_ns

    def split(self, request: Request) -> Answer:
        """Turn usd into pairs."""
        said = Arguments(request)
        wallet, listing = said.address("wallet"), said.market(self._core)
        self._core.split(wallet, listing, said.units("size"), self._now_ns())
        return self._held(wallet, [listing])

    def merge(self, request: Request) -> Answer:
        """Turn pairs into usd."""
        said = Arguments(request)
        wallet, listing = said.address("wallet"), said.market(self._core)
        self._core.merge(wallet, listing, said.units("size"), self._now_ns())
        return self._held(wallet, [listing])

    def convert(self, request: Request) -> Answer:
        """Turn NO shares of questions of one event into usd and YES of its others."""
        said = Arguments(request)
        wallet, names = said.address("wallet"), request.get("markets")
        if not isinstance(names, list) or not names:
            raise said.fault("markets", "the argument is missing", '"markets": ["SLUG", "SLUG"]')
        chosen = [Arguments({"market": name}).market(self._core) for name in names]
        self._core.convert(wallet, chosen, said.units("size"), self._now_ns())
        return self._held(wallet, [x for x in self._core.listings.values() if x.event == chosen[0].event])

    def redeem(self, request: Request) -> Answer:
        """Pay a resolved market's shares out."""
        said = Arguments(request)
        wallet, listing = said.address("wallet"), said.market(self._core)
        paid = self._core.redeem(wallet, listing, self._now_ns())
        return {"paid": to_text(paid), **self._held(wallet, [listing])}

    def _held(self, wallet: str, listings: Iterable[Listing]) -> Answer:
        core = self._core
        shares = {
            name: to_text(core.balance(wallet, token))
            for listing in listings
            for name, token in listing.named_tokens().items()
        }
        return {"wallet": wallet, "usd": to_text(core.balance(wallet)), "shares": shares}
