"""The key that signs, and addresses as people write them."""

from __future__ import annotations

import re
from typing import Final, NoReturn, SupportsIndex

from coincurve import PrivateKey

from agbot._keccak import keccak256
from agbot.errors import ConfigError
from agbot.secrets import MASK, Masked, MaskedBytes, Secret

_KEY: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_GROUP_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class SigningKey:
    """A private key of secp256k1. Shows itself as its address only; it is never printed, pickled or changed.

    The secret is checked before the curve sees it, so that no frame of a library ever fails while holding it.
    """

    __slots__ = ("_curve", "address")
    _curve: PrivateKey
    address: str
    """EIP-55."""

    def __init__(self, curve: PrivateKey) -> None:
        public = curve.public_key.format(compressed=False)
        object.__setattr__(self, "_curve", curve)
        object.__setattr__(self, "address", checksum("0x" + keccak256(public[1:])[12:].hex()))

    @classmethod
    def parse(cls, secret: Secret) -> SigningKey:
        """Return the key that `secret` spells out as `0x` and 64 hexadecimal digits.

        Raises:
            ConfigError: AGB-130 it does not, or the number is none of the curve's.
        """
        if not _KEY.fullmatch(secret.reveal()):
            raise _malformed(f"a private key is 0x and 64 hexadecimal digits, this has {_shape(secret)}")
        if not 0 < int(secret.reveal(), 16) < _GROUP_ORDER:
            raise _malformed("a private key is 0x and 64 hexadecimal digits, and this number is outside the curve")
        # From here on `redact` knows the key without its 0x too. No local ever names it: tracebacks may show locals.
        Secret(Masked(secret.reveal()[2:]))
        Secret(Masked(secret.reveal()[2:].lower()))
        return cls(PrivateKey(MaskedBytes.fromhex(secret.reveal()[2:])))

    def sign(self, digest: bytes) -> bytes:
        """Return the 65 bytes r ‖ s ‖ v over a 32-byte digest: RFC 6979, low s, v 27 or 28.

        Raises:
            ValueError: the digest is not 32 bytes long.
        """
        signature = self._curve.sign_recoverable(digest, hasher=None)
        return signature[:64] + (b"\x1c" if signature[64] else b"\x1b")

    def __repr__(self) -> str:
        return f"SigningKey({MASK}, address={getattr(self, 'address', None)!r})"

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a key does not change")

    def __copy__(self) -> SigningKey:
        return self

    def __deepcopy__(self, memo: object) -> SigningKey:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a key is not pickled")


def checksum(address: str) -> str:
    """Return `0x` and 40 hexadecimal digits of any case in the case of EIP-55; ValueError when it is no address."""
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"an address is 0x and 40 hexadecimal digits, not {address!r}")
    digits = address[2:].lower()
    nibbles = keccak256(digits.encode()).hex()
    return "0x" + "".join(c.upper() if n >= "8" else c for c, n in zip(digits, nibbles, strict=False))


def parse_address(text: str, *, key: str = "") -> str:
    """Return what a person wrote as a checksummed address; `key` names where it was written.

    All lower or all upper case carries no checksum; mixed case must be the right one, else a digit is wrong.

    Raises:
        ConfigError: AGB-131.
    """
    if not _ADDRESS.fullmatch(text):
        reason = f"an address is 0x and 40 hexadecimal digits, not {text!r}"
        raise ConfigError(reason, id="AGB-131", key=key, remedy="copy the address again")
    right, digits = checksum(text), text[2:]
    if text != right and digits not in (digits.lower(), digits.upper()):
        reason = f"the checksum of {text} is wrong: a digit or its case was mistyped"
        raise ConfigError(reason, id="AGB-131", key=key, remedy="copy the address again")
    return right


def _malformed(reason: str) -> ConfigError:
    return ConfigError(reason, id="AGB-130", remedy="export the key again; never type or paste it into a file")


def _shape(secret: Secret) -> str:
    start = "0x" if secret.reveal()[:2] == "0x" else "no 0x"
    return f"{start} and {len(secret.reveal().removeprefix('0x'))} characters"
