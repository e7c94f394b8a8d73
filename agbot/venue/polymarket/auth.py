"""The headers that prove who asks: L1 is signed by the wallet, L2 by the API secret."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Final

import attrs
import msgspec

from agbot.errors import ConfigError
from agbot.secrets import Masked, MaskedBytes, Secret
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import clob_auth_digest

API_KEY: Final = "POLYMARKET_API_KEY"
API_SECRET: Final = "POLYMARKET_SECRET"  # noqa: S105 - a name
API_PASSPHRASE: Final = "POLYMARKET_PASSPHRASE"  # noqa: S105 - a name

_BLOCK: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_HEADER: Final = re.compile(r"[!-~]{1,256}")


class Hmac:
    """HMAC-SHA256 with the key's share of the work done once; it holds the key only as hash states."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        key = MaskedBytes(hashlib.sha256(key).digest() if len(key) > _BLOCK else key)
        self._inner = hashlib.sha256(MaskedBytes(key.ljust(_BLOCK, b"\0").translate(_INNER)))
        self._outer = hashlib.sha256(MaskedBytes(key.ljust(_BLOCK, b"\0").translate(_OUTER)))

    def sign(self, message: bytes) -> str:
        """Return the signature of `message` as url-safe base64 with padding."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return binascii.b2a_base64(outer.digest(), newline=False).translate(_URL_SAFE).decode("ascii")


@attrs.frozen(kw_only=True)
class ApiCredentials:
    """The venue's API key. Nothing of it is printed, the key's name neither.

    Raises:
        ConfigError: AGB-137, the secret is not url-safe base64, or a part cannot stand in a header.
    """

    key: str = attrs.field(repr=False)
    secret: Secret = attrs.field(repr=False)
    passphrase: Secret = attrs.field(repr=False)
    hmac: Hmac = attrs.field(init=False, repr=False, eq=False)

    @hmac.default
    def _prepare(self) -> Hmac:
        for name, text in ((API_KEY, self.key), (API_PASSPHRASE, Masked(self.passphrase.reveal()))):
            if not _HEADER.fullmatch(text):
                raise _malformed(name, "1 to 256 visible ASCII characters without spaces")
        return Hmac(_decode(self.secret))


def l1_headers(key: SigningKey, timestamp_s: int, nonce: int = 0, chain_id: int = 137) -> dict[str, str]:
    """Return the headers by which a wallet asks for its API key.

    Args:
        key: of the EOA.
        timestamp_s: seconds since 1970, UTC.
        nonce: names the API key among several of one wallet.
        chain_id: 137 is Polygon.
    """
    return {
        "POLY_ADDRESS": key.address,
        "POLY_SIGNATURE": "0x" + key.sign(clob_auth_digest(key.address, timestamp_s, nonce, chain_id)).hex(),
        "POLY_TIMESTAMP": str(timestamp_s),
        "POLY_NONCE": str(nonce),
    }


def l2_headers(  # noqa: PLR0917 - read as one line of a request
    creds: ApiCredentials, address: str, method: str, path: str, body: bytes, timestamp_s: int
) -> dict[str, str]:
    """Return the headers of a request under an API key.

    Args:
        creds: the API key.
        address: the EOA that owns the key (not the funder).
        method: such as ``"POST"``.
        path: without host and without query.
        body: exactly the bytes that are sent, empty for none.
        timestamp_s: seconds since 1970, UTC.
    """
    stamp = str(timestamp_s)
    return {
        "POLY_ADDRESS": address,
        "POLY_SIGNATURE": creds.hmac.sign(f"{stamp}{method}{path}".encode() + body),
        "POLY_TIMESTAMP": stamp,
        "POLY_API_KEY": creds.key,
        "POLY_PASSPHRASE": Masked(creds.passphrase.reveal()),
    }


def _decode(secret: Secret) -> bytes:
    text = Masked(secret.reveal())
    bare = Masked(text.rstrip("="))
    if not _BASE64.fullmatch(text) or len(bare) % 4 == 1 or (text != bare and len(text) % 4):
        raise _malformed(API_SECRET, "url-safe base64: letters, digits, - and _, with or without = at the end")
    return MaskedBytes(base64.urlsafe_b64decode(Masked(bare + "=" * (-len(bare) % 4))))


def _malformed(name: str, form: str) -> ConfigError:
    return ConfigError("malformed", id="AGB-137", key=name, remedy=f"it must be {form}")


def shown_key(creds: ApiCredentials) -> dict[str, str]:
    """Return secret and passphrase as a socket's first words carry them, masked wherever they are printed."""
    return {"secret": Masked(creds.secret.reveal()), "passphrase": Masked(creds.passphrase.reveal())}


def to_json(message: Mapping[str, object]) -> bytes:
    """Return a message as JSON that may hold masked text, itself masked."""
    return MaskedBytes(_ENCODER.encode(message))


def _plain(value: object) -> str:
    if isinstance(value, Masked):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_plain)
