"""Cancelling until the venue shows nothing: one way for a kill, a start, and a run whose wallet was taken.

Theory of operation. Cancels and looks go side by side: a venue with a budget for cancels may make the second one wait
long after the first has done its work. Neither a refusal nor a failed read ends it, only a look that shows nothing, or
time. An order on the wire may arrive after such a look: while something is unanswered, no look is the last.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

from agbot.errors import ExecutionError
from agbot.log import get_logger
from agbot.venue.pace import TRIO, Pace

WITHIN_S: Final = 8.0
LOOK_S: Final = 3.0
LOOK_AGAIN_S: Final = 0.05
CANCEL_AGAIN_S: Final = 0.25

T = TypeVar("T")
Look = Callable[[], Awaitable[Sequence[T]]]

log = get_logger(__name__)


async def cancel_until_none(
    look: Look[T],
    cancel: Callable[[Sequence[T]], Awaitable[object]],
    *,
    first: Sequence[T] = (),
    answered: Callable[[], bool] = lambda: True,
    within_s: float = WITHIN_S,
    again_s: float = LOOK_AGAIN_S,
    pace: Pace = TRIO,
) -> Sequence[T] | None:
    """Cancel until a look shows nothing, at most `within_s` seconds, and return what the last look showed.

    None means that it is not known: the last look failed, or something is unanswered still. No cancellation from
    outside ends it before.

    Args:
        look: reads what rests of it.
        cancel: asks off what it is given, what was seen last; `first` before the first look.
        answered: whether everything that was sent has been heard of.
    """
    shown: Sequence[T] | None = first

    async def keep_cancelling() -> None:
        while True:
            try:
                await cancel(shown or ())
            except ExecutionError as e:
                log.error("cancel.failed", error=str(e))
            await pace.sleep(CANCEL_AGAIN_S)

    with pace.move_on_after(within_s, shield=True):
        async with pace.open_nursery() as nursery:
            nursery.start_soon(keep_cancelling)
            while True:
                await pace.sleep(again_s)
                final = answered()
                shown = await looked(look, pace)
                if final and shown is not None and not shown:
                    break
            nursery.cancel_scope.cancel()
    return shown if answered() else None


async def looked(look: Look[T], pace: Pace = TRIO) -> Sequence[T] | None:
    """Return what a look shows, None when it fails or takes longer than `LOOK_S`."""
    with pace.move_on_after(LOOK_S):
        try:
            return await look()
        except ExecutionError as e:
            log.error("open_orders.unread", error=str(e))
    return None


async def each(cancel: Callable[[str], Awaitable[object]], ids: Iterable[str]) -> None:
    """Cancel one by one; that one is refused keeps none of the others."""
    for order_id in ids:
        try:
            await cancel(order_id)
        except ExecutionError as e:
            log.error("cancel.failed", order_id=order_id, error=str(e))
