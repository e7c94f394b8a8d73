"""Where the venue's figure was taken over from the journal's: what, both figures, and who says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from agbot.model.ids import MarketId
from agbot.model.market import Market, Outcome
from agbot.run.venues import Account
from agbot.store.carry import Carry
from agbot.units import SCALE, to_text

SOURCE: Final = "CLOB balance-allowance"
CASH: Final = "cash"
ROUNDING: Final = SCALE // 1000
"""Usd: a trade at several prices is told as their average, rounded to 10⁻⁶; more than this many are no rounding."""


@attrs.frozen(kw_only=True)
class Correction:
    """One figure, 10⁻⁶ usd or shares: `journal` is what the last run left, all its fills told, `venue` what is true."""

    what: str
    market: str
    journal: int
    venue: int
    source: str = SOURCE

    def json(self) -> dict[str, str]:
        """Return it as plain values."""
        return {
            "what": self.what,
            "market": self.market,
            "journal": to_text(self.journal),
            "venue": to_text(self.venue),
            "source": self.source,
        }


def corrections(carry: Carry, found: Account, markets: Sequence[Market]) -> list[Correction]:
    """Return every figure of these markets, and the cash, that journal and venue do not agree about.

    Cash that differs by roundings is the venue's without a word here; `Report.rounding` tells how much it was.
    """
    known: Counter[tuple[MarketId, Outcome]] = Counter()
    held: Counter[tuple[MarketId, Outcome]] = Counter()
    for counts, positions in ((known, carry.positions), (held, found.positions)):
        for position in positions:
            counts[position.market, position.outcome] += position.size
    rows = [
        Correction(what=str(outcome), market=market.id, journal=known[key], venue=held[key])
        for market in markets
        for outcome in Outcome
        if known[key := (market.id, outcome)] != held[key]
    ]
    if abs(carry.cash - found.balance) > ROUNDING:
        rows.append(Correction(what=CASH, market="", journal=carry.cash, venue=found.balance))
    return rows
