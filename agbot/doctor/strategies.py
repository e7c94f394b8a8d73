"""Whether strategies of one's own come through a rehearsal."""

from __future__ import annotations

from typing import Final, Protocol

import trio

from agbot.doctor.report import Check, Finding, fail, ok, skip
from agbot.settings import Settings
from agbot.words import many


class Traded(Protocol):
    """What this check looks at."""

    @property
    def settings(self) -> Settings: ...


async def rehearsal(world: Traded) -> Finding:
    """D24: strategies that did not come with agbot, in half an hour of made-up trouble."""
    from agbot.backtest.rehearsal import rehearse  # noqa: PLC0415 - brings the backtest along

    result = await trio.to_thread.run_sync(rehearse, world.settings, abandon_on_cancel=True)
    if result is None:
        return skip("no strategy but agbot's own")
    if result.failed:
        (name, reason), *more = result.failed.items()
        others = [f"{each}: {why}" for each, why in more]
        return fail(f"{name}: {reason}", "mend it; agbot backtest tries it on a recording", *others)
    ended, orders = f"{', '.join(result.strategies)} came through", result.orders.placed
    if not orders:
        return ok(f"{ended}, without an order")
    denials = many(sum(result.denials.values()), "denial")
    return ok(f"{ended}: {many(orders, 'order')}, {many(result.trades, 'trade')}, {denials}")


CHECKS: Final[tuple[Check[Traded], ...]] = (Check("D24", "strategies of your own", rehearsal),)
