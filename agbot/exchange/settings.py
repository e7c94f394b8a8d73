"""How an exchange is asked for: what `agbot exchange` has options for, and what a test writes down."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs

from agbot.exchange.core.terms import Terms
from agbot.exchange.markets.replayed import AtEnd
from agbot.units import NS_PER_S

PORT: Final = 8765
KEYS: Final = 4


@attrs.frozen(kw_only=True)
class BoxSettings:
    """One exchange.

    Args:
        host: where it listens; beyond loopback only when a person says so.
        port: of everything; 0 takes a free one.
        split_ports: also serve Gamma, the Data API, RTDS and realtime on the four ports behind `port`.
        seed: decides markets, keys, ids and the population.
        markets: how many invented markets it opens with; 0 with a file or a recording.
        markets_files: markets to list, instead of invented ones or beside them.
        recording: a recorded order book, replayed as the background of its market.
        recording_market: which of its markets, when it has several.
        recording_start_s: how far into it to begin.
        recording_end: what comes after it.
        rolling_s: lists a market of the population's that lives so long, and its successors; 0 is none.
        population: who trades of their own accord, by name; empty is nobody.
        speed: exchange seconds in one second of the wall.
        limits: whether requests are limited as the venue does.
        tier: of every signer until told otherwise.
        keys: how many funded test keys the ready line tells.
        heartbeat_ns: after this long without a beat a key's orders are cancelled.
        faults_file: which faults are on, and when.
        state: a file to go on with if it is there, and where state is saved every `save_every_s` and at the end;
            orders of then are cancelled, as after a restart of the venue.
        admin: path of the admin socket.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    split_ports: bool = False
    seed: int = 0
    markets: int = 8
    markets_files: tuple[Path, ...] = ()
    recording: Path | None = None
    recording_market: str = ""
    recording_start_s: float = 0.0
    recording_end: AtEnd = AtEnd.HOLD
    rolling_s: float = 0.0
    population: str = "calm"
    speed: float = 1.0
    limits: bool = True
    tier: str = "Standard"
    keys: int = KEYS
    heartbeat_ns: int = 10 * NS_PER_S
    faults_file: Path | None = None
    state: Path | None = None
    save_every_s: float = 30.0
    admin: Path | None = None
    terms: Terms = attrs.field(factory=Terms)
