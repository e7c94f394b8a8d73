"""Who signed an order or a wallet's claim, found from the signature: the venue's side, not the client's code."""

from __future__ import annotations

from typing import Any, Final

from coincurve import PublicKey

from agbot._keccak import keccak256
from agbot.venue.polymarket.contracts import POLYGON, TYPE_STRINGS, clob_auth_domain, domain_separator
from agbot.venue.polymarket.eip712 import ZERO_WORD, address_word, struct_hash, text_hash, typed_digest, word
from agbot.venue.polymarket.keys import checksum

CLAIM: Final = "This message attests that I control the given wallet"
_INNER: Final = 65
_DEPOSIT: Final = 3
_WALLET_BYTES: Final = 317


def order_digest(order: dict[str, Any], *, version: int, neg_risk: bool) -> bytes:
    """Return the digest of a posted ``order`` object; as hexadecimal text it is the order's id."""
    return typed_digest(domain_separator(version, neg_risk=neg_risk, chain=POLYGON), _contents(order))


def order_signer(order: dict[str, Any], *, version: int, neg_risk: bool) -> str:
    """Return the address whose key signed ``order``; a deposit wallet's owner. "" when nobody can have."""
    signature = bytes.fromhex(order["signature"].removeprefix("0x"))
    if order["signatureType"] != _DEPOSIT:
        return recovered(order_digest(order, version=version, neg_risk=neg_risk), signature)
    domain, contents = domain_separator(version, neg_risk=neg_risk, chain=POLYGON), _contents(order)
    if len(signature) != _WALLET_BYTES or signature[_INNER : _INNER + 64] != domain + contents:
        return ""
    wallet = (text_hash("DepositWallet"), text_hash("1"), word(POLYGON.chain_id), address_word(order["signer"]))
    nested = struct_hash(TYPE_STRINGS["typed_data_sign_poly1271"], contents, *wallet, ZERO_WORD)
    return recovered(typed_digest(domain, nested), signature[:_INNER])


def claim_signer(address: str, timestamp: str, nonce: int, signature: str) -> str:
    """Return the address whose key signed the L1 headers."""
    words = (address_word(address), text_hash(timestamp), word(nonce), text_hash(CLAIM))
    digest = typed_digest(clob_auth_domain(POLYGON.chain_id), struct_hash(TYPE_STRINGS["clob_auth"], *words))
    return recovered(digest, bytes.fromhex(signature.removeprefix("0x")))


def recovered(digest: bytes, signature: bytes) -> str:
    """Return the address behind 65 bytes r ‖ s ‖ v, "" when they are no signature."""
    if len(signature) != _INNER or signature[64] not in (27, 28):
        return ""
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except ValueError:
        return ""
    return checksum("0x" + keccak256(key.format(compressed=False)[1:])[12:].hex())


def _contents(order: dict[str, Any]) -> bytes:
    numbers = [int(order[key]) for key in ("tokenId", "makerAmount", "takerAmount")]
    return struct_hash(
        TYPE_STRINGS["order_v2_and_v3"],
        word(order["salt"]),
        address_word(order["maker"]),
        address_word(order["signer"]),
        *map(word, numbers),
        word(0 if order["side"] == "BUY" else 1),
        word(order["signatureType"]),
        word(int(order["timestamp"])),
        bytes.fromhex(order["metadata"].removeprefix("0x")),
        bytes.fromhex(order["builder"].removeprefix("0x")),
    )
