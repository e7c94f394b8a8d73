"""D09: an order signed here and by the venue's own library (the `official` extra) is the same, byte for byte.

The library computes the id of an order of the real account, which needs no key; signatures are compared under a key
that everybody knows. The real key is never handed to it.
"""

from __future__ import annotations

import importlib
import types
import warnings
from collections.abc import Callable
from typing import Any, Final

import attrs

from agbot.doctor.report import Check, Finding, fail, ok, skip
from agbot.doctor.wallet import DOMAINS, PROBE, Wallet, without
from agbot.secrets import Secret
from agbot.venue.polymarket.contracts import Chain
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderSigner, SignedOrder, Version
from agbot.venue.polymarket.wallets import Account, SignatureType, derive

PACKAGE: Final = "py_clob_client_v2"
_KNOWN_KEY: Final = "0x" + "11" * 32


async def official(world: Wallet) -> Finding:
    """D09: the official library makes the same order."""
    key, account = world.credentials.key, world.credentials.account
    if key is None or account is None:
        return without(world, "private key")
    try:
        library = _library()
    except ImportError as e:
        return skip(f"the official library is not installed ({e.name or e})", "pip install 'agbot[official]'")
    signer = OrderSigner(key, account, world.chain)
    known = SigningKey.parse(Secret(_KNOWN_KEY))
    stand_in = OrderSigner(known, _same_kind(known, account.signature_type), world.chain)
    wrong = []
    for version, neg_risk in DOMAINS:
        place = f"version {version}{', neg-risk' * neg_risk}"
        domain = _Domain(library, world.chain, version, neg_risk)
        ours = signer.order_id(PROBE, version=version, neg_risk=neg_risk)
        if (theirs := domain.order_id(account)) != ours:
            wrong.append(f"{place}: order id {ours} here, {theirs} there")
        signed = stand_in.sign(PROBE, version=version, neg_risk=neg_risk)
        if domain.signature(signed) != signed.signature:
            wrong.append(f"{place}: the signatures differ")
    if wrong:
        return fail(f"{PACKAGE} makes another order", "update agbot; trade nothing before that", *wrong)
    return ok(f"{PACKAGE} makes the same order ids and signatures ({len(DOMAINS)} exchanges)")


def _library() -> types.SimpleNamespace:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies' own
        build = importlib.import_module(f"{PACKAGE}.order_utils.exchange_order_builder_v2")
        model = importlib.import_module(f"{PACKAGE}.order_utils.model")
        data = importlib.import_module(f"{PACKAGE}.order_utils.model.order_data_v2")
        side = importlib.import_module(f"{PACKAGE}.order_utils.model.side")
    return types.SimpleNamespace(
        builder=build.ExchangeOrderBuilderV2, order=data.OrderDataV2, side=side.Side, model=model
    )


def _same_kind(key: SigningKey, kind: SignatureType) -> Account:
    wallets = derive(key.address)
    funders = [address for address in attrs.astuple(wallets) if wallets.type_of(address) is kind]
    return Account(key.address, funders[0], kind)


class _Domain:
    """The library, set up for one exchange."""

    def __init__(self, library: types.SimpleNamespace, chain: Chain, version: Version, neg_risk: bool) -> None:
        self._library = library
        self._make: Callable[[object], Any] = lambda signer: library.builder(
            chain.exchange(version, neg_risk=neg_risk),
            chain.chain_id,
            signer,
            generate_salt=lambda: str(PROBE.salt),
            domain_version=str(version),
        )

    def order_id(self, account: Account) -> str:
        """Return the id of the probe as an order of `account`; no key is needed for that."""
        builder = self._make(types.SimpleNamespace(address=lambda: account.owner))
        order = builder.build_order(self._probe(account.maker, account.signer, account.signature_type))
        return str(builder.build_order_hash(builder.build_order_typed_data(order)))

    def signature(self, signed: SignedOrder) -> bytes:
        """Return the library's signature of the probe under the key that everybody knows."""
        owner = SigningKey.parse(Secret(_KNOWN_KEY)).address
        builder = self._make(types.SimpleNamespace(address=lambda: owner, private_key=_KNOWN_KEY))
        made = builder.build_signed_order(self._probe(signed.maker, signed.signer, signed.signature_type))
        return bytes.fromhex(made.signature.removeprefix("0x"))

    def _probe(self, maker: str, signer: str, kind: SignatureType) -> Any:
        return self._library.order(
            maker=maker,
            signer=signer,
            tokenId=str(PROBE.token_id),
            makerAmount=str(PROBE.maker_amount),
            takerAmount=str(PROBE.taker_amount),
            side=self._library.side.BUY,
            signatureType=int(kind),
            timestamp=str(PROBE.timestamp_ms),
        )


CHECKS: Final[tuple[Check[Wallet], ...]] = (Check("D09", "official library", official),)
