"""One simulated world: a venue, a crowd, a bot that is killed and started again, and everything that goes wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from hashlib import blake2b
from typing import Final

from agbot.core.step import Step
from agbot.exchange.api import Ask
from agbot.exchange.core.model import Fact
from agbot.latch import NEVER_SET, LatchState
from agbot.model.events import Event
from agbot.secrets import Secret
from agbot.simulate.audit import Auditor
from agbot.simulate.bot import SimBot
from agbot.simulate.crowd import CALMLY, EVERY_S
from agbot.simulate.disk import Disk
from agbot.simulate.schedule import OWN, TROUBLE_S, Trouble
from agbot.simulate.setting import ANYTHING, Setting
from agbot.simulate.venue import SimVenue
from agbot.simulate.virtual import Heap
from agbot.simulate.wire import Weather
from agbot.store.codec import encode_batch, encode_output
from agbot.units import NS_PER_S
from agbot.venue.polymarket.compose import Terms
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderSigner
from agbot.venue.polymarket.wallets import Account
from agbot.venue.polymarket.wire.public import decode_clob_market
from agbot.web.http import Response

START_NS: Final = 1_790_000_000 * NS_PER_S
BACK_S: Final = 2.0
"""From the end of one life to the start of the next."""
CALM_S: Final = 25.0
"""Trading goes on for so long after the last trouble."""
QUIET_S: Final = 240.0
"""Then the bot halts: so long until every question must have its answer."""
SECONDS: Final = TROUBLE_S + CALM_S + QUIET_S


def _terms(venue: SimVenue, condition: str) -> Terms:
    said, _ = venue.answer(Ask(method="GET", path=f"/clob-markets/{condition}"))
    assert isinstance(said, Response)
    return Terms.of(decode_clob_market(said.body))


class World:
    """See the module.

    Args:
        seed: decides everything but the troubles.
        troubles: what goes wrong, and when.
        every_s: seconds between two acts of the crowd, on average.
        setting: its markets and the strategy of its bot.

    Attributes:
        clock_off_ns: how much the bot's clock is off.
        lives: of the bot, the last one last.
        begun: lives so far.
        observed: events that reached the core.
    """

    def __init__(
        self, seed: int, troubles: Sequence[Trouble], every_s: float = EVERY_S, *, setting: Setting = ANYTHING
    ) -> None:
        self.seed = seed
        self.setting = setting
        self.dice = random.Random(f"world {seed}")  # noqa: S311 - a simulation
        self.heap = Heap(START_NS)
        self.weather = Weather(self.dice)
        self.venue = SimVenue(self.heap, seed, setting.listings(seed))
        self.disk = Disk(self.heap)
        key = SigningKey.parse(Secret(self.venue.key))
        self.signer = OrderSigner(key, Account.of_owner(key.address), POLYGON)
        self.terms = {x.market.id: _terms(self.venue, x.market.id) for x in self.venue.listings}
        self.clock_off_ns = 0
        self.lives: list[SimBot] = []
        self.begun = 0
        self.observed = 0
        self.over = False
        self.auditor = Auditor(self)
        self.venue.core.listeners.append(self._hear)
        dice = random.Random(f"crowd {seed}")  # noqa: S311 - likewise
        self._crowd = setting.crowd(self.venue, dice, every_s, setting.middle)
        self._digest = blake2b(digest_size=16)
        self._troubles = troubles

    @property
    def wallet(self) -> str:
        """Return the bot's wallet."""
        return str(self.venue.row["wallet"])

    @property
    def bot(self) -> SimBot:
        """Return the life of now, or the last one."""
        return self.lives[-1]

    @property
    def digest(self) -> str:
        """Return a digest of everything the core was told and asked for, by all lives."""
        return self._digest.hexdigest()

    def run(self) -> list[str]:
        """Live through it; return what the auditor found wrong, in words."""
        self._start()
        self._suffer(self._troubles)
        return self._finish()

    def _suffer(self, troubles: Sequence[Trouble]) -> None:
        """Let troubles strike, the first seconds from now; then all is well, and the bot must be as well."""
        began_ns, self._crowd.slower = self.heap.now_ns, 1.0
        for trouble in troubles:
            self.heap.at(began_ns + int(trouble.at_s * NS_PER_S), partial(self._begin, trouble))
            self.heap.at(began_ns + int((trouble.at_s + trouble.for_s) * NS_PER_S), partial(self._end, trouble))
        self._run_for(TROUBLE_S)
        self._all_is_well()
        self._run_for(CALM_S / 2)
        self.auditor.checkpoint(trades=False)
        self._run_for(CALM_S / 2)
        self.auditor.checkpoint()

    def _finish(self) -> list[str]:
        """Let the bot halt and answer every question; return what the auditor found wrong."""
        self.over = True
        self._crowd.rest()
        if not self.bot.life.dead:
            self.bot.rest()
        self._run_for(QUIET_S)
        found = self.auditor.verdict()
        self.bot.kill()
        return found

    def observe(self, bot: SimBot, batch: list[Event], step: Step) -> None:
        """Take note of what a core was told and what it asked for."""
        self.observed += len(batch)
        self._digest.update(b"%d %d" % (bot.number, step.now_ns))
        self._digest.update(encode_batch(batch))
        self._digest.update(encode_output(step.output))
        for failed in step.failed:
            self.auditor.blame(f"strategy {failed.strategy} failed: {failed.details}")

    def _run_for(self, seconds: float) -> None:
        self.heap.run_until(self.heap.now_ns + int(seconds * NS_PER_S))

    def _hear(self, fact: Fact) -> None:
        self.auditor.hear(fact)
        if self.lives:
            self.bot.hear(fact)

    # -- the bot's lives -------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.lives.append(SimBot(self, self.begun))
        self.begun += 1
        self._watch(self.bot)

    def _watch(self, bot: SimBot) -> None:
        """Start the next life some time after one has ended."""
        if bot is not self.bot:
            return
        if bot.life.dead and not self.over:
            if bot.life.failed is not None:
                self.auditor.blame(f"life {bot.number} broke: {bot.life.failed!r}")
            self.heap.after(BACK_S, self._start)
        else:
            self.heap.after(0.5, partial(self._watch, bot))

    def crash(self) -> None:
        """Kill the bot."""
        self.bot.kill()

    # -- troubles --------------------------------------------------------------------------------------------------

    def _begin(self, trouble: Trouble) -> None:
        if trouble.name in OWN:
            self._own(trouble, on=True)
        else:
            for_s = {"for_s": trouble.for_s} if trouble.for_s else {}
            self.venue.plan.switch(trouble.name, True, probability=trouble.probability, **for_s, **dict(trouble.params))

    def _end(self, trouble: Trouble) -> None:
        if trouble.name in OWN:
            self._own(trouble, on=False)

    def _own(self, trouble: Trouble, *, on: bool) -> None:
        match trouble.name:
            case "crash":
                if on:
                    self.crash()
            case "crash_at_commit":
                self.disk.crash_at_commit = self.crash if on else None
            case "disk_full":
                self.disk.full = on
            case "network_down":
                self.weather.unreachable = trouble.probability if on else 0.0
            case "network_slow":
                self.weather.slow = dict(trouble.params)["times"] if on else 1.0
            case "feed_lost":
                self.bot.feed(not on)
            case "clock_off":
                self.clock_off_ns = int(dict(trouble.params)["by_s"] * NS_PER_S) if on else 0
            case "kill_switch":
                self._switch(on)
                if on and dict(trouble.params).get("crash"):
                    self.heap.after(0.5, self.crash)
            case "stop":
                if on:
                    self.bot.ask_to_stop()

    def _switch(self, on: bool) -> None:
        now_ns = self.heap.now_ns
        self.disk.latch = LatchState(on=on, reason="a test", by="operator", at_ns=now_ns)
        self.auditor.switched(on)
        self.bot.switch(on)

    def _all_is_well(self) -> None:
        self._crowd.slower = CALMLY
        self.venue.plan.clear()
        self.weather.slow, self.weather.unreachable = 1.0, 0.0
        self.disk.full, self.disk.crash_at_commit = False, None
        self.clock_off_ns = 0
        if self.disk.latch.on:
            self._switch(False)
        self.disk.latch = NEVER_SET
        self.bot.feed(True)
