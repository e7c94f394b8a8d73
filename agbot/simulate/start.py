"""How a simulated life begins: the real reconciliation, over what earlier lives left on the simulated disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import attrs

from agbot.run.explain import Names
from agbot.run.reconcile import Reconcile
from agbot.settings import ReconcileSettings
from agbot.simulate.disk import Disk, SimJournal
from agbot.store.carry import Past, grouped
from agbot.units import NS_PER_S
from agbot.venue.pace import Pace
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.signer import Signer

HOW: Final = ReconcileSettings(quiet_ns=12 * NS_PER_S)
"""No request is longer on its way here: 5 s on the slowest network, 6 s in the venue."""


class _Positions:
    """The Data API knows no prices here: a position costs half a usd a share."""

    async def positions(self, _user: str) -> Sequence[Any]:
        return ()


@attrs.frozen
class _Reads:
    clob: ClobClient
    data: _Positions = attrs.field(factory=_Positions)


def start(clob: ClobClient, signer: Signer, disk: Disk, now_ns: Callable[[], int], pace: Pace) -> Reconcile:
    """Return the start of a life, which has asked nothing yet."""
    return Reconcile(_Reads(clob), Names(clob, signer), pasts(disk), HOW, now_ns, pace=pace)


def pasts(disk: Disk) -> Iterator[Past]:
    """Yield what earlier lives did, the newest first; see `agbot.store.carry.pasts`."""
    began = ((journal, journal.header()) for journal in reversed(disk.journals))
    return grouped(((journal, header) for journal, header in began if header is not None), _read)


def _read(first: SimJournal, *later: SimJournal) -> Past:
    past: Past | None = None
    for journal in (first, *later):
        header = journal.header()
        assert header is not None
        past = Past.after(past, header, journal.records())
    assert past is not None
    return past
