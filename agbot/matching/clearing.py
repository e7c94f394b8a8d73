"""The exact ledger of an exchange: wallets, the collateral behind each market, fees. Nothing is created or lost.

Usd and shares are integers of 10⁻⁶. Each complete pair of a market has one usd in its `pot`. A trade only promises
(`promise`) when it is matched and moves when it settles (`settle`), or never (`release`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from agbot.model.ids import MarketId, TokenId
from agbot.model.market import Market
from agbot.model.order import Side
from agbot.units import to_text

HOUSE: Final = "house"
"""The recorded background as an account: it may owe usd and shares without end."""
BURN: Final = "burn"
"""Where converted NO shares go; what it owes in usd comes back when its event ends."""
OWING: Final = frozenset({HOUSE, BURN})


class ShortfallError(Exception):
    """A wallet has not what it should give."""


@attrs.define(eq=False)
class Holding:
    """One wallet. `out_*` is promised to trades that have not settled, `kept_*` stands behind resting orders."""

    cash: int = 0
    shares: dict[TokenId, int] = attrs.field(factory=dict)
    out_cash: int = 0
    out_shares: dict[TokenId, int] = attrs.field(factory=dict)
    kept_cash: int = 0
    kept_shares: dict[TokenId, int] = attrs.field(factory=dict)
    stuck_amounts: dict[str, int] = attrs.field(factory=dict)
    """What a faulty venue goes on counting as promised after it settled; "" is usd."""

    def stuck(self, token: TokenId | None) -> int:
        """Return what of it is counted as promised though it has settled."""
        return self.stuck_amounts.get(token or "", 0)

    def of(self, token: TokenId | None) -> int:
        """Return the settled balance of a token, or the usd for None."""
        return self.cash if token is None else self.shares.get(token, 0)

    def out(self, token: TokenId | None) -> int:
        """Return what of it is promised to unsettled trades."""
        return self.out_cash if token is None else self.out_shares.get(token, 0)

    def kept(self, token: TokenId | None) -> int:
        """Return what of it stands behind resting orders."""
        return self.kept_cash if token is None else self.kept_shares.get(token, 0)

    def spendable(self, token: TokenId | None) -> int:
        """Return what a trade may still promise, whatever rests."""
        return self.of(token) - self.out(token)

    def keep(self, token: TokenId | None, change: int) -> None:
        """Hold back more for a resting order, or less."""
        if token is None:
            self.kept_cash += change
        else:
            _add(self.kept_shares, token, change)

    def promise(self, token: TokenId | None, change: int) -> None:
        """Promise more to unsettled trades, or less."""
        if token is None:
            self.out_cash += change
        else:
            _add(self.out_shares, token, change)


@attrs.frozen(kw_only=True)
class Transfer:
    """One wallet's part in a trade: `value` usd against `size` shares, and a fee on top of a buy or out of a sale."""

    wallet: str
    token: TokenId
    side: Side
    size: int
    value: int
    fee: int = 0

    @property
    def gives(self) -> tuple[TokenId | None, int]:
        """Return what it gives: usd (None) or shares, and how much."""
        return (None, self.value + self.fee) if self.side is Side.BUY else (self.token, self.size)


class Ledger:
    """All wallets of an exchange. Every method leaves it conserved or raises before it changed anything."""

    def __init__(self) -> None:
        self.holdings: dict[str, Holding] = {}
        self.pots: dict[MarketId, int] = {}
        self.fees = 0
        """Fees taken and not paid out again."""
        self.deposited = 0
        """Usd that came in from outside, less what left."""
        self._markets: dict[MarketId, Market] = {}
        self._winners: dict[MarketId, TokenId] = {}

    def list_market(self, market: Market) -> None:
        """Open a market, or take its new terms."""
        self._markets[market.id] = market
        self.pots.setdefault(market.id, 0)

    def holding(self, wallet: str) -> Holding:
        """Return a wallet, an empty one when it is new."""
        return self.holdings.get(wallet) or self.holdings.setdefault(wallet, Holding())

    def deposit(self, wallet: str, usd: int) -> None:
        """Bring usd in from outside; out when negative, at most what no trade was promised."""
        holding = self.holding(wallet)
        self._need(wallet, None, -usd)
        holding.cash += usd
        self.deposited += usd

    # ---------------------------------------------------------------- trades

    def promise(self, transfers: Iterable[Transfer]) -> None:
        """Set aside what a matched trade will move."""
        for transfer in transfers:
            token, amount = transfer.gives
            self.holding(transfer.wallet).promise(token, amount)

    def release(self, transfers: Iterable[Transfer]) -> None:
        """Give back what was set aside: the trade failed, nothing moved."""
        for transfer in transfers:
            token, amount = transfer.gives
            self.holding(transfer.wallet).promise(token, -amount)

    def settle(self, market: MarketId, transfers: Sequence[Transfer]) -> None:
        """Move what a trade promised. Pairs that come into being or vanish go into or out of the market's pot.

        Raises:
            ShortfallError: somebody no longer has it; nothing was moved.
        """
        given: Counter[tuple[str, TokenId | None]] = Counter()
        for transfer in transfers:
            token, amount = transfer.gives
            given[transfer.wallet, token] += amount
        for (wallet, token), amount in given.items():
            if wallet not in OWING and self.holding(wallet).of(token) < amount:
                raise ShortfallError(f"{wallet} gives {amount} of {self.holding(wallet).of(token)}")
        self.release(transfers)
        for transfer in transfers:
            holding, sign = self.holding(transfer.wallet), transfer.side.sign
            holding.cash -= sign * transfer.value + transfer.fee
            _add(holding.shares, transfer.token, sign * transfer.size)
            self.fees += transfer.fee
        self.pots[market] += sum(t.side.sign * t.value for t in transfers)

    def rebate(self, wallet: str, usd: int) -> None:
        """Pay a maker out of the fees."""
        if usd > self.fees:
            raise ShortfallError(f"a rebate of {usd} out of {self.fees}")
        self.fees -= usd
        self.holding(wallet).cash += usd

    # ---------------------------------------------------------------- pairs

    def split(self, wallet: str, market: MarketId, size: int) -> None:
        """Turn usd into pairs; merge them when `size` is negative."""
        tokens = self._tokens(market)
        self._need(wallet, None, size)
        for token in tokens:
            self._need(wallet, token, -size)
        holding = self.holding(wallet)
        holding.cash -= size
        for token in tokens:
            _add(holding.shares, token, size)
        self.pots[market] += size

    def convert(self, wallet: str, chosen: Sequence[MarketId], others: Sequence[MarketId], size: int) -> None:
        """Turn `size` NO of each of k chosen questions into k − 1 times as much usd and YES of all the others.

        The NO shares go to `BURN`, which also splits the other pairs: what that costs it is what its NO shares pay
        at the end, whoever wins.
        """
        for market in chosen:
            self._need(wallet, self._markets[market].no, size)
        for market in chosen:
            self._give(wallet, BURN, self._markets[market].no, size)
        burn, usd = self.holding(BURN), size * (len(chosen) - 1)
        for market in others:
            burn.cash -= size
            self.pots[market] += size
            for token in self._tokens(market):
                _add(burn.shares, token, size)
            self._give(BURN, wallet, self._markets[market].yes, size)
        burn.cash -= usd
        self.holding(wallet).cash += usd

    def resolve(self, market: MarketId, winner: TokenId) -> None:
        """Name the winner: from here on its shares are worth one usd and the other's none."""
        self._winners[market] = winner

    def redeem(self, wallet: str, market: MarketId) -> tuple[int, int]:
        """Pay out a resolved market's settled shares; return how many won (which is the usd) and how many lost."""
        winner, holding = self._winners[market], self.holding(wallet)
        loser = next(token for token in self._tokens(market) if token != winner)
        won, lost = (holding.shares.get(t, 0) - holding.out_shares.get(t, 0) for t in (winner, loser))
        for token, size in ((winner, won), (loser, lost)):
            _add(holding.shares, token, -size)
        holding.cash += won
        self.pots[market] -= won
        return won, lost

    # ---------------------------------------------------------------- the proof

    def faults(self) -> Iterator[str]:
        """Yield every broken promise of this ledger; none, always."""
        cash, pots = sum(holding.cash for holding in self.holdings.values()), sum(self.pots.values())
        if cash + pots + self.fees != self.deposited:
            yield f"usd: {cash} held, {pots} behind pairs and {self.fees} fees, but {self.deposited} came in"
        held: dict[TokenId, int] = {}
        for wallet, holding in self.holdings.items():
            for token, size in holding.shares.items():
                held[token] = held.get(token, 0) + size
            yield from self._holding_faults(wallet, holding)
        for market, pot in self.pots.items():
            winner = self._winners.get(market)
            for token in self._tokens(market) if winner is None else (winner,):
                if held.get(token, 0) != pot:
                    yield f"{market}: {held.get(token, 0)} of {token} against a pot of {pot}"

    def _holding_faults(self, wallet: str, holding: Holding) -> Iterator[str]:
        if wallet not in OWING and (holding.cash < 0 or any(size < 0 for size in holding.shares.values())):
            yield f"{wallet} owes: {holding.cash} usd, {holding.shares}"
        if holding.out_cash < 0 or any(size < 0 for size in holding.out_shares.values()):
            yield f"{wallet} was promised back more than it promised"

    def _need(self, wallet: str, token: TokenId | None, amount: int) -> None:
        if amount > 0 and wallet not in OWING and (spendable := self.holding(wallet).spendable(token)) < amount:
            what = "usd" if token is None else f"shares of {token}"
            raise ShortfallError(f"{wallet} has {to_text(spendable)} of {to_text(amount)} {what}")

    def _give(self, giver: str, taker: str, token: TokenId, size: int) -> None:
        _add(self.holding(giver).shares, token, -size)
        _add(self.holding(taker).shares, token, size)

    def _tokens(self, market: MarketId) -> tuple[TokenId, TokenId]:
        terms = self._markets[market]
        return terms.yes, terms.no


def _add(amounts: dict[TokenId, int], token: TokenId, change: int) -> None:
    left = amounts.get(token, 0) + change
    if left:
        amounts[token] = left
    else:
        amounts.pop(token, None)
