"""Who signs: a key in this process, or another process that holds it and has limits of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import trio

from agbot.errors import ConfigError, VenueRefused, VenueUnavailable
from agbot.venue.polymarket.contracts import CHAINS, Chain
from agbot.venue.polymarket.orders import OrderFields, OrderIds, OrderSigner, SignedOrder, Version
from agbot.venue.polymarket.wallets import Account

SIGNATURE_S: Final = 1.0
ANSWER_MAX: Final = 65_536
VENUE: Final = "polymarket"


class Signer(Protocol):
    """Signs the orders of one account."""

    @property
    def account(self) -> Account:
        """Return whose orders these are."""
        ...

    def order_id(self, fields: OrderFields, *, version: Version, neg_risk: bool) -> str:
        """Return the id the venue will give this order."""
        ...

    async def sign(self, fields: OrderFields, *, version: Version, neg_risk: bool) -> SignedOrder:
        """Return the signed order; an ExecutionError means that nothing was signed."""
        ...


class LocalSigner:
    """The key is here."""

    def __init__(self, signer: OrderSigner) -> None:
        self._signer = signer
        self.order_id = signer.order_id

    @property
    def account(self) -> Account:
        """Return whose orders these are."""
        return self._signer.account

    async def sign(self, fields: OrderFields, *, version: Version, neg_risk: bool) -> SignedOrder:
        """Return the signed order; see `OrderSigner.sign`."""
        return self._signer.sign(fields, version=version, neg_risk=neg_risk)


class RemoteSigner:
    """The key is in the process that listens at `path`; see `agbot.run.signer` for its side of the wire.

    Args:
        path: its Unix socket.
        account: what its `hello` said.
    """

    def __init__(self, path: Path, account: Account, chain: Chain) -> None:
        self._path = path
        self._ids = OrderIds(account, chain)
        self.account = account
        self.order_id = self._ids.order_id

    @classmethod
    async def at(cls, path: Path, chain: Chain) -> RemoteSigner:
        """Return the signer that listens at `path`; ConfigError AGB-148 when none does, or for another chain."""
        try:
            said = await _ask(path, {"op": "hello"})
            account = Account(said["owner"], said["funder"], said["signature_type"])
            if said["chain_id"] != chain.chain_id:
                raise _unfit(path, f"signs for chain {said['chain_id']}, the configuration says {chain.chain_id}")
        except (VenueUnavailable, VenueRefused) as e:
            raise _unfit(path, e.reason) from e
        except (KeyError, ValueError, TypeError) as e:
            raise _unfit(path, "does not answer as a signer") from e
        return cls(path, account, chain)

    async def sign(self, fields: OrderFields, *, version: Version, neg_risk: bool) -> SignedOrder:
        """Return the signed order.

        Raises:
            VenueRefused: code "signer", it refused or answered with something else; nothing was sent.
            VenueUnavailable: it does not answer; nothing was sent.
        """
        order_id = self.order_id(fields, version=version, neg_risk=neg_risk)
        said = await _ask(self._path, sign_request(fields, version=version, neg_risk=neg_risk, chain=self._ids.chain))
        text = said.get("signature")
        if said.get("order_id") != order_id or not isinstance(text, str):
            raise _refused("it signed something else")
        try:
            signature = bytes.fromhex(text.removeprefix("0x"))
        except ValueError as e:
            raise _refused("its signature is not hexadecimal") from e
        account = self.account
        return SignedOrder(order_id, fields, account.maker, account.signer, account.signature_type, signature)


def sign_request(fields: OrderFields, *, version: int, neg_risk: bool, chain: Chain) -> dict[str, Any]:
    """Return the request for a signature: whole numbers, those that may exceed 53 bits as text."""
    return {
        "op": "sign",
        "chain_id": chain.chain_id,
        "contract": chain.exchange(version, neg_risk=neg_risk),
        "version": version,
        "neg_risk": neg_risk,
        "order": {
            "token_id": str(fields.token_id),
            "maker_amount": fields.maker_amount,
            "taker_amount": fields.taker_amount,
            "side": str(fields.side),
            "salt": fields.salt,
            "timestamp_ms": fields.timestamp_ms,
            "expiration_s": fields.expiration_s,
            "metadata": fields.metadata.hex(),
            "builder": fields.builder.hex(),
        },
    }


async def _ask(path: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer to one request, over a connection of its own: a late answer is nobody else's."""
    with trio.move_on_after(SIGNATURE_S):
        try:
            async with await trio.open_unix_socket(str(path)) as stream:
                await stream.send_all(msgspec.json.encode(request) + b"\n")
                return _answer(await _line(stream))
        except (OSError, trio.BrokenResourceError) as e:
            raise _away(path, str(getattr(e, "strerror", "") or e)) from e
    raise _away(path, f"no answer within {SIGNATURE_S:g} s")


async def _line(stream: trio.SocketStream) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        chunk = await stream.receive_some(ANSWER_MAX)
        if not chunk or len(received) > ANSWER_MAX:
            raise trio.BrokenResourceError("it hung up")
        received += chunk
    return bytes(received)


def _away(path: Path, why: str) -> VenueUnavailable:
    return VenueUnavailable(f"the signer at {path} does not sign: {why}", venue=VENUE)


def _answer(line: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError as e:
        raise _refused("its answer is not a reply") from e
    if said.get("ok") is True:
        return said
    error = said.get("error")
    raise _refused(str(error.get("reason")) if isinstance(error, dict) else "it said no without a reason")


def _refused(why: str) -> VenueRefused:
    return VenueRefused(f"the signer did not sign: {why}", code="signer", venue=VENUE)


def _unfit(path: Path, why: str) -> ConfigError:
    remedy = "start it: agbot signer, and name its socket under live.signer"
    return ConfigError(f"the signer at {path}: {why}", id="AGB-148", key="live.signer", remedy=remedy)


def chain_named(name: str) -> Chain:
    """Return the chain that the configuration calls `name`."""
    return CHAINS[{"polygon": 137, "amoy": 80002}[name]]
