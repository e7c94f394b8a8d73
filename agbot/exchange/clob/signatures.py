"""Who signed an order or a wallet's claim, found from the signature: the venue's side, not the client's code.

Whatever a client sends, only `Refused` is raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from struct import Struct
from typing import Any, Final

import msgspec
from coincurve import PublicKey

from agbot._keccak import keccak256
from agbot.exchange.core.model import Refused
from agbot.model.order import Side
from agbot.venue.polymarket.contracts import (
    ORDER_TYPE,
    POLYGON,
    TYPE_HASHES,
    TYPE_STRINGS,
    Chain,
    clob_auth_domain,
    domain_separator,
)
from agbot.venue.polymarket.eip712 import ZERO_WORD, address_word, struct_hash, text_hash, typed_digest, word
from agbot.venue.polymarket.keys import checksum
from agbot.venue.polymarket.wallets import SignatureType

CLAIM: Final = "This message attests that I control the given wallet"
INVALID_PAYLOAD: Final = "Invalid order payload"
INVALID_SIGNATURE: Final = "invalid signature"
VERSION_MISMATCH: Final = "order_version_mismatch"
NOT_THE_KEYS: Final = "the order signer address has to be the address of the API KEY"
NOT_DEPOSIT_FLOW: Final = "maker address not allowed, please use the deposit wallet flow"
SESSION_KEY: Final = "invalid signature: session key signers are not authorized for this wallet"

SALT_END: Final = 2**53
_INT64_END: Final = 2**63
_INNER: Final = 65
_WALLET_BYTES: Final = 317
_SESSION_MAGIC: Final = bytes.fromhex("6492" * 16)
_SIGNATURE_MAX: Final = 2 + 2 * 1024
_ADDRESSES_KEPT: Final = 16_384
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_WORD: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_NO_WORD: Final = "0x" + ZERO_WORD.hex()
_CONTENTS_TYPE: Final = ORDER_TYPE.encode() + len(ORDER_TYPE).to_bytes(2, "big")
# type hash, salt, maker, signer, token, maker amount, taker amount, side, signature type, timestamp, metadata, builder
_ORDER: Final = Struct(">32s24xQ32s32s32s24xQ24xQ31xB31xB24xQ32s32s").pack
_ORDER_HASH: Final = TYPE_HASHES["order_v2_and_v3"]


class PostedOrder(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """The ``order`` object of a posted body, as it came. Version 1 has fields of its own and lacks ``timestamp``."""

    salt: int
    maker: str
    signer: str
    token_id: str
    maker_amount: str
    taker_amount: str
    side: Side
    signature_type: int
    signature: str
    expiration: str = "0"
    timestamp: str | msgspec.UnsetType = msgspec.UNSET
    metadata: str = _NO_WORD
    builder: str = _NO_WORD
    nonce: str | int | msgspec.UnsetType = msgspec.UNSET
    fee_rate_bps: str | int | msgspec.UnsetType = msgspec.UNSET

    @property
    def of_version_1(self) -> bool:
        """Return whether this is the struct the venue took until 2026-04-28."""
        unset = msgspec.UNSET
        return self.nonce is not unset or self.fee_rate_bps is not unset or self.timestamp is unset


def whole(text: str | msgspec.UnsetType) -> int:
    """Return a number that the body carries as decimal digits, below 2⁶³; Refused when it is none."""
    if not isinstance(text, str) or not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise Refused(INVALID_PAYLOAD)
    value = int(text)
    if value >= _INT64_END:
        raise Refused(INVALID_PAYLOAD)
    return value


class OrderCheck:
    """Checks signatures of orders on one chain: one digest and one recovery each (two digests for deposit wallets)."""

    def __init__(self, chain: Chain = POLYGON) -> None:
        self.chain = chain

    def signed_by(self, order: PostedOrder, owner: str, *, version: int, neg_risk: bool) -> str:
        """Return the order's id when the key behind `owner` signed it, for the wallet its type allows.

        Whether ``maker`` is a wallet of that owner is not known here: see `agbot.exchange.clob.owners`.

        Args:
            owner: the checksummed address of the API key.
            version: of the market's exchange, 2 or 3.

        Raises:
            Refused: 400 with the venue's text: version 1, malformed, signer and key differ, nobody's signature.
        """
        if order.of_version_1:
            raise Refused(VERSION_MISMATCH)
        maker, signer = checked_address(order.maker), checked_address(order.signer)
        deposit = order.signature_type == SignatureType.DEPOSIT
        if signer != (maker if deposit else owner) or (order.signature_type == SignatureType.EOA and maker != signer):
            raise Refused(NOT_THE_KEYS)
        domain, contents = domain_separator(version, neg_risk=neg_risk, chain=self.chain), _contents(order)
        digest = typed_digest(domain, contents)
        signature = _signature_bytes(order.signature)
        if signature.endswith(_SESSION_MAGIC):
            raise Refused(SESSION_KEY)
        if deposit:
            nested = _nested(domain, contents, _wallet_words(signer, self.chain), signature)
            signed = _recovered(nested, signature[:_INNER]) if nested else b""
        else:
            signed = _recovered(digest, signature)
        if signed != _address_bytes(owner):
            raise Refused(INVALID_SIGNATURE)
        return "0x" + digest.hex()


@lru_cache(_ADDRESSES_KEPT)
def checked_address(text: str) -> str:
    """Return an address of any case in the case of EIP-55; Refused when it is none."""
    if not _ADDRESS.fullmatch(text):
        raise Refused(INVALID_PAYLOAD)
    return checksum(text)


@lru_cache(_ADDRESSES_KEPT)
def _address_bytes(address: str) -> bytes:
    return bytes.fromhex(address[2:])


@lru_cache(_ADDRESSES_KEPT)
def _padded(address: str) -> bytes:
    return address_word(address)


@lru_cache(_ADDRESSES_KEPT)
def _wallet_words(wallet: str, chain: Chain) -> bytes:
    named = (text_hash("DepositWallet"), text_hash("1"), word(chain.chain_id), address_word(wallet), ZERO_WORD)
    return b"".join(named)


def _nested(domain: bytes, contents: bytes, wallet: bytes, signature: bytes) -> bytes:
    """Return what a deposit wallet's owner signs, empty when the signature does not say that it covers this order."""
    if len(signature) != _WALLET_BYTES or signature[_INNER:] != domain + contents + _CONTENTS_TYPE:
        return b""
    return typed_digest(domain, keccak256(TYPE_HASHES["typed_data_sign_poly1271"] + contents + wallet))


def _contents(order: PostedOrder) -> bytes:
    """Return the hash of the order's struct; Refused when a member does not fit its type."""
    kind, token = order.signature_type, order.token_id
    if not (0 <= order.salt < SALT_END and 0 <= kind <= SignatureType.DEPOSIT):
        raise Refused(INVALID_PAYLOAD)
    if not (token.isascii() and token.isdigit()) or len(token) > 78 or (number := int(token)) >= 1 << 256:
        raise Refused(INVALID_PAYLOAD)
    return keccak256(
        _ORDER(
            _ORDER_HASH,
            order.salt,
            _padded(order.maker),
            _padded(order.signer),
            number.to_bytes(32, "big"),
            whole(order.maker_amount),
            whole(order.taker_amount),
            0 if order.side is Side.BUY else 1,
            kind,
            whole(order.timestamp),
            _word(order.metadata),
            _word(order.builder),
        )
    )


def _word(text: str) -> bytes:
    if text == _NO_WORD:
        return ZERO_WORD
    if not _WORD.fullmatch(text):
        raise Refused(INVALID_PAYLOAD)
    return bytes.fromhex(text[2:])


def _signature_bytes(text: str) -> bytes:
    if not text.startswith("0x") or len(text) > _SIGNATURE_MAX:
        raise Refused(INVALID_SIGNATURE)
    try:
        return bytes.fromhex(text[2:])
    except ValueError as e:
        raise Refused(INVALID_SIGNATURE) from e


def _recovered(digest: bytes, signature: bytes) -> bytes:
    """Return the 20 bytes of the address behind r ‖ s ‖ v, empty when that is no signature."""
    if len(signature) != _INNER or signature[64] not in (0, 1, 27, 28):
        return b""
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] % 27]), digest, hasher=None)
    except ValueError:
        return b""
    return keccak256(key.format(compressed=False)[1:])[12:]


# ---------------------------------------------------------------- wallets' claims (L1)


def claim_signer(address: str, timestamp: str, nonce: int, signature: str, chain: Chain = POLYGON) -> str:
    """Return the address whose key signed the L1 headers, "" when nobody can have.

    Args:
        address: checked, as the headers name it.
        timestamp: as the headers have it.
        nonce: below 2²⁵⁶.
    """
    words = (address_word(address), text_hash(timestamp), word(nonce), text_hash(CLAIM))
    digest = typed_digest(clob_auth_domain(chain.chain_id), struct_hash(TYPE_STRINGS["clob_auth"], *words))
    try:
        signed = _recovered(digest, _signature_bytes(signature))
    except Refused:
        return ""
    return checksum("0x" + signed.hex()) if signed else ""


# ---------------------------------------------------------------- of plain objects, for tests' own venue


def order_digest(order: Mapping[str, Any], *, version: int, neg_risk: bool) -> bytes:
    """Return the digest of a posted ``order`` object; as hexadecimal text it is the order's id."""
    return typed_digest(domain_separator(version, neg_risk=neg_risk, chain=POLYGON), _contents(_parsed(order)))


def order_signer(order: Mapping[str, Any], *, version: int, neg_risk: bool) -> str:
    """Return the address whose key signed ``order``; a deposit wallet's owner. "" when nobody can have."""
    posted = _parsed(order)
    domain, signature = domain_separator(version, neg_risk=neg_risk, chain=POLYGON), _signature_bytes(posted.signature)
    digest: bytes = typed_digest(domain, _contents(posted))
    if posted.signature_type == SignatureType.DEPOSIT:
        digest = _nested(domain, _contents(posted), _wallet_words(posted.signer, POLYGON), signature)
    signed = _recovered(digest, signature[:_INNER]) if digest else b""
    return checksum("0x" + signed.hex()) if signed else ""


def _parsed(order: Mapping[str, Any]) -> PostedOrder:
    try:
        return msgspec.convert(dict(order), PostedOrder)
    except msgspec.ValidationError as e:
        raise Refused(INVALID_PAYLOAD) from e
