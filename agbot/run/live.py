"""What the venue says an account is: read before anything is traded with real money, never assumed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Protocol

from agbot.core.portfolio import UNATTRIBUTED, CarriedPosition
from agbot.model.market import Market, Outcome
from agbot.model.order import Side
from agbot.run.venues import Account
from agbot.units import SCALE, notional
from agbot.venue.polymarket.rest import COLLATERAL, CONDITIONAL, CONDITIONAL_V2, ClobClient
from agbot.venue.polymarket.wire.account import AccountPosition
from agbot.venue.polymarket.wire.rest import BalanceAllowance, OpenOrder

V3: Final = 3


class AccountReads(Protocol):
    """The part of the CLOB client that a start asks."""

    async def open_orders(self) -> Sequence[OpenOrder]:
        """Return every resting order of the key."""
        ...

    async def balance(self, asset_type: str = COLLATERAL, token: str = "") -> BalanceAllowance:
        """Return what is held of the collateral, or of an outcome token."""
        ...

    async def update_balance(self, asset_type: str = COLLATERAL, token: str = "") -> None:
        """Have the venue read the chain again: it keeps what it read."""
        ...


class PositionReads(Protocol):
    """The part of the Data API that a start asks."""

    async def positions(self, user: str) -> Sequence[AccountPosition]:
        """Return every holding of a wallet."""
        ...


class Reads(Protocol):
    """The part of `Access` that a start needs."""

    @property
    def clob(self) -> ClobClient:
        """Return who is asked about orders, trades and balances."""
        ...

    @property
    def data(self) -> PositionReads:
        """Return who is asked what positions cost."""
        ...


async def read_account(
    clob: AccountReads,
    positions: PositionReads,
    wallet: str,
    markets: Sequence[Market],
    known: Sequence[CarriedPosition] = (),
) -> Account:
    """Return cash and positions as the venue shows them.

    Sizes are the CLOB's, which it checks sales against; what they cost is the Data API's, which is late by minutes.
    What resting buys may still cost is not counted as cash.

    Args:
        known: what the last run left, by strategy; it says whose a position is as far as the sizes agree.

    Raises:
        ExecutionError: a read failed; nothing is assumed in its place.
    """
    resting = await clob.open_orders()
    behind = sum(notional(o.price, o.original_size - o.size_matched) for o in resting if o.side is Side.BUY)
    usd = await clob.balance()
    prices = {p.token: p.avg_price for p in await positions.positions(wallet)} if markets else {}
    held = [p for m in markets for p in [position async for position in _held(clob, m, prices)]]
    return Account(
        cash=max(0, usd.balance - behind),
        positions=tuple(p for position in held for p in _explained(position, known)),
        balance=usd.balance,
        allowances=usd.allowances,
        resting=len(resting),
    )


async def refresh(clob: AccountReads, market: Market | None, outcome: str) -> None:
    """Have the venue read a balance from the chain again, of the usd without a market. Raises what that raises."""
    if market is None:
        await clob.update_balance()
    else:
        kind = CONDITIONAL_V2 if market.exchange_version == V3 else CONDITIONAL
        await clob.update_balance(kind, market.token(Outcome(outcome)))


async def shares_of(clob: AccountReads, market: Market, token: str) -> int:
    """Return the shares of a token that the venue checks sales against (10⁻⁶). Raises what the read raises."""
    kind = CONDITIONAL_V2 if market.exchange_version == V3 else CONDITIONAL
    return (await clob.balance(kind, token)).balance


async def _held(clob: AccountReads, market: Market, prices: Mapping[str, int]) -> AsyncIterator[CarriedPosition]:
    for token, outcome in _tokens(market):
        size = await shares_of(clob, market, token)
        if size > 0:
            cost = notional(prices.get(token, SCALE // 2), size)
            yield CarriedPosition(market.id, outcome, size, cost, UNATTRIBUTED)


def _explained(position: CarriedPosition, known: Sequence[CarriedPosition]) -> Sequence[CarriedPosition]:
    """Return the position by strategy as the last run left it, and what is beyond; when it is less, the wallet's."""
    parts = [k for k in known if (k.market, k.outcome) == (position.market, position.outcome)]
    beyond = position.size - sum(k.size for k in parts)
    if not parts or beyond < 0:
        return [position]
    if not beyond:
        return parts
    cost = position.cost * beyond // position.size
    return [*parts, CarriedPosition(position.market, position.outcome, beyond, cost, UNATTRIBUTED)]


def _tokens(market: Market) -> tuple[tuple[str, Outcome], tuple[str, Outcome]]:
    return (market.yes, Outcome.YES), (market.no, Outcome.NO)
