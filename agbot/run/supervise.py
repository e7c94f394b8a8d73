"""The four shapes every task of the tree has: in the background, supervised, flat on exit, and flattened errors."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import attrs
import trio

from agbot.core.backoff import Backoff
from agbot.errors import ExecutionError, NotFlatError, leaves
from agbot.log import get_logger

HEALTHY_AFTER_S = 30.0
AGAIN_S = 0.25

log = get_logger(__name__)


class Flattable(Protocol):
    """The one verb `flat_on_exit` needs."""

    async def cancel_all(self) -> object:
        """Take every order of ours off the book."""
        ...


@asynccontextmanager
async def background(
    run: Callable[..., Awaitable[Any]], *, ask: Callable[[], None] | None = None, grace_s: float = 0.0
) -> AsyncIterator[Any]:
    """Run a service beside the body: ready before the body begins, cancelled when it ends.

    A service with a polite stop of its own is asked first and cancelled `grace_s` seconds later.
    """
    async with trio.open_nursery() as nursery:
        started = await nursery.start(run)
        yield started
        if ask is None:
            nursery.cancel_scope.cancel()
        else:
            ask()
            nursery.cancel_scope.deadline = trio.current_time() + grace_s


@attrs.define
class Backstop:
    """What came of the last cancel: `doubt` is empty once the venue was seen to hold no order of ours."""

    doubt: str = ""


@asynccontextmanager
async def doubt_told(backstop: Backstop) -> AsyncIterator[None]:
    """Raise what is in doubt once the body has ended (AGB-547), beside what broke in it, wherever that was.

    It is the outermost: what ends by an error further out only sees itself cancelled. A body that was cancelled as a
    whole is told of by whoever did that.
    """
    try:
        yield
    except BaseException as e:
        if backstop.doubt and not all(isinstance(leaf, trio.Cancelled) for leaf in leaves(e)):
            raise BaseExceptionGroup("the run ended", [e, _not_flat(backstop.doubt)]) from None
        raise
    if backstop.doubt:
        raise _not_flat(backstop.doubt)


@asynccontextmanager
async def flat_on_exit(venue: Flattable, backstop: Backstop, *, grace_s: float) -> AsyncIterator[None]:
    """Leave no order resting, however the body ends; needs neither engine nor core.

    A venue that fails is asked again until `grace_s` seconds are over; then the doubt is what remains, in `backstop`.
    """
    try:
        yield
    finally:
        backstop.doubt = await _swept(venue, grace_s)


def _not_flat(doubt: str) -> NotFlatError:
    return NotFlatError(f"the run ended, and orders may still rest: {doubt}")


async def _swept(venue: Flattable, grace_s: float) -> str:
    """Cancel all until the venue has confirmed it or the time is over; return what is in doubt, empty for nothing."""
    doubt = f"no answer within {grace_s:g} s"
    with trio.move_on_after(grace_s, shield=True):
        while doubt:
            doubt = await _cancelled_all(venue)
            await trio.sleep(AGAIN_S if doubt else 0)
    if doubt:
        log.critical("cancel_all.unconfirmed", grace_s=grace_s, last=doubt)
    return doubt


async def _cancelled_all(venue: Flattable) -> str:
    """Return what it failed with, empty when it did not."""
    failed: list[str] = []
    try:
        await venue.cancel_all()
    except* ExecutionError as group:
        failed = [str(e) for e in leaves(group)]
        log.error("cancel_all.failed", errors=failed)
    return "; ".join(failed)


async def supervise(
    run: Callable[[], Awaitable[None]],
    *,
    lost: type[Exception],
    backoff: Backoff,
    on_loss: Callable[[str], None],
    random_unit: Callable[[], float] = random.random,
) -> None:
    """Run again after a `lost` error, by the backoff schedule; every other error is let out and stops the bot.

    Returns when `run` returns. The attempt counter starts anew after `HEALTHY_AFTER_S` seconds without a loss.
    """
    attempt = 0
    while True:
        began = trio.current_time()
        failures: list[BaseException] = []
        try:
            await run()
        except* lost as group:
            failures = list(leaves(group))
        if not failures:
            return
        if trio.current_time() - began >= HEALTHY_AFTER_S:
            attempt = 0
        on_loss("; ".join(str(e) for e in failures))
        await trio.sleep(backoff.delay_s(attempt, random_unit()))
        attempt += 1
