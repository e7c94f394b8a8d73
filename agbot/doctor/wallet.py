"""What can be asked of the wallet without a network: are the credentials there, do key, funder and type fit, who signs.

Nothing made here is ever sent: the order that is signed is for a token that does not exist.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import attrs
from coincurve import PublicKey

from agbot._keccak import keccak256
from agbot.doctor.report import Check, Finding, fail, ok, skip
from agbot.errors import ConfigError
from agbot.model.order import Side
from agbot.venue.polymarket.contracts import TYPE_HASHES, Chain
from agbot.venue.polymarket.credentials import ALL, FUNDER, SIGNATURE_TYPE, Credentials
from agbot.venue.polymarket.eip712 import ZERO_WORD, address_word, text_hash, word
from agbot.venue.polymarket.keys import checksum
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, SignedOrder, Version, clob_auth_digest
from agbot.venue.polymarket.wallets import SignatureType, Wallets, derive

KIND: Final = {
    SignatureType.EOA: "EOA, the key's own address",
    SignatureType.PROXY: "proxy wallet of an e-mail account",
    SignatureType.SAFE: "safe of a browser wallet",
    SignatureType.DEPOSIT: "deposit wallet",
}
PROBE: Final = OrderFields(
    token_id=1, maker_amount=2_500_000, taker_amount=5_000_000, side=Side.BUY, salt=1, timestamp_ms=1_790_000_000_000
)
DOMAINS: Final[tuple[tuple[Version, bool], ...]] = ((2, False), (2, True), (3, False))
"""(version, neg-risk) of every exchange that takes orders."""


class Wallet(Protocol):
    """What these checks look at."""

    @property
    def chain(self) -> Chain: ...

    @property
    def credentials(self) -> Credentials: ...

    @property
    def credentials_fault(self) -> ConfigError | None: ...

    @property
    def signer(self) -> Path | None: ...

    @property
    def apikey(self) -> str:
        """Return what to type for an API key."""
        ...


def without(world: Wallet, what: str) -> Finding:
    """Return the finding of a check that needs `what` and has none."""
    return skip(f"not checked: no {'' if world.credentials_fault is None else 'usable '}{what}, see D06")


async def credentials(world: Wallet) -> Finding:
    """D06: private key and API key are where they are looked for, and have the right form."""
    fault, account = world.credentials_fault, world.credentials.account
    if fault is not None:
        return fail(f"[{fault.id}] {fault.where()}{fault.reason}", fault.remedy)
    if account is None:
        said = "no private key: public data and paper trading only"
        return skip(said, f"for real money put {', '.join(ALL)} into the environment or the keyring")
    kind = f"{account.signature_type:d}, {KIND[account.signature_type]}"
    lines = (f"owner  {account.owner}", f"funder {account.funder}", f"type   {kind}")
    if world.credentials.api is None:
        return skip("there is a private key and no API key", world.apikey, *lines)
    held = "the signer process holds the key, the" if world.signer else "private key and"
    return ok(f"{held} API key {'is' if world.signer else 'are'} there", *lines)


async def signature(world: Wallet) -> Finding:
    """D07: what the key signs is recovered to its address, for L1 authentication and for an order of each exchange."""
    key, account = world.credentials.key, world.credentials.account
    if world.signer is not None and account is not None:
        return ok(f"the signer process at {world.signer} answers, and signs as {account.owner}")
    if key is None or account is None:
        return without(world, "private key")
    chain = world.chain
    digest = clob_auth_digest(account.owner, 1_790_000_000, 0, chain.chain_id)
    found = {"ClobAuth": recovered(digest, key.sign(digest))}
    signer = OrderSigner(key, account, chain)
    for version, neg_risk in DOMAINS:
        signed = signer.sign(PROBE, version=version, neg_risk=neg_risk)
        found[f"order of version {version}{', neg-risk' * neg_risk}"] = order_signer(signed, chain)
    wrong = [f"{what} recovers to {address}" for what, address in found.items() if address != account.owner]
    if wrong:
        return fail(f"signatures do not lead back to {account.owner}", "report this: nothing may be sent", *wrong)
    return ok(f"{account.owner} signs: {len(found)} signatures recover to it")


def recovered(digest: bytes, signature: bytes) -> str:
    """Return the address whose key made the 65-byte `signature` over `digest`."""
    public = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    return checksum("0x" + keccak256(public.format(compressed=False)[1:])[12:].hex())


def order_signer(signed: SignedOrder, chain: Chain) -> str:
    """Return the address whose key signed the order, looking into a deposit wallet's nested signature as it does."""
    digest = bytes.fromhex(signed.order_id[2:])
    if signed.signature_type is SignatureType.DEPOSIT:
        domain, contents = signed.signature[65:97], signed.signature[97:129]
        wallet = (
            text_hash("DepositWallet"),
            text_hash("1"),
            word(chain.chain_id),
            address_word(signed.signer),
            ZERO_WORD,
        )
        nested = keccak256(b"".join((TYPE_HASHES["typed_data_sign_poly1271"], contents, *wallet)))
        digest = keccak256(b"\x19\x01" + domain + nested)
    return recovered(digest, signed.signature[:65])


async def funder(world: Wallet) -> Finding:
    """D08: the wallet that pays belongs to the key, and its kind is the signature type."""
    account = world.credentials.account
    if account is None:
        return without(world, "private key")
    wallets = derive(account.owner)
    kind = wallets.type_of(account.funder)
    if kind is account.signature_type:
        return ok(f"{account.funder} is the {KIND[kind]} of {account.owner}")
    lines = wallet_lines(wallets)
    if kind is None:
        own = " or ".join(_of_kind(wallets, account.signature_type))
        remedy = f"export {FUNDER}={own}, or set the private key that owns {account.funder}"
        return fail(f"{account.funder} is no wallet of the key {account.owner}", remedy, *lines)
    said = f"{account.funder} is the {KIND[kind]}, the signature type says {KIND[account.signature_type]}"
    return fail(said, f"export {SIGNATURE_TYPE}={kind:d}", *lines)


def wallet_lines(wallets: Wallets) -> tuple[str, ...]:
    """Return a line for every wallet the key owns, with the signature type that fits it."""
    return tuple(f"type {wallets.type_of(a):d}  {a}  {name}" for name, a in attrs.asdict(wallets).items())


def _of_kind(wallets: Wallets, kind: SignatureType) -> list[str]:
    return [address for address in attrs.astuple(wallets) if wallets.type_of(address) is kind]


CHECKS: Final[tuple[Check[Wallet], ...]] = (
    Check("D06", "credentials", credentials),
    Check("D07", "signatures", signature),
    Check("D08", "funder and signature type", funder),
)
