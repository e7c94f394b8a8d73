"""What is shared with other bots: whether Redis answers, and what it would lose."""

from __future__ import annotations

from functools import partial
from typing import Final, Protocol

import trio

from agbot.doctor.report import Check, Finding, fail, ok, warn
from agbot.settings import RedisSettings
from agbot.shared.link import URL, Link, Unreadable
from agbot.shared.switch import SharedSwitch


class Sharing(Protocol):
    """What this check looks at."""

    @property
    def redis(self) -> RedisSettings | None: ...


async def switch(world: Sharing) -> Finding:
    """D23: whether the shared kill switch can be read, lets orders through, and survives a restart of Redis."""
    if world.redis is None or not world.redis.name:
        return ok("nothing is shared with other bots: the configuration has no section redis")
    name = world.redis.name
    link = await trio.to_thread.run_sync(partial(Link.found, plain=world.redis.plain))
    try:
        state = await trio.to_thread.run_sync(SharedSwitch(link, name).read)
        logged = await trio.to_thread.run_sync(link.logs_changes)
    except Unreadable as e:
        return fail(f"the shared kill switch {name!r} cannot be read: {e}", f"start Redis, or mend {URL}")
    finally:
        await trio.to_thread.run_sync(link.close)
    if state.on:
        said = f"the shared kill switch {name!r} is on: {state.reason} (by {state.by})"
        return warn(said, f"agbot killswitch off --shared {name} --by NAME --reason TEXT")
    if not logged:
        said = (
            f"the shared kill switch {name!r} is off, and Redis does not log changes: its restart may close every bot"
        )
        return warn(said, "appendonly yes in redis.conf")
    return ok(f"the shared kill switch {name!r} is off")


CHECKS: Final[tuple[Check[Sharing], ...]] = (Check("D23", "shared kill switch", switch),)
