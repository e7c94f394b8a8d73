"""Which wallet belongs to whom: derived from the owner's address, or bound when it is first seen."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from agbot.exchange.clob.signatures import NOT_DEPOSIT_FLOW, checked_address
from agbot.exchange.core.model import Refused
from agbot.venue.polymarket.wallets import SignatureType, Wallets, derive

OWNERS_KEPT: Final = 4096
WALLETS_MAX: Final = 100_000

_derived: Final = lru_cache(OWNERS_KEPT)(derive)


class Owners:
    """Wallets and their owners (EOAs). All addresses are checksummed.

    A wallet that follows from an owner's address is that owner's, whoever named it before; any other belongs to who
    named it first, as the kind it was named as.
    """

    def __init__(self) -> None:
        self._bound: dict[str, tuple[str, SignatureType]] = {}
        self._wallets: dict[tuple[str, SignatureType], str] = {}

    def bind(self, owner: str, wallet: str, kind: int) -> None:
        """Note that `owner` trades with `wallet` under signature type `kind`.

        Raises:
            Refused: it is another's, of another kind, or there are too many wallets.
        """
        asked = owner, SignatureType(kind)
        if self._bound.get(wallet) == asked:
            return
        derived = _derived(owner).type_of(wallet)
        free = wallet not in self._bound and len(self._bound) < WALLETS_MAX
        if derived is not asked[1] and (derived is not None or not free or asked[1] is SignatureType.EOA):
            raise Refused(NOT_DEPOSIT_FLOW)
        self._bound[wallet] = asked
        self._wallets[asked] = wallet

    def of(self, wallet: str) -> tuple[str, SignatureType] | None:
        """Return a wallet's owner and kind, None when nobody named it."""
        return self._bound.get(wallet)

    def wallet(self, owner: str, kind: int) -> str:
        """Return the wallet an owner has of a kind: the one used last, else the one that follows from its address."""
        if (known := self._wallets.get((owner, SignatureType(kind)))) and self._bound[known][0] == owner:
            return known
        wallets = _derived(owner)
        return _OF_KIND[SignatureType(kind)](wallets)

    def wallets(self, owner: str) -> list[str]:
        """Return the wallets an owner has named."""
        return [wallet for wallet, (whose, _) in self._bound.items() if whose == owner]

    def snapshot(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {"wallets": [[wallet, owner, int(kind)] for wallet, (owner, kind) in self._bound.items()]}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take over what `snapshot` gave; what was known is forgotten."""
        self._bound.clear()
        self._wallets.clear()
        for wallet, owner, kind in saved["wallets"]:
            asked = checked_address(owner), SignatureType(kind)
            self._bound[checked_address(wallet)] = asked
            self._wallets[asked] = checked_address(wallet)


def _eoa(wallets: Wallets) -> str:
    return wallets.eoa


def _proxy(wallets: Wallets) -> str:
    return wallets.proxy


def _safe(wallets: Wallets) -> str:
    return wallets.safe


def _deposit(wallets: Wallets) -> str:
    return wallets.deposit_beacon


_OF_KIND: Final = {
    SignatureType.EOA: _eoa,
    SignatureType.PROXY: _proxy,
    SignatureType.SAFE: _safe,
    SignatureType.DEPOSIT: _deposit,
}
