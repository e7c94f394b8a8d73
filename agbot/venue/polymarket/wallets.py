"""Which wallet trades: the owner's own address, or a contract wallet that follows from it.

Factories, implementations and byte code: polymarket-client 0.14.0 (`environments.py`, `_internal/wallet.py`), which
knows them for chain 137 only. A wallet that was never deployed has an address all the same.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from agbot._keccak import keccak256
from agbot.errors import ConfigError
from agbot.venue.polymarket.eip712 import address_word
from agbot.venue.polymarket.keys import checksum, parse_address

_PROXY_FACTORY: Final = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
_PROXY_IMPLEMENTATION: Final = "0x44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f"
_SAFE_FACTORY: Final = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
_SAFE_CODE_HASH: Final = bytes.fromhex("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf")
_DEPOSIT_FACTORY: Final = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
_DEPOSIT_IMPLEMENTATION: Final = "0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"
_DEPOSIT_BEACON: Final = "0x7A18EDfe055488A3128f01F563e5B479D92ffc3a"

# Minimal proxies as their factories assemble them; a deposit wallet's code ends with its 64 bytes of arguments.
_PROXY_CODE: Final = (
    "3d3d606380380380913d393d73{factory}5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73{implementation}"
    "5af43d82803e903d91602b57fd5bf352e831dd" + "20".zfill(64) + "0" * 64
)
_UUPS_CODE: Final = (
    "61007d3d8160233d3973{implementation}60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
    "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
)
_BEACON_CODE: Final = (
    "6100923d8160233d3973{beacon}60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)


class SignatureType(enum.IntEnum):
    """How an order's signature is checked, by the kind of wallet that holds the money."""

    EOA = 0
    PROXY = 1
    SAFE = 2
    DEPOSIT = 3


@attrs.frozen
class Wallets:
    """The addresses that belong to one owner on Polygon. A deposit wallet is either of two, by when it was made."""

    eoa: str
    proxy: str
    safe: str
    deposit_uups: str
    deposit_beacon: str

    def type_of(self, funder: str) -> SignatureType | None:
        """Return the signature type that fits `funder` (any case), None when it is none of these wallets."""
        kinds = {
            self.eoa: SignatureType.EOA,
            self.proxy: SignatureType.PROXY,
            self.safe: SignatureType.SAFE,
            self.deposit_uups: SignatureType.DEPOSIT,
            self.deposit_beacon: SignatureType.DEPOSIT,
        }
        return kinds.get(checksum(funder))


def derive(owner: str) -> Wallets:
    """Return every wallet of `owner` (0x and 40 hexadecimal digits); ValueError when it is no address."""
    eoa = checksum(owner)
    padded = address_word(eoa)
    arguments = address_word(_DEPOSIT_FACTORY) + padded
    deposit_salt = keccak256(arguments)
    uups = _code(_UUPS_CODE, implementation=_DEPOSIT_IMPLEMENTATION) + arguments
    beacon = _code(_BEACON_CODE, beacon=_DEPOSIT_BEACON) + arguments
    proxy = _code(_PROXY_CODE, factory=_PROXY_FACTORY, implementation=_PROXY_IMPLEMENTATION)
    return Wallets(
        eoa=eoa,
        proxy=_create2(_PROXY_FACTORY, keccak256(padded[12:]), keccak256(proxy)),
        safe=_create2(_SAFE_FACTORY, keccak256(padded), _SAFE_CODE_HASH),
        deposit_uups=_create2(_DEPOSIT_FACTORY, deposit_salt, keccak256(uups)),
        deposit_beacon=_create2(_DEPOSIT_FACTORY, deposit_salt, keccak256(beacon)),
    )


def _code(template: str, **addresses: str) -> bytes:
    return bytes.fromhex(template.format_map({name: address[2:] for name, address in addresses.items()}))


def _create2(factory: str, salt: bytes, code_hash: bytes) -> str:
    return checksum("0x" + keccak256(b"\xff" + bytes.fromhex(factory[2:]) + salt + code_hash)[12:].hex())


def _own_address(text: str) -> str:
    return parse_address(text)


@attrs.frozen
class Account:
    """Who signs and whose money it is: `owner` is the key's address, `funder` the wallet that holds pUSD and shares.

    Raises:
        ConfigError: AGB-131 an address is malformed; AGB-132 funder and signature type do not fit.
    """

    owner: str = attrs.field(converter=_own_address)
    funder: str = attrs.field(converter=_own_address)
    signature_type: SignatureType = attrs.field(converter=SignatureType)

    @classmethod
    def of_owner(cls, owner: str) -> Account:
        """Return the account of a key that trades with its own address (type 0)."""
        return cls(owner, owner, SignatureType.EOA)

    def __attrs_post_init__(self) -> None:
        if (self.funder == self.owner) == (self.signature_type is SignatureType.EOA):
            return
        if self.signature_type is SignatureType.EOA:
            reason = f"signature type 0 trades with the key's own address {self.owner}, but the funder is {self.funder}"
        else:
            reason = f"signature type {self.signature_type:d} trades with a contract wallet, but no other funder is set"
        remedy = "set the funder to the wallet shown on polymarket.com and the signature type to its kind"
        raise ConfigError(reason, id="AGB-132", remedy=remedy)

    @property
    def maker(self) -> str:
        """Return the order's maker: the wallet that pays and receives."""
        return self.funder

    @property
    def signer(self) -> str:
        """Return the order's signer: the deposit wallet for type 3, else the owner."""
        return self.funder if self.signature_type is SignatureType.DEPOSIT else self.owner
