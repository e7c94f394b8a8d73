"""What the core decides in virtual time, as a look-ahead inspection wants it; and which files it opened meanwhile."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from agbot.backtest.loop import Stepper, VirtualLoop
from agbot.core.step import Step
from agbot.matching.paper import PaperMatcher
from agbot.model.commands import CancelOrder
from agbot.model.events import Event
from agbot.model.ids import MarketId
from agbot.model.market import Market
from agbot.optimise.lookahead import Decisions, Group, Said
from agbot.units import to_text

MakeLoop = Callable[[Stepper, PaperMatcher, Sequence[Market], Iterable[Group]], Any]
Drive = Callable[[MakeLoop], object]
"""Builds a fresh core and paper venue, asks for their loop, and runs it to its end."""

_METADATA: Final = {".egg-info", ".dist-info"}
_CODE: Final = frozenset({".py", ".pyc", ".pyi", ".so", ".pyd", ".pth", ".zip"})
_PACKAGES: Final = tuple(Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib"))
_EVENTS: Final = frozenset({"open", "sqlite3.connect", "socket.connect", "subprocess.Popen"})


class Reads:
    """What was opened while it was watched: files outside of Python and its packages, sockets, processes; each once."""

    def __init__(self, known: Iterable[Path] = ()) -> None:
        self.found: list[str] = []
        self._known = frozenset(path.resolve() for path in known)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note what is opened meanwhile."""
        _hook()
        _watching.append(self._note)
        try:
            yield
        finally:
            _watching.pop()

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        what = str(args[1] if event == "socket.connect" else args[0])
        if event == "open":
            if isinstance(args[0], int) or self._harmless(Path(what)):
                return
        elif event != "sqlite3.connect":
            what = f"{event.partition('.')[0]} {what}"
        if what not in self.found:
            self.found.append(what)

    def _harmless(self, path: Path) -> bool:
        """Return whether a file is code, part of an installed package, known, or not there to be read."""
        whole = path.resolve()
        packaged = any(whole.is_relative_to(root) for root in _PACKAGES) or whole.parent.suffix in _METADATA
        return path.suffix in _CODE or packaged or whole in self._known or not whole.exists()


_watching: list[Callable[[str, tuple[Any, ...]], None]] = []
_hooked: list[bool] = []


def _hook() -> None:
    """Ask Python to tell what it opens; that cannot be taken back, so it is asked once."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_audit)


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if _watching and event in _EVENTS:
        _watching[-1](event, args)


def decisions_of(drive: Drive, reads: Reads) -> Decisions:
    """Return what `inspect` calls: runs the core over the groups it is given in place of those it had.

    Args:
        reads: notes what strategies open while they decide.
    """

    def decisions(groups: Iterable[Group], later_ns: int) -> Sequence[Said]:
        said: list[Said] = []

        def make(step: Stepper, matcher: PaperMatcher, markets: Sequence[Market], _groups: Iterable[Group]) -> Any:
            names = {market.id: market.name for market in markets}
            orders: dict[str, str] = {}

            def telling(now_ns: int, batch: list[Event]) -> Step:
                with reads.watched():
                    done = step(now_ns, batch)
                said.extend(Said(now_ns, market, text) for market, text in _told(done, names, orders))
                return done

            return VirtualLoop(telling, matcher, [_later(market, later_ns) for market in markets], groups)

        drive(make)
        return said

    return decisions


def _told(step: Step, markets: Mapping[MarketId, str], orders: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield market and text of what was decided; times are left out, for they move with the history."""
    for decision in step.output.decisions:
        market = markets[decision.market]
        orders[decision.client_order_id] = market
        price, size = to_text(decision.price), to_text(decision.size)
        denied = "" if decision.allowed else f", denied by {', '.join(decision.violated)}"
        yield market, f"{decision.strategy}: {decision.side} {size} of {decision.token} at {price}{denied}"
    for command in step.output.commands:
        if isinstance(command, CancelOrder):
            yield orders.get(command.client_order_id, ""), f"cancel {command.client_order_id}"


def _later(market: Market, later_ns: int) -> Market:
    return msgspec.structs.replace(market, end_ns=market.end_ns + later_ns) if market.end_ns else market
