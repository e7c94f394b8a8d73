"""EIP-712: typed values to 32-byte digests, from words that the caller prepares. Integers and bytes only."""

from __future__ import annotations

from typing import Final

from agbot._keccak import keccak256

ZERO_WORD: Final = bytes(32)
DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
BARE_DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId)"


def word(value: int) -> bytes:
    """Return an unsigned integer as 32 bytes; OverflowError when it is negative or too large."""
    return value.to_bytes(32, "big")


def address_word(address: str) -> bytes:
    """Return `0x` and 40 hexadecimal digits as 32 bytes, padded on the left."""
    return bytes.fromhex(address.removeprefix("0x")).rjust(32, b"\0")


def text_hash(text: str) -> bytes:
    """Return the hash that stands for a string, and for a type by its type string."""
    return keccak256(text.encode())


def struct_hash(type_string: str, *words: bytes) -> bytes:
    """Return the hash of a struct whose members are already 32-byte words."""
    return keccak256(text_hash(type_string) + b"".join(words))


def domain_hash(*, name: str, version: str, chain_id: int, contract: str = "") -> bytes:
    """Return the domain separator; without `contract` that of a domain that has none."""
    words = [text_hash(name), text_hash(version), word(chain_id)]
    if not contract:
        return struct_hash(BARE_DOMAIN_TYPE, *words)
    return struct_hash(DOMAIN_TYPE, *words, address_word(contract))


def typed_digest(domain: bytes, struct: bytes) -> bytes:
    """Return what is signed: the digest of a struct's hash under a domain separator."""
    return keccak256(b"\x19\x01" + domain + struct)
