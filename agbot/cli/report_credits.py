"""agbot report --venue: what the venue says that it credited to a wallet, which no journal knows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from agbot.cli.access import ask
from agbot.errors import ConfigError

if TYPE_CHECKING:
    from agbot.backtest.statement import Credit, Statement
    from agbot.settings import Settings
    from agbot.venue.polymarket.access import Access

KINDS: Final = (
    *("MAKER_REBATE", "TAKER_REBATE", "REWARD", "REFERRAL_REWARD", "YIELD"),
    *("REDEEM", "DEPOSIT", "WITHDRAWAL", "TIP"),
)
"""What moves cash and is no trade. One question each: all of a wallet's activity are its trades, above all."""


def credited(found: Statement, place: Settings, wallet: str | None) -> tuple[tuple[Credit, ...], int]:
    """Return what the venue credited in the statement's period, by kind, and how many of its rows say nothing readable.

    Raises:
        ConfigError: AGB-454, nobody says whose; AGB-110 that is no address. ExecutionError: the venue does not say.
    """
    return ask(place, partial(_read, wallet, found.start_ns, found.end_ns), required=None)


async def _read(wallet: str | None, start_ns: int, end_ns: int, access: Access) -> tuple[tuple[Credit, ...], int]:
    from agbot.backtest.statement import Credit  # noqa: PLC0415
    from agbot.venue.polymarket.keys import parse_address  # noqa: PLC0415

    account = access.credentials.account
    if wallet is None and account is None:
        remedy = "agbot report day --venue --wallet 0x…, or set your keys: agbot doctor"
        raise ConfigError("whose rebates?", id="AGB-454", remedy=remedy)
    address = parse_address(wallet, key="--wallet") if wallet else account.funder if account else ""
    found, unread = [], 0
    for kind in KINDS:
        pages = [page async for page in access.data.activity(address, kind=kind)]
        deeds = [deed for page in pages for deed in page.items if deed.kind == kind and start_ns <= deed.ts_ns < end_ns]
        unread += sum(len(page.faults) for page in pages)
        if deeds:
            found.append(Credit(kind=kind.lower(), times=len(deeds), usd=sum(deed.usd for deed in deeds)))
    return tuple(found), unread
