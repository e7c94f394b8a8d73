"""A run as it was: its journal through the same core, and what messages took on their ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from statistics import median_low
from typing import Final

import attrs

from agbot.backtest.result import BacktestResult
from agbot.backtest.turns import header_of_run, is_evidence, is_market_data, turns
from agbot.backtest.watch import Watch, What, result_of
from agbot.core.engine import Engine
from agbot.errors import StoreError
from agbot.model.commands import CancelAll, CancelOrder, Command, PlaceOrder
from agbot.model.events import CancelRejected, OrderCancelled, OrderEvidence, OrderFilled
from agbot.model.fees import taker_fee
from agbot.model.ids import ClientOrderId
from agbot.model.market import Market
from agbot.model.order import Liquidity
from agbot.store.journal import Header
from agbot.store.rebuild import engine_of
from agbot.units import NS_PER_MS

KEPT: Final = 200_000
"""Delays that are remembered one by one; the others are taken for the median."""

_Key = tuple[str, ClientOrderId, int]


@attrs.define
class Ways:
    """Delays by message, and the median for messages that never were."""

    known: dict[_Key, int] = attrs.field(factory=dict)
    usual_ns: int = 0
    _met: dict[tuple[str, ClientOrderId], count[int]] = attrs.field(
        factory=lambda: defaultdict[tuple[str, ClientOrderId], "count[int]"](count)
    )

    def key(self, message: Command | OrderEvidence) -> _Key:
        """Return the name of the next message of its kind about its order."""
        about = "" if isinstance(message, CancelAll) else message.client_order_id
        kind = type(message).__name__, ClientOrderId(about)
        return *kind, next(self._met[kind])

    def note(self, key: _Key, took_ns: int) -> None:
        """Keep a delay that was measured."""
        if len(self.known) < KEPT:
            self.known[key] = max(took_ns, 0)

    def settle(self) -> Ways:
        """Return the ways ready to be asked: counting begins anew."""
        return Ways(known=self.known, usual_ns=median_low(self.known.values()) if self.known else 0)

    def ns(self, message: Command | OrderEvidence) -> int:
        """Return how long this message is under way; asked once for each, in order."""
        return self.known.get(self.key(message), self.usual_ns)


@attrs.frozen(kw_only=True)
class Lived:
    """A run as its journal tells it.

    Attributes:
        result: what it came to, as of a backtest.
        markets: all that were listed.
        there: the ways of commands to the venue; `back` of its news to us.
        modelled_fees: what its fills would have cost by the markets' fee formula.
    """

    path: Path
    header: Header
    result: BacktestResult
    markets: Sequence[Market]
    there: Ways
    back: Ways
    modelled_fees: int


def lived(path: Path) -> Lived:
    """Return what a journal tells. StoreError: AGB-588 nothing happened in it, or it cannot be read."""
    header = header_of_run(path)
    engine = engine_of(header)
    watch, clock = Watch(engine, header.started_ns), _Clock()
    fees = messages = last_ns = 0
    for turn in turns(path):
        step = engine.step(turn.now_ns, turn.batch)
        watch.observe(turn.now_ns, turn.batch, step)
        for event in turn.batch:
            if is_evidence(event):
                clock.heard(turn.now_ns, event)  # type: ignore[arg-type]
        for command in turn.output.commands:
            clock.sent(turn.now_ns, command)
        fees += sum(_fee(engine, record.command, fill) for record, fill in step.fills)
        fees -= sum(_fee(engine, record.command, fill) for record, fill in step.voided)
        messages += sum(is_market_data(event) for event in turn.batch)
        last_ns = turn.now_ns
    if not last_ns:
        raise StoreError(f"{path}: nothing happened in this run", id="AGB-588", remedy="name a run that traded")
    there, back = clock.there.settle(), clock.back.settle()
    return Lived(
        path=path,
        header=header,
        result=result_of(
            watch.end(last_ns),
            What(
                version=header.version,
                source=f"{header.source or header.mode} ({path.name})",
                data="",
                messages=messages,
                first_ns=header.started_ns,
                seed=header.seed,
                queue=f"as it was ({header.mode})",
                latency=f"as it was: order {_ms(there)}, answer {_ms(back)} (medians)",
            ),
        ),
        markets=tuple(engine.markets.values()),
        there=there,
        back=back,
        modelled_fees=fees,
    )


class _Clock:
    """Measures both ways. An answer that bears our own time cannot be split: all of it counts as the way there."""

    def __init__(self) -> None:
        self.there, self.back = Ways(), Ways()
        self._under_way: dict[tuple[ClientOrderId, bool], tuple[int, _Key]] = {}
        self._all: tuple[int, _Key] | None = None

    def sent(self, now_ns: int, command: Command) -> None:
        """Note a command that left."""
        at = now_ns, self.there.key(command)
        if isinstance(command, CancelAll):
            self._all = at
        else:
            self._under_way[command.client_order_id, isinstance(command, CancelOrder)] = at

    def heard(self, now_ns: int, evidence: OrderEvidence) -> None:
        """Note news; the first after a command is its answer, fills are nobody's."""
        self.back.note(self.back.key(evidence), now_ns - evidence.ts_ns)
        if isinstance(evidence, OrderFilled):
            return
        cancels = isinstance(evidence, OrderCancelled | CancelRejected)
        asked = self._under_way.pop((evidence.client_order_id, cancels), None)
        if asked is None and cancels:
            asked, self._all = self._all, None
        if asked is not None:
            self.there.note(asked[1], min(evidence.ts_ns, now_ns) - asked[0])


def _fee(engine: Engine, command: PlaceOrder, fill: OrderFilled) -> int:
    market = engine.markets[command.market]
    if fill.liquidity is not Liquidity.TAKER:
        return 0
    return taker_fee(fill.size, fill.price, market.fee_rate, market.fee_exponent)


def _ms(ways: Ways) -> str:
    return f"{ways.usual_ns / NS_PER_MS:g} ms"
