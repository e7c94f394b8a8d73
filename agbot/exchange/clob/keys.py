"""API keys: made for a wallet that proves itself (L1), and proved by every private request (L2).

A key follows from the exchange's seed, the address, the nonce and how often that nonce's key was deleted before: the
same exchange gives the same keys after a restart. The first key of an address (nonce 0, never deleted) is therefore
taken even if nobody has asked for it yet: credentials that a person stored go on working.

A request's timestamp must be within `skew_s` of one of the clocks the check is given (the exchange's own and the
host's: clients sign with theirs, while the exchange's may be scaled). The venue's own tolerance is not documented.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import attrs

from agbot.exchange.api import Ask
from agbot.exchange.clob.signatures import checked_address, claim_signer
from agbot.exchange.core.model import Refused

UNAUTHORIZED: Final = "Unauthorized/Invalid api key"
BAD_CLAIM: Final = "Invalid L1 Request headers"
NOT_CREATED: Final = "Could not create api key"
NOT_DERIVED: Final = "Could not derive api key!"
SKEW_S: Final = 300
KEYS_MAX: Final = 100_000
PER_ADDRESS_MAX: Final = 64
"""Readonly and builder keys of one address."""
_HEADER_MAX: Final = 256
_NONCE_DIGITS: Final = 20


@attrs.frozen(kw_only=True)
class ApiKey:
    """An API key. `secret` is url-safe base64, `address` the checksummed EOA that asked for it."""

    key: str
    secret: str = attrs.field(repr=False)
    passphrase: str = attrs.field(repr=False)
    address: str
    nonce: int = 0

    def json(self) -> dict[str, str]:
        """Return it as ``/auth/api-key`` does."""
        return {"apiKey": self.key, "secret": self.secret, "passphrase": self.passphrase}

    def signature(self, timestamp: str, method: str, path: str, body: bytes) -> str:
        """Return what POLY_SIGNATURE must be."""
        message = f"{timestamp}{method}{path}".encode() + body
        return urlsafe_b64encode(hmac.digest(urlsafe_b64decode(self.secret), message, sha256)).decode()


@attrs.define(kw_only=True)
class SideKey:
    """A builder key or a readonly key: it names an address, and trades for nobody."""

    key: ApiKey
    created_ms: int
    revoked_ms: int = 0


class Keyring:
    """All API keys. `seed` decides what they are; `skew_s` None takes any timestamp."""

    def __init__(self, seed: int = 0, *, skew_s: int | None = SKEW_S) -> None:
        self.seed = seed
        self.skew_s = skew_s
        self._keys: dict[str, ApiKey] = {}
        self._slots: dict[tuple[str, int], str] = {}
        self._deleted: dict[tuple[str, int], int] = {}
        self.readonly: dict[str, SideKey] = {}
        self.builders: dict[str, SideKey] = {}
        self._aside_count = 0

    # ------------------------------------------------------------ L1: for a wallet's owner

    def claim(self, headers: Mapping[str, str], *clocks_s: int) -> tuple[str, int]:
        """Return (address, nonce) that L1 headers prove; Refused 401 when they prove nothing."""
        address, stamp = headers.get("poly_address", ""), headers.get("poly_timestamp", "")
        nonce = headers.get("poly_nonce", "0") or "0"
        try:
            owner = checked_address(address)
        except Refused as e:
            raise Refused(BAD_CLAIM, 401) from e
        if not (nonce.isascii() and nonce.isdigit() and len(nonce) <= _NONCE_DIGITS and self._timely(stamp, clocks_s)):
            raise Refused(BAD_CLAIM, 401)
        if claim_signer(owner, stamp, int(nonce), headers.get("poly_signature", "")) != owner:
            raise Refused(BAD_CLAIM, 401)
        return owner, int(nonce)

    def create(self, address: str, nonce: int = 0) -> ApiKey:
        """Return a new key; Refused 400 when that nonce has one."""
        if (address, nonce) in self._slots or len(self._keys) + len(self._deleted) >= KEYS_MAX:
            raise Refused(NOT_CREATED)
        return self._add(self._made(address, nonce))

    def derive(self, address: str, nonce: int = 0) -> ApiKey:
        """Return the key of that nonce; Refused 400 when there is none."""
        name = self._slots.get((address, nonce))
        if name is None:
            raise Refused(NOT_DERIVED)
        return self._keys[name]

    def given(self, address: str) -> ApiKey:
        """Return the first key of an address, made if need be: for a person who wants test credentials."""
        name = self._slots.get((address, 0))
        return self._keys[name] if name else self.create(address)

    # ------------------------------------------------------------ L2: for the key's holder

    def check(self, ask: Ask, *clocks_s: int) -> ApiKey:
        """Return the key whose holder sent this request; Refused 401 unless key, passphrase, address and HMAC fit."""
        headers = ask.headers
        key = self._of(headers.get("poly_api_key", ""), headers.get("poly_address", ""))
        stamp = headers.get("poly_timestamp", "")
        if key is None or not self._timely(stamp, clocks_s):
            raise Refused(UNAUTHORIZED, 401)
        right = key.signature(stamp, ask.method, ask.path, ask.body)
        if not (_same(right, headers.get("poly_signature")) and _same(key.passphrase, headers.get("poly_passphrase"))):
            raise Refused(UNAUTHORIZED, 401)
        return key

    def trusted(self, name: str, secret: object, passphrase: object) -> ApiKey | None:
        """Return the key of that name if secret and passphrase are its own, as sockets are told them."""
        key = self._keys.get(name)
        fits = key is not None and _same(key.secret, secret) and _same(key.passphrase, passphrase)
        return key if fits else None

    def names(self, address: str) -> list[str]:
        """Return the keys of an address, oldest first."""
        return [key.key for key in self._keys.values() if key.address == address]

    def delete(self, key: ApiKey) -> None:
        """Forget a key. Its nonce is free again and will give another one."""
        slot = key.address, key.nonce
        del self._keys[key.key], self._slots[slot]
        self._deleted[slot] = self._deleted.get(slot, 0) + 1

    # ------------------------------------------------------------ readonly and builder keys

    def add_readonly(self, address: str, now_ms: int) -> ApiKey:
        """Return a new readonly key."""
        return self._aside(self.readonly, "readonly", address, now_ms)

    def add_builder(self, address: str, now_ms: int) -> ApiKey:
        """Return a new builder key."""
        return self._aside(self.builders, "builder", address, now_ms)

    def check_builder(self, ask: Ask, *clocks_s: int) -> SideKey:
        """Return the builder key whose holder sent this request (POLY_BUILDER_* headers); Refused 401 otherwise."""
        headers = ask.headers
        side = self.builders.get(headers.get("poly_builder_api_key", ""))
        stamp = headers.get("poly_builder_timestamp", "")
        if side is None or side.revoked_ms or not self._timely(stamp, clocks_s):
            raise Refused(UNAUTHORIZED, 401)
        right = side.key.signature(stamp, ask.method, ask.path, ask.body)
        said = headers.get("poly_builder_signature"), headers.get("poly_builder_passphrase")
        if not (_same(right, said[0]) and _same(side.key.passphrase, said[1])):
            raise Refused(UNAUTHORIZED, 401)
        return side

    def _aside(self, keys: dict[str, SideKey], kind: str, address: str, now_ms: int) -> ApiKey:
        mine = sum(side.key.address == address for side in keys.values())
        if mine >= PER_ADDRESS_MAX or len(keys) >= KEYS_MAX:
            raise Refused(NOT_CREATED)
        self._aside_count += 1  # never used again: a key that was deleted must not come back
        key = self._derived(f"{kind}/{address}/{self._aside_count}", address, self._aside_count)
        keys[key.key] = SideKey(key=key, created_ms=now_ms)
        return key

    # ------------------------------------------------------------ over a restart

    def snapshot(self) -> dict[str, Any]:
        """Return everything as plain values, secrets included."""
        return {
            "seed": self.seed,
            "keys": [attrs.asdict(key) for key in self._keys.values()],
            "deleted": [[address, nonce, times] for (address, nonce), times in self._deleted.items()],
            "readonly": [attrs.asdict(side) for side in self.readonly.values()],
            "builders": [attrs.asdict(side) for side in self.builders.values()],
            "aside": self._aside_count,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over what `snapshot` gave; what was known is forgotten."""
        self.seed = saved["seed"]
        self._keys.clear()
        self._slots.clear()
        for row in saved["keys"]:
            self._add(ApiKey(**row))
        self._deleted = {(address, nonce): times for address, nonce, times in saved["deleted"]}
        self.readonly = {row["key"]["key"]: _side(row) for row in saved["readonly"]}
        self.builders = {row["key"]["key"]: _side(row) for row in saved["builders"]}
        self._aside_count = saved["aside"]

    # ------------------------------------------------------------ inside

    def _add(self, key: ApiKey) -> ApiKey:
        self._keys[key.key] = key
        self._slots[key.address, key.nonce] = key.key
        return key

    def _of(self, name: str, address: str) -> ApiKey | None:
        key = self._keys.get(name) or self._first(name, address)
        return key if key is not None and key.address.lower() == address.lower() else None

    def _first(self, name: str, address: str) -> ApiKey | None:
        """Return the first key of an address when that is its name and it was neither made nor deleted yet."""
        try:
            owner = checked_address(address)
        except Refused:
            return None
        if (owner, 0) in self._slots or (owner, 0) in self._deleted or len(self._keys) >= KEYS_MAX:
            return None
        made = self._made(owner, 0)
        return self._add(made) if _same(made.key, name) else None

    def _made(self, address: str, nonce: int) -> ApiKey:
        return self._derived(f"{address}/{nonce}/{self._deleted.get((address, nonce), 0)}", address, nonce)

    def _derived(self, what: str, address: str, nonce: int) -> ApiKey:
        def part(name: str) -> bytes:
            return sha256(f"agbot exchange {self.seed}/{what}/{name}".encode()).digest()

        return ApiKey(
            key=_uuid(part("key")),
            secret=urlsafe_b64encode(part("secret")).decode(),
            passphrase=part("passphrase").hex(),
            address=address,
            nonce=nonce,
        )

    def _timely(self, stamp: str, clocks_s: tuple[int, ...]) -> bool:
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _NONCE_DIGITS):
            return False
        return self.skew_s is None or any(abs(int(stamp) - now) <= self.skew_s for now in clocks_s)


def _side(row: Mapping[str, Any]) -> SideKey:
    return SideKey(key=ApiKey(**row["key"]), created_ms=row["created_ms"], revoked_ms=row["revoked_ms"])


def _same(right: str, said: object) -> bool:
    fits = isinstance(said, str) and len(said) <= _HEADER_MAX and said.isascii()
    return fits and hmac.compare_digest(right, str(said))


def _uuid(random: bytes) -> str:
    digits = random[:16].hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"
