"""A bot inside your own program or test: the demo, without screens, in a throw-away state directory."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from agbot.core.step import Step
from agbot.model.events import Event
from agbot.model.market import Market
from agbot.run.attach import Screens
from agbot.run.bot import bot
from agbot.run.demo import demo_plan
from agbot.run.plans import Start
from agbot.run.session import Session, prepare_state_dir
from agbot.settings import Settings, StrategySettings
from agbot.venue.ports import ExecutionEngine


@attrs.frozen(kw_only=True)
class RunningBot:
    """A bot that trades: its markets, and `execution` to place orders beside its strategies."""

    markets: Sequence[Market]
    execution: ExecutionEngine
    session: Session


@asynccontextmanager
async def demo_bot(*, seed: int = 1, strategies: Sequence[str] = ()) -> AsyncIterator[RunningBot]:
    """Run a demo bot while the body runs; it has seen every book when the body begins, and is flat when it ends.

    Args:
        strategies: names, ``module:Class`` or ``file.py:Class``; none by default.
    """
    with tempfile.TemporaryDirectory(prefix="agbot-") as scratch:
        directory = prepare_state_dir("embedded", Path(scratch) / "state")
        settings = Settings(seed=seed, strategies=tuple(StrategySettings(name=name) for name in strategies))
        screens = Screens(web=False, state_dir=directory)
        session = Session(demo_plan(Start(settings=settings, state_dir=directory, screens=screens)))
        ready = Ready(session)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bot, session.parts(ready.observe))
            await ready.event.wait()
            yield RunningBot(markets=session.plan.markets, execution=session.execution, session=session)
            session.stop.ask("the program ended")


class Ready:
    """Observer: set once every book has been seen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.event = trio.Event()

    def observe(self, _batch: list[Event], _step: Step) -> None:
        """Look after each step."""
        books = self._session.engine.books
        if books and all(book.trusted for book in books.values()):
            self.event.set()
