"""What the venue says: its clock, whether it lets us trade, whether key, wallet and permissions are right."""

from __future__ import annotations

from typing import Final, Protocol

import attrs

from agbot.doctor.report import Check, Finding, fail, ok, skip, warn
from agbot.doctor.run import KEY
from agbot.doctor.wallet import KIND, Wallet, without
from agbot.errors import VenueAuthFailed, VenueForbidden
from agbot.model.market import Market
from agbot.units import to_text, usd_text
from agbot.venue.polymarket.account import AccountClient
from agbot.venue.polymarket.contracts import Chain
from agbot.venue.polymarket.credentials import API, FUNDER, SIGNATURE_TYPE
from agbot.venue.polymarket.rest import ClobClient
from agbot.venue.polymarket.wallets import SignatureType
from agbot.venue.polymarket.wire.rest import BalanceAllowance

SKEW_GOOD_S: Final = 2.0
SKEW_MAX_S: Final = 8.0
"""Trades are looked for from 10 s before our order was sent (`agbot.venue.polymarket.own`)."""
SPENDERS: Final = ("exchange_v2", "neg_risk_exchange_v2")
"""Contracts without whose permission every order is refused."""
UNLIMITED: Final = 2**128
_SET_CLOCK: Final = "timedatectl set-ntp true (or: chronyc makestep)"


class Venue(Wallet, Protocol):
    """What these checks ask."""

    @property
    def clob(self) -> ClobClient: ...

    @property
    def data(self) -> AccountClient: ...

    def as_type(self, kind: SignatureType) -> ClobClient:
        """Return the same client that asks as another kind of wallet."""
        ...

    async def skew_s(self) -> float:
        """Return how far the venue's clock is ahead of ours, seconds; asked once."""
        ...

    async def known_market(self) -> Market | None:
        """Return a market to look at: the first configured one that is found, else the busiest; None without any."""
        ...


async def clock(world: Venue) -> Finding:
    """D10: this machine's clock against the venue's; a request signed at the wrong time is refused."""
    skew = await world.skew_s()
    said = f"this clock is {abs(skew):.1f} s {'behind' if skew > 0 else 'ahead of'} the venue's"
    if abs(skew) > SKEW_MAX_S:
        return fail(f"{said}: trades would be dated before our orders, signed requests refused", _SET_CLOCK)
    if abs(skew) > SKEW_GOOD_S:
        return warn(said, _SET_CLOCK)
    return ok("this clock agrees with the venue's")


async def region(world: Venue) -> Finding:
    """D11: whether the venue lets this machine's address trade."""
    place = await world.clob.geoblock()
    said = f"{place.country} {place.region}".strip()
    if place.blocked:
        return fail(
            f"the venue takes no orders from here ({said})", "trade from where you are allowed to; paper trading works"
        )
    return ok(f"orders are taken from here ({said})")


async def version(world: Venue) -> Finding:
    """D12: which version of orders the venue takes."""
    told = await world.clob.version()
    if told == 2:
        return ok("the venue takes orders of version 2")
    if told == 3:
        return warn(
            "the venue's default is version 3", "agbot signs by each market's version; update agbot all the same"
        )
    return fail(
        f"the venue takes orders of version {told}, this agbot signs 2 and 3", "update agbot; trade nothing before"
    )


async def api_key(world: Venue) -> Finding:
    """D13: the venue knows the API key; a refusal is told apart from a wrong clock."""
    api, account = world.credentials.api, world.credentials.account
    if api is None or account is None:
        return without(world, "API key")
    try:
        known = await world.clob.api_keys()
    except VenueForbidden:
        raise
    except VenueAuthFailed as e:
        skew = await world.skew_s()
        if abs(skew) > SKEW_MAX_S:
            finding = fail(f"refused, because this clock is {abs(skew):.0f} s wrong, see D10", _SET_CLOCK)
            return attrs.evolve(finding, root=KEY)
        said = f"the venue does not know this API key of {account.owner} (or secret or passphrase is wrong): {e.reason}"
        return attrs.evolve(fail(said, world.apikey), root=KEY)
    if api.key not in known:
        return fail(
            f"the API key is none of the {len(known)} keys of {account.owner}", f"set {', '.join(API)} to one of them"
        )
    return ok(f"the venue knows the API key of {account.owner}")


async def closed_only(world: Venue) -> Finding:
    """D14: whether the account may open positions."""
    if world.credentials.api is None or world.credentials.account is None:
        return without(world, "API key")
    if await world.clob.closed_only():
        return fail("the account may only close positions", "ask Polymarket's support; agbot cannot change it")
    return ok("the account may open positions")


async def balance(world: Venue) -> Finding:
    """D15: the money is where the signature type says; another type may have it."""
    account = world.credentials.account
    if account is None or world.credentials.api is None:
        return without(world, "API key")
    own = (await world.clob.balance("COLLATERAL")).balance
    if own:
        return ok(f"{usd_text(own)} pUSD in {account.funder}")
    others = [kind for kind in SignatureType if kind is not account.signature_type]
    held = {kind: (await world.as_type(kind).balance("COLLATERAL")).balance for kind in others}
    rich = next((kind for kind, amount in held.items() if amount), None)
    mine = f"the {KIND[account.signature_type]} (type {account.signature_type:d}) holds no pUSD"
    if rich is not None:
        remedy = f"export {SIGNATURE_TYPE}={rich:d}, and {FUNDER} to that wallet (D08 lists them)"
        return fail(f"{mine}, the {KIND[rich]} (type {rich:d}) holds {usd_text(held[rich])}", remedy)
    return warn(mine, "deposit on polymarket.com; just deposited: agbot allowances --refresh")


async def allowances(world: Venue) -> Finding:
    """D16: the exchanges may take our pUSD (to buy) and move our shares (to sell)."""
    if world.credentials.account is None or world.credentials.api is None:
        return without(world, "API key")
    market = await world.known_market()
    found = {"pUSD": await world.clob.balance("COLLATERAL")}
    if market is not None:
        found["shares"] = await world.clob.balance("CONDITIONAL", market.yes)
    lines = [line for what, told in found.items() for line in allowance_lines(world, what, told)]
    missing = [f"{name} ({what})" for what, told in found.items() for name in missing_spenders(world.chain, told)]
    if missing:
        return fail(f"no permission for {', '.join(missing)}", "agbot allowances shows the calls that give it", *lines)
    return ok("the exchanges may take pUSD and move shares" if market else "the exchanges may take pUSD", *lines)


def allowance_lines(world: Wallet, what: str, told: BalanceAllowance) -> list[str]:
    """Return a line for each spender the venue looks at."""
    return [f"{what:<6}  {amount_text(n):>9}  {a}  {world.chain.name_of(a)}" for a, n in told.allowances.items()]


def amount_text(amount: int) -> str:
    """Return an allowance in words a person can judge."""
    return "unlimited" if amount >= UNLIMITED else "none" if amount == 0 else to_text(amount)


def missing_spenders(chain: Chain, told: BalanceAllowance) -> list[str]:
    """Return the contracts that need a permission and have none."""
    given = {address.lower(): amount for address, amount in told.allowances.items()}
    return [name for name in SPENDERS if not given.get(chain.contract(name).lower())]


async def positions(world: Venue) -> Finding:
    """D19: the Data API answers; live trading starts from the positions it tells."""
    account = world.credentials.account
    if account is None:
        market = await world.known_market()
        if market is None:
            return skip("not checked: no wallet and no market, see D06 and D17")
        await world.data.market_trades(market.id, limit=1)
        return ok("the Data API answers")
    held = await world.data.positions(account.funder)
    return ok(f"{len(held)} position{'' if len(held) == 1 else 's'} of {account.funder}")


CHECKS: Final[tuple[Check[Venue], ...]] = (
    Check("D10", "clock", clock, "clob"),
    Check("D11", "region", region, "geoblock"),
    Check("D12", "order version", version, "clob"),
    Check("D13", "API key", api_key, "clob"),
    Check("D14", "closed-only", closed_only, "clob"),
    Check("D15", "money and signature type", balance, "clob"),
    Check("D16", "allowances", allowances, "clob"),
)
POSITIONS: Final[tuple[Check[Venue], ...]] = (Check("D19", "positions", positions, "data"),)
