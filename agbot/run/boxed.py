"""The demo's venue: `agbot exchange` as a child process, and the bot as one of its traders over real sockets.

The child keeps the demo's money in its state file and saves it when the bot goes, however it goes: its standard input
ends then. Should the child itself be killed, what it traded since its last save is gone with it; no bot goes on from
there, the run ends and says so.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec
import trio

from agbot.control import socket_path
from agbot.errors import AgbotError, ConfigError, ExchangeEnded
from agbot.exchange.admin.socket import DEMO_NAME
from agbot.log import get_logger
from agbot.model.market import Market
from agbot.run.children import own_command
from agbot.run.modes import connected, feed_of, linked, reconciled, watched, wire_log_of
from agbot.run.plans import Start, trade
from agbot.run.session import now_ns
from agbot.run.venues import VenueLink
from agbot.settings import Settings
from agbot.units import usd_text
from agbot.venue.polymarket.access import Access
from agbot.venue.polymarket.adapter import PolymarketVenue
from agbot.venue.polymarket.auth import API_KEY, API_PASSPHRASE, API_SECRET
from agbot.venue.polymarket.catalogue import find_markets
from agbot.venue.polymarket.credentials import PRIVATE_KEY, Credentials, load_credentials
from agbot.venue.polymarket.hosts import Hosts
from agbot.venue.polymarket.orders import OrderSigner
from agbot.venue.polymarket.signer import LocalSigner, chain_named

DEMO: Final = "DEMO"
STATE_NAME: Final = "exchange.json"
LOG_NAME: Final = "exchange.log"
START_S: Final = 30.0
LEAVE_S: Final = 5.0
"""How long the child has to save its state once its standard input has ended."""
LINE_MAX: Final = 1024 * 1024

log = get_logger(__name__)


@attrs.frozen(kw_only=True)
class Place:
    """A running exchange and the account that is ours there."""

    hosts: Hosts
    credentials: Credentials
    markets: tuple[str, ...]
    admin: str

    @classmethod
    def of(cls, ready: Mapping[str, Any]) -> Place:
        """Return the place a ready line tells of; its first key is ours."""
        urls, key = ready["urls"], ready["keys"][0]
        hosts = Hosts(
            clob=urls["clob"],
            market_socket=urls["market_socket"],
            user_socket=urls["user_socket"],
            rtds=urls["rtds"],
            realtime=urls["realtime"],
            gamma=urls["gamma"],
            data=urls["data"],
            geoblock=urls["geoblock"],
        )
        found = {
            PRIVATE_KEY: key["private_key"],
            API_KEY: key["apiKey"],
            API_SECRET: key["secret"],
            API_PASSPHRASE: key["passphrase"],
        }
        return cls(
            hosts=hosts,
            credentials=load_credentials(found),
            markets=tuple(market["slug"] for market in ready["markets"]),
            admin=ready["admin"],
        )


async def trade_boxed(start: Start) -> dict[str, Any]:
    """Run the demo: an exchange of our own, its traders, and the bot among them; returns the closing summary."""
    async with exchange_child(start.settings, start.state_dir) as place:
        settings = _at(start.settings, place)
        start = attrs.evolve(start, settings=settings)
        async with connected(settings, place.credentials, wire_log_of(start)) as access:
            markets = await find_markets(access.gamma, access.clob, settings.markets or place.markets)
            return await trade(await _plan(start, place, access, markets))


async def _plan(start: Start, place: Place, access: Access, markets: list[Market]) -> Any:
    wallet = place.credentials.account
    assert wallet is not None, "the key came with the ready line"
    assert place.credentials.key is not None
    signer = LocalSigner(OrderSigner(place.credentials.key, wallet, chain_named(start.settings.polymarket.chain)))
    # a new exchange: what was on its way to the old one went with it
    hurried = attrs.evolve(start.settings, reconcile=attrs.evolve(start.settings.reconcile, quiet_ns=0))
    account, found = await reconciled(attrs.evolve(start, settings=hurried), DEMO, signer, access, markets)
    link = await _link(signer, access, markets)
    feed = feed_of(start.settings, markets, access)
    more = watched(feed, (), markets)
    return start.plan(
        DEMO, markets, feed, open_venue=lambda *_: link, account=account, reads=access.clob, found=found, **more
    )


async def _link(signer: LocalSigner, access: Access, markets: list[Market]) -> VenueLink:
    venue = PolymarketVenue(access.clob, access.credentials, access.hosts, now_ns, signer=signer)
    await venue.prepare(market.id for market in markets)
    return linked(venue)


def _at(settings: Settings, place: Place) -> Settings:
    return attrs.evolve(settings, polymarket=attrs.evolve(settings.polymarket, hosts=place.hosts))


# ---------------------------------------------------------------- the child


@asynccontextmanager
async def exchange_child(settings: Settings, directory: Path) -> AsyncIterator[Place]:
    """Run an exchange while the body does; it is asked to save and leave at the end.

    Raises:
        ExchangeEnded: it did not start, ended before the body, or did not leave and was killed.
        ConfigError: AGB-872, its own words: what it cannot read, listen on, or save.
    """
    log_file = directory / LOG_NAME
    with log_file.open("ab") as told:
        process = await trio.lowlevel.open_process(
            _command(settings, directory),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=told,
            start_new_session=True,  # Ctrl-C is for the bot, which first takes its orders off
        )
    try:
        place = Place.of(await _ready(process, log_file))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_watch, process, log_file)
            yield place
            nursery.cancel_scope.cancel()
    finally:
        await _leave(process)
    if process.returncode:
        raise _ended(process, log_file, f"it left with exit {process.returncode}, its last state unsaved")


def _command(settings: Settings, directory: Path) -> list[str]:
    state, admin = directory / STATE_NAME, socket_path(directory, DEMO_NAME)
    return own_command(
        "exchange",
        "--json",
        "--while-stdin",
        *("--port", "0"),
        *("--population", "lively"),
        *("--seed", str(settings.seed)),
        *("--grant", usd_text(settings.capital_usd)),
        *("--state", str(state)),
        *("--admin", str(admin)),
    )


async def _ready(process: trio.Process, log_file: Path) -> dict[str, Any]:
    """Return the child's ready line."""
    assert process.stdout is not None
    line = b""
    with trio.move_on_after(START_S):
        while not line.endswith(b"\n") and len(line) < LINE_MAX:
            received = await process.stdout.receive_some()
            if not received:
                await process.wait()  # its exit code says whose fault it is
                break
            line += received
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as e:
        raise _ended(process, log_file, "it did not start") from e


async def _watch(process: trio.Process, log_file: Path) -> None:
    await process.wait()
    raise _ended(process, log_file, f"it ended by itself (exit {process.returncode})")


def _ended(process: trio.Process, log_file: Path, why: str) -> AgbotError:
    if process.returncode == ConfigError.exit_code:
        said, state = _last_line(log_file).removeprefix("agbot: ").partition(" → ")[0], log_file.with_name(STATE_NAME)
        move = shlex.join(["mv", str(state), f"{state}.old"])
        remedy = f"the demo begins anew without its saved state: {move}"
        return ConfigError(f"the demo's exchange: {said}", id="AGB-872", remedy=remedy)
    remedy = f"{log_file} says more; agbot run starts it again with what it saved, agbot run --simulated does without"
    return ExchangeEnded(f"the demo's exchange: {why}", id="AGB-870", remedy=remedy)


def _last_line(log_file: Path) -> str:
    lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


async def _leave(process: trio.Process) -> None:
    with trio.move_on_after(LEAVE_S, shield=True):
        if process.stdin is not None:
            await process.stdin.aclose()
        await process.wait()
    if process.returncode is None:
        log.warning("exchange.killed", waited_s=LEAVE_S)
        process.kill()
        with trio.move_on_after(LEAVE_S, shield=True):
            await process.wait()
