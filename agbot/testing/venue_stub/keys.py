"""API keys of the stub and the check of every signed request, written apart from the client's own code."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

import attrs

from agbot.exchange.clob.signatures import claim_signer
from agbot.testing.venue_stub.script import Received, Reply, error

PRIVATE_KEY: Final = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first key of every development chain; nobody's money."""
ADDRESS: Final = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@attrs.frozen(kw_only=True)
class StubKey:
    """An API key. `secret` is url-safe base64."""

    key: str = "00000000-1111-4222-8333-444444444444"
    secret: str = "c3R1Yi1zZWNyZXQtc3R1Yi1zZWNyZXQtc3R1Yi1zZWM="  # noqa: S105 - of a stub
    passphrase: str = "stub-passphrase-0123456789"  # noqa: S105 - of a stub
    address: str = ADDRESS
    nonce: int = 0

    def json(self) -> dict[str, str]:
        """Return it as ``/auth/api-key`` does."""
        return {"apiKey": self.key, "secret": self.secret, "passphrase": self.passphrase}

    def signature(self, timestamp: str, method: str, path: str, body: bytes) -> str:
        """Return what POLY_SIGNATURE must be."""
        text = f"{timestamp}{method}{path}".encode() + body
        return urlsafe_b64encode(hmac.digest(urlsafe_b64decode(self.secret), text, sha256)).decode()


class Keyring:
    """Who may ask what. `keys` may be changed by a test, such as to revoke one."""

    def __init__(self) -> None:
        self.keys = {StubKey().key: StubKey()}

    def refusal(self, received: Received) -> Reply | None:
        """Return 401 unless the request carries a known key, its passphrase, its address and the right signature."""
        headers = received.headers
        key = self.keys.get(headers.get("poly_api_key", ""))
        if key is None or headers.get("poly_passphrase") != key.passphrase:
            return error(401, "Unauthorized/Invalid api key")
        if headers.get("poly_address", "").lower() != key.address.lower():
            return error(401, "Unauthorized/Invalid api key")
        expected = key.signature(headers.get("poly_timestamp", ""), received.method, received.path, received.body)
        if not hmac.compare_digest(expected, headers.get("poly_signature", "")):
            return error(401, "Unauthorized/Invalid api key")
        return None

    def create(self, received: Received) -> Reply:
        """Answer ``POST /auth/api-key``: 400 when the address has one under that nonce."""
        address, nonce, refusal = _claimed(received)
        if refusal is not None:
            return refusal
        if self._of(address, nonce) is not None:
            return error(400, "Could not create api key")
        key = StubKey(key=f"00000000-0000-4000-8000-{len(self.keys):012d}", address=address, nonce=nonce)
        self.keys[key.key] = key
        return Reply(json=key.json())

    def derive(self, received: Received) -> Reply:
        """Answer ``GET /auth/derive-api-key``."""
        address, nonce, refusal = _claimed(received)
        key = self._of(address, nonce)
        return refusal or (Reply(json=key.json()) if key else error(400, "Could not derive api key!"))

    def listed(self, received: Received) -> Reply:
        """Answer ``GET /auth/api-keys``."""
        address = received.headers["poly_address"].lower()
        return Reply(json={"apiKeys": [key.key for key in self.keys.values() if key.address.lower() == address]})

    def delete(self, received: Received) -> Reply:
        """Answer ``DELETE /auth/api-key``."""
        del self.keys[received.headers["poly_api_key"]]
        return Reply(json="OK")

    def _of(self, address: str, nonce: int) -> StubKey | None:
        mine = (k for k in self.keys.values() if k.address.lower() == address.lower() and k.nonce == nonce)
        return next(mine, None)


def _claimed(received: Received) -> tuple[str, int, Reply | None]:
    """Return address, nonce and None, or a refusal: the wallet at that address must have signed."""
    headers = received.headers
    wanted = ("poly_address", "poly_signature", "poly_timestamp", "poly_nonce")
    if any(not headers.get(name) for name in wanted) or not headers["poly_nonce"].isdigit():
        return "", 0, error(401, "Invalid L1 Request headers")
    address, nonce = headers["poly_address"], int(headers["poly_nonce"])
    signer = claim_signer(address, headers["poly_timestamp"], nonce, headers["poly_signature"])
    return address, nonce, None if signer == address else error(401, "Invalid L1 Request headers")
