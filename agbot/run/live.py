"""What the venue says an account is: read before anything is traded with real money, never assumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from agbot.core.portfolio import CarriedPosition
from agbot.errors import ConfigError
from agbot.model.ids import StrategyId
from agbot.model.market import Market, Outcome
from agbot.run.venues import Account
from agbot.units import SCALE, notional
from agbot.venue.polymarket.wire.account import AccountPosition
from agbot.venue.polymarket.wire.rest import BalanceAllowance, OpenOrder

UNATTRIBUTED: Final = StrategyId("wallet")
"""Whose a position is that no journal explains."""
NAMED: Final = 3


class AccountReads(Protocol):
    """The part of the CLOB client that a start asks."""

    async def open_orders(self) -> Sequence[OpenOrder]:
        """Return every resting order of the key."""
        ...

    async def balance(self) -> BalanceAllowance:
        """Return the collateral that is held."""
        ...


class PositionReads(Protocol):
    """The part of the Data API that a start asks."""

    async def positions(self, user: str) -> Sequence[AccountPosition]:
        """Return every holding of a wallet."""
        ...


async def read_account(
    clob: AccountReads,
    positions: PositionReads,
    wallet: str,
    markets: Sequence[Market],
    known: Sequence[CarriedPosition] = (),
) -> Account:
    """Return cash and positions as the venue shows them.

    Args:
        known: what the last run left, by strategy; it says whose a position is where the sizes agree.

    Raises:
        ConfigError: AGB-144, orders rest that this run did not place.
        ExecutionError: a read failed; nothing is assumed in its place.
    """
    if resting := await clob.open_orders():
        raise _not_ours(resting)
    cash = (await clob.balance()).balance
    held = await positions.positions(wallet)
    return Account(cash=cash, positions=tuple(_positions(held, markets, known)))


def _positions(
    held: Iterable[AccountPosition], markets: Sequence[Market], known: Sequence[CarriedPosition]
) -> Iterator[CarriedPosition]:
    places = {token: (m.id, outcome) for m in markets for token, outcome in _tokens(m)}
    for position in held:
        place = places.get(position.token)
        if place is None or position.size <= 0:
            continue
        market, outcome = place
        explained = [k for k in known if (k.market, k.outcome) == place]
        if explained and sum(k.size for k in explained) == position.size:
            yield from explained
        else:
            cost = position.cost or notional(min(position.avg_price, SCALE), position.size)
            yield CarriedPosition(market, outcome, position.size, cost, UNATTRIBUTED)


def _tokens(market: Market) -> tuple[tuple[str, Outcome], tuple[str, Outcome]]:
    return (market.yes, Outcome.YES), (market.no, Outcome.NO)


def _not_ours(resting: Sequence[OpenOrder]) -> ConfigError:
    named = ", ".join(order.id for order in resting[:NAMED])
    more = f" and {len(resting) - NAMED} more" if len(resting) > NAMED else ""
    return ConfigError(
        f"{len(resting)} orders of this account rest already: {named}{more}",
        id="AGB-144",
        remedy="agbot cancel --all takes them off; or let them end, then start again",
    )
