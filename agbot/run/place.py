"""Where a bot trades, kept in its state directory: once it is gone, who asks after its account asks there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import msgspec

from agbot.errors import ConfigError
from agbot.latch import replace_file
from agbot.settings import LiveSettings, Mode, PolymarketSettings, Settings
from agbot.venue.polymarket.hosts import Hosts

FILE_NAME: Final = "venue.json"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the last run of a state directory traded (with real orders, if any had), its mode, its signer's socket."""

    mode: Mode
    chain: str
    hosts: Hosts
    signer: str = ""

    def settings(self) -> Settings:
        """Return settings that lead there, and to nothing else of that run."""
        live = LiveSettings(signer=Path(self.signer) if self.signer else None)
        return Settings(mode=self.mode, polymarket=PolymarketSettings(hosts=self.hosts, chain=self.chain), live=live)


def keep(directory: Path, settings: Settings, mode: Mode | None = None) -> None:
    """Keep where these settings trade. ConfigError AGB-122: it cannot be written.

    Where real orders were sent stays until others are: some may rest there yet.
    """
    place, signer, mode = settings.polymarket, settings.live.signer, mode or settings.mode
    if mode is not Mode.LIVE and _real(directory):
        return
    told = Place(
        mode=mode,
        chain=place.chain,
        hosts=place.hosts,
        signer=str(signer.expanduser().absolute()) if signer else "",
    )
    try:
        replace_file(directory / FILE_NAME, msgspec.json.encode(told) + b"\n")
    except OSError as e:
        raise ConfigError(
            f"cannot write there: {e.strerror}", id="AGB-122", path=directory, remedy="choose another with --state-dir"
        ) from e


def kept(directory: Path) -> Place | None:
    """Return where the last run of a state directory traded, None when nothing there says so.

    Raises:
        ConfigError: AGB-518, what is there cannot be read.
    """
    path = directory / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Place)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as e:
        raise ConfigError(
            f"where its bot traded cannot be read ({e})", id="AGB-518", path=path, remedy="name it: --config FILE"
        ) from e


def _real(directory: Path) -> bool:
    try:
        place = kept(directory)
    except ConfigError:
        return False
    return place is not None and place.mode is Mode.LIVE


def venue_name(settings: Settings) -> str:
    """Return how people are told of the venue that these settings lead to."""
    hosts = settings.polymarket.hosts
    return "Polymarket" if hosts == Hosts() else hosts.clob


def of_bot(directory: Path) -> Settings:
    """Return settings that lead to where the last run of a state directory traded.

    Raises:
        ConfigError: AGB-518, nothing says where, or only the bot itself had that venue.
    """
    place = kept(directory)
    if place is None:
        raise ConfigError(
            f"nothing in {directory} says at which venue its bot trades",
            id="AGB-518",
            remedy="name its configuration: --config FILE; your own account at Polymarket: without --profile",
        )
    if place.mode is Mode.DEMO:
        raise ConfigError(
            f"the last run in {directory} was a demo: its exchange ended with it, and so did its orders",
            id="AGB-518",
            remedy="start it again: agbot run; your own account at Polymarket: without --profile",
        )
    return attrs.evolve(place.settings(), state_dir=directory)
