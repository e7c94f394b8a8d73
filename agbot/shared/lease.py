"""A wallet's lease: who trades with it, on whichever machine, for as long as it is renewed. Blocking.

Theory of operation. Whoever takes a wallet raises its counter, which is never deleted, and writes a lease that expires.
Renewing asks whether the counter is still ours. So a lease that expired unseen may be renewed while nobody raised the
counter, and never after. An order is sent only while the last renewal is younger than `SENDS_S`: what was on the wire
has arrived by the time another may take the wallet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from agbot.errors import ConfigError
from agbot.shared.link import Link, Unreadable

if TYPE_CHECKING:
    from redis import Redis

TTL_S: Final = 10.0
SENDS_S: Final = 5.0
"""A post may take three seconds on its way, and the answer to the renewal one."""
LOOK_S: Final = 0.25


class Lease:
    """One wallet's lease.

    Args:
        who: the holder in words, for whoever finds it taken.
    """

    def __init__(self, link: Link, wallet: str, who: str) -> None:
        self._link = link
        self._wallet = wallet
        root = f"agbot:{{{wallet.lower()}}}"
        self._keys = (f"{root}:lease", f"{root}:token")
        self._who = who
        self.token = 0

    def take(self, least: int, *, sleep: Callable[[float], None] = time.sleep) -> int:
        """Take the wallet and return our token, which is above `least`; waits for the lease of a holder that died.

        Raises:
            ConfigError: AGB-149, naming the holder, who renews it; AGB-151, the counter is no number; AGB-156, Redis
                does not answer.
        """
        # Time that is left only falls, unless the lease is renewed.
        left_ms, rounds = 0, int((TTL_S + 2) / LOOK_S)
        for again in range(rounds):
            said, text, left = self._asked(_TAKE, least, self._who)
            if said == "ours":
                self.token = int(text)
                return self.token
            if said == "torn":
                raise ConfigError(
                    f"the wallet's counter of writers at Redis is no number: {text!r}",
                    id="AGB-151",
                    key=self._keys[1],
                    remedy=f"when nobody trades with this wallet: redis-cli set '{self._keys[1]}' {least}",
                )
            if left < 0 or (again and left > left_ms):
                break
            left_ms = left
            sleep(LOOK_S)
        raise ConfigError(
            f"another process trades with the wallet {self._wallet}: {text.partition(' ')[2] or text}",
            id="AGB-149",
            remedy="stop it there, or look on beside it with agbot run CONFIG --mode live --read-only",
        )

    def _asked(self, script: str, *args: str | int) -> tuple[str, str, int]:
        try:
            answer: Any = self._link.ask(lambda redis: redis.eval(script, 2, *self._keys, int(TTL_S * 1000), *args))
        except Unreadable as e:
            raise ConfigError(
                f"the wallet's lease cannot be asked for: {e}",
                id="AGB-156",
                key="redis",
                remedy="start Redis, or mend its address; nothing was started",
            ) from e
        return answer[0].decode(), answer[1].decode("utf-8", "replace"), int(answer[2])

    def renew(self, redis: Redis) -> Any:
        """Put the renewal into a pipeline; `lost` reads its answer."""
        return redis.eval(_RENEW, 2, *self._keys, int(TTL_S * 1000), self.token, self._who)

    def lost(self, answer: Any) -> str:
        """Return why the wallet is not ours any more, empty when it was renewed."""
        said, counter, holder = (part.decode("utf-8", "replace") for part in answer)
        if said == "ours":
            return ""
        if counter.isdigit() and int(counter) > self.token:
            who = holder.partition(" ")[2] or "somebody who let go of it"
            return f"the wallet was taken with token {counter}, ours is {self.token}: held by {who}"
        return f"Redis no longer knows our lease: its counter is {counter or 'gone'}, ours is {self.token}"

    def release(self) -> None:
        """Let the next one in at once. Raises Unreadable."""
        self._link.ask(lambda redis: redis.eval(_RELEASE, 2, *self._keys, self.token, self._who))


_TAKE: Final = """
local held = redis.call('GET', KEYS[1])
if held then return {'held', held, redis.call('PTTL', KEYS[1])} end
local counter = redis.call('GET', KEYS[2]) or '0'
if not string.match(counter, '^%d+$') then return {'torn', counter, 0} end
local token = string.format('%d', math.max(tonumber(counter), tonumber(ARGV[2])) + 1)
redis.call('SET', KEYS[2], token)
redis.call('SET', KEYS[1], token .. ' ' .. ARGV[3], 'PX', ARGV[1])
return {'ours', token, 0}
"""

_RENEW: Final = """
local counter = redis.call('GET', KEYS[2]) or ''
local held = redis.call('GET', KEYS[1])
local ours = ARGV[2] .. ' ' .. ARGV[3]
if counter ~= ARGV[2] or (held and held ~= ours) then return {'taken', counter, held or ''} end
redis.call('SET', KEYS[1], ours, 'PX', ARGV[1])
return {'ours', counter, ours}
"""

_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] .. ' ' .. ARGV[2] then redis.call('DEL', KEYS[1]) end
return 1
"""
