"""The shared kill switch: the latch's state under one key, read as the latch is. Blocking.

Its keys, all named after the switch: the state, its history, a channel that says "moved", and a row for each bot that
listens, which dies with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs

from agbot.errors import AgbotError
from agbot.latch import NEVER_SET, LatchState, decode_state, encode_state, moved
from agbot.shared.link import Link, Unreadable

if TYPE_CHECKING:
    from redis import Redis

ROW_S: Final = 5
"""A bot that has not been heard of for so long is not listed."""
HISTORY_MAX: Final = 1_000
TRIES: Final = 8


@attrs.frozen(kw_only=True)
class Heard:
    """What one bot says of the switch.

    Args:
        who: profile, process and machine.
        on: whether it has read that the account is closed.
        closed_ns: `at_ns` of the newest close that it has carried out; 0 when there was none.
        cancelled, left: orders; None when that is not known.
    """

    who: str
    on: bool = True
    closed_ns: int = 0
    cancelled: int | None = None
    left: int | None = None

    def encoded(self) -> bytes:
        """Return the row as it is kept."""
        return json.dumps(attrs.asdict(self)).encode("ascii")


class SharedSwitch:
    """The switch called `name` at a Redis."""

    def __init__(self, link: Link, name: str) -> None:
        self.name = name
        self._link = link
        root = f"agbot:{{{name}}}"  # braces: one slot of a cluster
        self.key, self.history, self.channel = f"{root}:killswitch", f"{root}:killswitch:log", f"{root}:moved"
        self.rows = f"{root}:bot:"

    def read(self) -> LatchState:
        """Return the state; what was never set, or is torn, is on. Raises Unreadable."""
        raw: Any = self._link.ask(lambda redis: redis.get(self.key))
        return self.state_of(raw)

    def state_of(self, raw: bytes | None) -> LatchState:
        """Return the state that is kept as `raw`."""
        if raw is None:
            return LatchState(
                on=True,
                reason=f"it was never set, or Redis lost it: agbot killswitch off --shared {self.name} opens it",
                by="agbot",
                at_ns=0,
            )
        return decode_state(raw, "shared switch")

    def move(self, *, on: bool, reason: str, by: str, at_ns: int, scope: str = "", name: str = "") -> LatchState:
        """Turn the switch, or what is closed beside it, and tell every bot. Returns what was written.

        Raises:
            AgbotError: AGB-517, Redis did not take it. NotFoundError AGB-512, StoreError AGB-513: as for the latch.
        """

        def change(redis: Redis) -> LatchState:
            raw: Any = redis.get(self.key)
            before = NEVER_SET if raw is None else self.state_of(raw)
            at = max(at_ns, before.newest_ns + 1)  # clocks differ, and a bot takes what is older for an old copy
            after = moved(before, on=on, reason=reason, by=by, at_ns=at, scope=scope, name=name)
            told = {"on": on, "scope": scope, "name": name, "reason": reason, "by": by, "at_ns": at}
            if not self._replaced(redis, raw, after, told):
                raise Unreadable("somebody else moves it at the same time")
            return after

        failure = Unreadable()
        for _ in range(TRIES):
            try:
                return self._link.ask(change)
            except Unreadable as e:
                failure = e
        raise AgbotError(
            f"the shared kill switch {self.name!r} was not moved: {failure}",
            id="AGB-517",
            remedy="agbot killswitch on without --shared stops the bots of this machine; a bot that cannot read the "
            "shared switch is closed",
        ) from failure

    def _replaced(self, redis: Redis, raw: bytes | None, after: LatchState, told: dict[str, Any]) -> bool:
        """Write the record and the state, unless the state is not `raw` any more, and say so on the channel."""
        args = ("" if raw is None else raw, encode_state(after), json.dumps(told), HISTORY_MAX, self.channel)
        return bool(redis.eval(_REPLACE, 2, self.key, self.history, *args))

    def heard(self) -> Sequence[Heard]:
        """Return what every bot that listens says, by name. Raises Unreadable."""

        def ask(redis: Redis) -> list[Any]:
            keys = sorted(redis.scan_iter(match=f"{_literal(self.rows)}*", count=1_000))
            return list(redis.mget(keys)) if keys else []

        return [Heard(**json.loads(raw)) for raw in self._link.ask(ask) if raw is not None]


_REPLACE: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('LPUSH', KEYS[2], ARGV[3])
redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1)
redis.call('SET', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[5], ARGV[3])
return 1
"""


def _literal(text: str) -> str:
    """Return a pattern that matches `text` alone."""
    return "".join(f"\\{c}" if c in "*?[]^\\" else c for c in text)
