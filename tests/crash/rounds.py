"""kill -9 of a live `agbot run` trading on `agbot exchange`, again and again; each start is held against its ledger.

The exchange is a process of its own and stays up, with traders of its own. What is compared is independent of agbot's
own account of itself: money, shares and resting orders by the exchange's ledger, trades by the exchange's list of them,
and orders by the journals' intents, whose ids at the venue are computed here from the key.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import trio

from agbot import control
from agbot.config import load_settings
from agbot.control import socket_path
from agbot.errors import AgbotError
from agbot.exchange.admin.socket import ask
from agbot.run.explain import Known, Names
from agbot.run.modes import connected
from agbot.store.carry import pasts
from agbot.units import to_text, to_units, usd_text
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.credentials import load_credentials
from agbot.venue.polymarket.orders import OrderSigner
from agbot.venue.polymarket.signer import LocalSigner
from agbot.venue.polymarket.wire.rest import Trade

CHURN: Final = Path(__file__).with_name("churn.py")
PATIENCE_S: Final = 45.0
POLL_S: Final = 0.03
MARKETS: Final = 6
WAYS: Final = {"trading": 6, "start": 2, "shutdown": 2}
"""How a round ends, by weight."""
RESTS_S: Final = 1.2
"""A start rests for a second and a half, so that it can be looked at; when that was done, this is left of it."""
TRADES_S: Final = 1.5
STARTS_S: Final = 3.0
STOPS_S: Final = 0.25
CONFIG: Final = """\
mode: paper
profile: real
live: {{max_order_usd: 100, max_day_usd: 1000000}}
reconcile: {{quiet_sec: 2, every_sec: 1}}
risk: {{policy_file: {policies}}}
strategies: [{{name: '{churn}:Churn'}}]
markets: {markets}
polymarket:
{hosts}rtds: {{endpoint: {rtds}}}
"""


@attrs.define
class Figures:
    """What came of the rounds."""

    rounds: int = 0
    ended: Counter[str] = attrs.field(factory=Counter)
    cancelled: int = 0
    closed: int = 0
    folded: int = 0
    placed: int = 0
    trades: int = 0
    started_s: list[float] = attrs.field(factory=list)

    def __str__(self) -> str:
        ways = ", ".join(f"{count} while {way}" for way, count in sorted(self.ended.items()))
        mean = sum(self.started_s) / max(1, len(self.started_s))
        return (
            f"{self.rounds} kills ({ways}): {self.placed} orders journaled, {self.trades} trades at the exchange; "
            f"starts took off {self.cancelled} orders, closed {self.closed} phantoms, folded in {self.folded} fills; "
            f"{mean:.1f} s from the command to a reconciled bot on average; 0 differences, 0 duplicates, 0 orphans"
        )


def wait_for(look: Callable[[], Any], what: str, alive: subprocess.Popen[bytes] | None = None) -> Any:
    """Poll until it is so: the outside world has no mock clock."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        if alive is not None:
            try:
                code = alive.wait(POLL_S)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"it ended with exit {code} instead of: {what}")
        time.sleep(POLL_S)
    return found


class World:
    """A home directory, an exchange that stays up, and bots that do not."""

    def __init__(self, home: Path, dice: random.Random) -> None:
        self.home = home
        self.dice = dice
        self.figures = Figures()
        self.ready: Mapping[str, Any] = {}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "POLYMARKET_"))}
        self.environ = {**kept, "HOME": str(home), "XDG_STATE_HOME": str(home / "s")}
        self.state = home / "s" / "agbot" / "real"

    @contextmanager
    def exchange(self) -> Iterator[None]:
        """Run the exchange, and point the configuration to it."""
        options = ("--json", "--port", "0", "--seed", "7", "--no-limits", "--population", "lively", "--grant", "50000")
        options += ("--settle", "0.2", "--confirm", "0.2", "--admin", str(self.home / "x"))
        told = (self.home / "exchange.err").open("wb")
        process = subprocess.Popen(
            self.agbot("exchange", *options), stdout=subprocess.PIPE, stderr=told, env=self.environ
        )
        try:
            assert process.stdout is not None
            self.ready = json.loads(process.stdout.readline())
            self._configure()
            yield
        finally:
            process.terminate()
            process.wait(10)
            told.close()
            process.stdout.close()

    def _configure(self) -> None:
        urls, key = self.ready["urls"], self.ready["keys"][0]
        names = ("clob", "market_socket", "user_socket", "realtime", "gamma", "data", "geoblock")
        policies = self.home / "policies.yaml"
        policies.write_text("policies: [{type: PositionLimit, market_id: null, max_size: 100000}]\n")
        text = CONFIG.format(
            policies=policies,
            churn=CHURN,
            markets=json.dumps([market["slug"] for market in self.ready["markets"]][:MARKETS]),
            hosts="".join(f"  {name}: {urls[name]}\n" for name in names),
            rtds=urls["rtds"],
        )
        (self.home / "c.yaml").write_text(text)
        self.environ |= {
            "POLYMARKET_PRIVATE_KEY": key["private_key"],
            "POLYMARKET_API_KEY": key["apiKey"],
            "POLYMARKET_SECRET": key["secret"],
            "POLYMARKET_PASSPHRASE": key["passphrase"],
        }

    @property
    def wallet(self) -> str:
        return str(self.ready["keys"][0]["wallet"])

    def agbot(self, *argv: str) -> list[str]:
        return [sys.executable, "-m", "agbot", *argv]

    def start(self) -> subprocess.Popen[bytes]:
        """Start the bot as a person does, and nothing more."""
        # Each crash costs a twentieth of the day's cap, on purpose; hundreds in one day are for a test alone.
        for spent in self.home.glob("s/agbot/wallet-*/traded-today.json"):
            spent.unlink()
        with (self.home / "bot.err").open("wb") as told:
            command = self.agbot("run", str(self.home / "c.yaml"), "--mode", "live", "--no-web", "--json")
            return subprocess.Popen(
                [*command, "--confirm", self.wallet], stdout=subprocess.DEVNULL, stderr=told, env=self.environ
            )

    def status(self) -> dict[str, Any] | None:
        try:
            return control.request(socket_path(self.state), {"op": "status"})
        except AgbotError:
            return None

    def ledger(self) -> dict[str, Any]:
        found = ask(self.home / "x", "ledger")["ledger"]
        held = found["wallets"].get(self.wallet, {"usd": "50000", "shares": {}, "usd_unsettled": "0"})
        return {
            "faults": found["faults"],
            "usd": to_units(held["usd"]),
            "shares": sorted(to_units(size) for size in held["shares"].values() if to_units(size)),
            "orders": [order["id"] for order in found["orders"] if order["wallet"] == self.wallet],
        }


def one_round(world: World) -> None:
    """Start, compare, trade, and kill at some moment."""
    way = world.dice.choices(list(WAYS), list(WAYS.values()))[0]
    began = time.monotonic()
    bot = world.start()
    try:
        if way == "start":
            _wait(bot, world.dice.uniform(0, STARTS_S))
        else:
            compare(world, bot, began)
            _wait(bot, RESTS_S + world.dice.uniform(0, TRADES_S))
        if way == "shutdown":
            bot.send_signal(signal.SIGTERM)
            _wait(bot, world.dice.uniform(0, STOPS_S))
    finally:
        bot.kill()
        bot.wait(10)
    world.figures.rounds += 1
    world.figures.ended[way] += 1


def _wait(bot: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        bot.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def compare(world: World, bot: subprocess.Popen[bytes], began: float) -> None:
    """Hold a bot that has just started, and does not trade yet, against the exchange's ledger."""
    try:
        status = wait_for(world.status, "a bot that answers", bot)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{(world.home / 'bot.err').read_text()[-3000:]}") from None
    truth, figures, found = world.ledger(), world.figures, status["reconcile"]["start"]
    figures.started_s.append(time.monotonic() - began)
    assert truth["faults"] == []
    assert found["corrections"] == [], f"the journal and its fills do not explain the account: {found}"
    assert found["foreign"] == []
    assert truth["orders"] == [], "an order rests that the start did not take off"
    assert status["open_orders"] == []
    ours = sorted(to_units(position["size"]) for position in status["positions"])
    assert ours == truth["shares"], f"agbot {ours}, the exchange {truth['shares']}"
    assert status["cash_usd"] == usd_text(truth["usd"]), (
        f"agbot {status['cash_usd']}, the exchange {usd_text(truth['usd'])}"
    )
    figures.cancelled += len(found["cancelled"])
    figures.closed += len(found["closed"])
    figures.folded += found["fills"]


def rounds(home: Path, count: int, dice: random.Random, told: Callable[[str], None] = lambda _: None) -> Figures:
    """Kill so many times, start once more, and hold every order and trade there was against the journals."""
    world = World(home, dice)
    with world.exchange():
        for number in range(count):
            one_round(world)
            told(f"{number + 1}/{count} {world.figures.ended}")
        bot = world.start()
        try:
            compare(world, bot, time.monotonic())
            bot.send_signal(signal.SIGTERM)
            assert bot.wait(20) == 0, (world.home / "bot.err").read_text()
        finally:
            bot.kill()
            bot.wait(10)
        world.figures.placed, world.figures.trades = check_orders(world)
    return world.figures


def check_orders(world: World) -> tuple[int, int]:
    """Return how many orders were journaled and how many trades there were, none of them without an intent."""
    return trio.run(_check, world)


async def _check(world: World) -> tuple[int, int]:
    credentials = load_credentials(world.environ)
    assert credentials.key is not None
    assert credentials.account is not None
    signer = LocalSigner(OrderSigner(credentials.key, credentials.account, POLYGON))
    async with connected(load_settings(world.home / "c.yaml"), credentials) as access:
        names = Names(access.clob, signer)
        known: dict[str, Known] = {}
        placed = 0
        for past in pasts(world.state / "runs", "LIVE"):
            placed += len(past.sent())
            for order_id, found in (await names.known(past.sent())).items():
                assert order_id not in known, f"{order_id} is two orders of the journals"
                known[order_id] = found
        filled: Counter[str] = Counter()
        trades = await access.clob.trades()
        for trade in trades:
            owns = [(i, s) for i, s in _legs(trade, credentials.account.maker) if i]
            assert owns
            for order_id, size in owns:
                assert order_id in known, f"the exchange traded {order_id}, which no journal knows"
                filled[order_id] += size
        for order_id, size in filled.items():
            own = known[order_id].own
            assert own.budget or size <= max(own.shares, own.asked) or own.order.time_in_force.immediate, (
                f"{order_id} of {to_text(own.shares)} traded {to_text(size)}"
            )
    return placed, len(trades)


def _legs(trade: Trade, wallet: str) -> Iterator[tuple[str, int]]:
    """Yield id and shares of what is ours in a trade."""
    if trade.trader_side == "TAKER":
        yield trade.taker_order_id, trade.size
    for maker in trade.maker_orders:
        if maker.maker_address.lower() == wallet.lower():
            yield maker.order_id, maker.matched


def main() -> None:
    """Run as many rounds as are asked for, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(2**32)))
    parser.add_argument("--home", type=Path, required=True)
    said = parser.parse_args()
    print(f"seed {said.seed}", flush=True)
    print(rounds(said.home, said.rounds, random.Random(said.seed), lambda line: print(line, flush=True)))


if __name__ == "__main__":
    main()
