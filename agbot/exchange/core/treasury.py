"""Money that moves without a trade: deposits, pairs, conversions, redemptions, rebates."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agbot.exchange.core.model import Fact, Listing, Move, Moved, Refused
from agbot.matching.clearing import OWING, Ledger, ShortfallError
from agbot.model.ids import TokenId


class Treasury:
    """The wallets' own calls. Each tells what it moved; Refused when the wallet has not what it takes."""

    def __init__(self, ledger: Ledger, grant_usd: int, tell: Callable[[Fact], None]) -> None:
        self._ledger = ledger
        self._grant = grant_usd
        self._tell = tell

    def see(self, wallet: str, now_ns: int) -> None:
        """Open a wallet that is new, with its grant."""
        if wallet not in self._ledger.holdings:
            self._ledger.holding(wallet)
            if self._grant:
                self.deposit(wallet, self._grant, now_ns)

    def deposit(self, wallet: str, usd: int, now_ns: int) -> None:
        """Bring usd in from outside; out when negative."""
        with _refusing():
            self._ledger.deposit(wallet, usd)
        kind = Move.DEPOSIT if usd >= 0 else Move.WITHDRAWAL
        self._tell(Moved(kind=kind, wallet=wallet, usd=usd, ts_ns=now_ns))

    def split(self, wallet: str, listing: Listing, size: int, now_ns: int) -> None:
        """Turn `size` usd into as many pairs; pairs into usd when `size` is negative."""
        _open(listing)
        self.see(wallet, now_ns)
        with _refusing():
            self._ledger.split(wallet, listing.market.id, size)
        kind = Move.SPLIT if size >= 0 else Move.MERGE
        self._tell_tokens(kind, wallet, [(listing, token, size) for token in listing.tokens], -size, now_ns)

    def convert(
        self, wallet: str, chosen: Sequence[Listing], others: Sequence[Listing], size: int, now_ns: int
    ) -> None:
        """Turn `size` NO of each chosen question into usd and YES of the others: all the questions of one event."""
        if not chosen or not chosen[0].event.neg_risk or size <= 0:
            raise Refused("conversion needs NO shares of questions of one neg-risk event")
        for listing in (*chosen, *others):
            _open(listing)
        self.see(wallet, now_ns)
        with _refusing():
            self._ledger.convert(wallet, [x.market.id for x in chosen], [x.market.id for x in others], size)
        moved = [(x, x.market.no, -size) for x in chosen] + [(x, x.market.yes, size) for x in others]
        self._tell_tokens(Move.CONVERSION, wallet, moved, size * (len(chosen) - 1), now_ns)

    def redeem(self, wallet: str, listing: Listing, now_ns: int) -> int:
        """Pay a wallet's shares of a resolved market out and return the usd."""
        if listing.winner is None:
            raise Refused("market is not resolved")
        won, lost = self._ledger.redeem(wallet, listing.market.id)
        winner, loser = _by_winner(listing)
        moved = [(listing, token, -size) for token, size in ((winner, won), (loser, lost)) if size]
        if wallet not in OWING:
            self._tell_tokens(Move.REDEEM, wallet, moved, won, now_ns)
        return won

    def redeem_all(self, listing: Listing, now_ns: int, *, owing_only: bool = False) -> None:
        """Pay everybody out who holds shares of a resolved market."""
        for wallet, holding in list(self._ledger.holdings.items()):
            holds = any(holding.shares.get(token) for token in listing.tokens)
            if holds and (wallet in OWING or not owing_only):
                self.redeem(wallet, listing, now_ns)

    def rebate(self, wallet: str, usd: int, now_ns: int, listing: Listing) -> None:
        """Pay a maker its part of a market's taker fees."""
        self._ledger.rebate(wallet, usd)
        self._tell(Moved(kind=Move.MAKER_REBATE, wallet=wallet, listing=listing, usd=usd, ts_ns=now_ns))

    def _tell_tokens(
        self, kind: Move, wallet: str, moved: Sequence[tuple[Listing, TokenId, int]], usd: int, now_ns: int
    ) -> None:
        for listing, token, size in moved:
            self._tell(Moved(kind=kind, wallet=wallet, listing=listing, token=token, usd=usd, size=size, ts_ns=now_ns))
            usd = 0


class _refusing:  # noqa: N801 - used like a function
    """Turn a shortfall into the venue's no."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        if isinstance(error, ShortfallError):
            raise Refused(f"not enough balance / allowance: {error}") from error


def _open(listing: Listing) -> None:
    if listing.winner is not None:
        raise Refused(f"market {listing.condition} is resolved")


def _by_winner(listing: Listing) -> tuple[TokenId, TokenId]:
    yes, no = listing.tokens
    return (yes, no) if listing.winner == yes else (no, yes)
