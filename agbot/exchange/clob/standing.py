"""What a person has decided about accounts: banned, closed only, and which spenders a wallet has approved."""

from __future__ import annotations

from typing import Any, Final

from agbot.exchange.core.model import Listing, Refused
from agbot.model.order import Side
from agbot.venue.polymarket.contracts import POLYGON, Chain

UNLIMITED: Final = 2**256 - 1
COLLATERAL: Final = ""


class Standing:
    """Bans and allowances. Addresses and wallets are checksummed; every wallet has approved everything at first."""

    def __init__(self, chain: Chain = POLYGON) -> None:
        self.banned: set[str] = set()
        """Addresses (EOAs or wallets) whose orders are refused."""
        self.closed_only: set[str] = set()
        """EOAs that may sell what they have, and no more."""
        self.chain = chain
        self._allowed: dict[tuple[str, str, str], int] = {}

    @property
    def spenders(self) -> tuple[str, ...]:
        """Return the contracts that ``/balance-allowance`` tells of."""
        chain = self.chain
        return chain.exchange_v2, chain.neg_risk_exchange_v2, chain.exchange_v3, chain.neg_risk_adapter

    def allow(self, wallet: str, spender: str, amount: int, token: str = COLLATERAL) -> None:
        """Let `spender` take at most `amount` of a wallet's usd, or of its shares of `token`."""
        self._allowed[wallet, spender, token] = amount

    def allowances(self, wallet: str, token: str = COLLATERAL) -> dict[str, int]:
        """Return what each spender may take of a wallet."""
        return {spender: self._allowed.get((wallet, spender, token), UNLIMITED) for spender in self.spenders if spender}

    def check(self, address: str, wallet: str, side: Side) -> None:
        """Raise Refused when an address may not send such an order."""
        for banned in (address, wallet):
            if banned in self.banned:
                raise Refused(f"'{banned}' address banned")
        if address in self.closed_only and side is Side.BUY:
            raise Refused(f"'{address}' address in closed only mode")

    def check_allowance(self, wallet: str, listing: Listing, token: str, needed: int) -> None:
        """Raise Refused when the market's exchange may not take so much of a wallet; `token` is empty for usd."""
        if not self._allowed:
            return
        market = listing.market
        spender = self.chain.exchange(market.exchange_version, neg_risk=market.neg_risk)
        allowed = self._allowed.get((wallet, spender, token), UNLIMITED)
        if allowed < needed:
            raise Refused(
                "not enough balance / allowance: the allowance is not enough -> "
                f"spender: {spender}, allowance: {allowed}, order amount: {needed}"
            )

    def snapshot(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "banned": sorted(self.banned),
            "closed_only": sorted(self.closed_only),
            "allowed": [[*name, str(amount)] for name, amount in self._allowed.items()],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `snapshot` gave."""
        self.banned, self.closed_only = set(saved["banned"]), set(saved["closed_only"])
        self._allowed = {(wallet, spender, token): int(amount) for wallet, spender, token, amount in saved["allowed"]}
