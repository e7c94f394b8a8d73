"""A light client of the exchange, for load: one request at a time on a connection of its own, signed by agbot's signer.

It knows the one server it is for: HTTP/1.1, kept alive, every answer with a length.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import trio

from agbot._keccak import keccak256
from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.venue.polymarket.amounts import limit_amounts
from agbot.venue.polymarket.auth import ApiCredentials, l1_headers, l2_headers
from agbot.venue.polymarket.compose import Terms
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, post_body
from agbot.venue.polymarket.wallets import Account

RECEIVE_BYTES = 64 * 1024
decode = msgspec.json.decode


class Pipe:
    """A kept-alive connection to ``http://host:port/prefix``, opened when it is needed."""

    def __init__(self, url: str) -> None:
        place, _, prefix = url.partition("//")[2].partition("/")
        self.host, port = place.rsplit(":", 1)
        self.port = int(port)
        self.prefix = "/" + prefix if prefix else ""
        self._stream: trio.SocketStream | None = None

    async def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        if self._stream is None:
            self._stream = await trio.open_tcp_stream(self.host, self.port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) if headers else ""
        head = (
            f"{method} {self.prefix}{path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        )
        await self._stream.send_all(head.encode() + body)
        return await self._answer(self._stream)

    async def _answer(self, stream: trio.SocketStream) -> tuple[int, bytes]:
        got = bytearray()
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += await self._more(stream)
        head = bytes(got[:end]).lower()
        start = head.index(b"content-length:") + 15
        length = int(head[start:].partition(b"\r\n")[0])
        while len(got) < end + 4 + length:
            got += await self._more(stream)
        if b"connection: close" in head:
            await self.aclose()
        return int(head[9:12]), bytes(got[end + 4 :])

    async def _more(self, stream: trio.SocketStream) -> bytes:
        part = await stream.receive_some(RECEIVE_BYTES)
        if not part:
            await self.aclose()
            raise trio.BrokenResourceError("the exchange closed the connection in an answer")
        return bytes(part)

    async def aclose(self) -> None:
        """Close the connection; the next question opens another."""
        if self._stream is not None:
            await trio.aclose_forcefully(self._stream)
            self._stream = None


class Trader:
    """Key, API key and signer of one bot; the same number is always the same key."""

    def __init__(self, number: int) -> None:
        key = SigningKey.parse(Secret("0x" + keccak256(b"agbot load %d" % number).hex()))
        self.key = key
        self.address = key.address
        self._signer = OrderSigner(key, Account.of_owner(key.address), POLYGON)
        self._salt = number << 40
        self.creds: ApiCredentials

    async def log_in(self, pipe: Pipe) -> None:
        """Make or derive the API key."""
        headers = l1_headers(self.key, int(time.time()))
        status, body = await pipe.ask("POST", "/auth/api-key", headers)
        if status != 200:
            status, body = await pipe.ask("GET", "/auth/derive-api-key", headers)
        assert status == 200, body
        told = decode(body)
        secret, passphrase = Secret(told["secret"]), Secret(told["passphrase"])
        self.creds = ApiCredentials(key=told["apiKey"], secret=secret, passphrase=passphrase)

    @property
    def auth(self) -> dict[str, str]:
        """What the user socket wants to be told first."""
        creds = self.creds
        return {"apiKey": creds.key, "secret": creds.secret.reveal(), "passphrase": creds.passphrase.reveal()}

    def order(self, token: str, side: Side, price: int, size: int, terms: Terms) -> tuple[str, bytes]:
        """Return the id and the body of a new GTC order; price and size in 10⁻⁶."""
        amounts = limit_amounts(side, price, size, terms.tick)
        self._salt += 1
        fields = OrderFields(int(token), amounts.maker, amounts.taker, side, self._salt, time.time_ns() // 1_000_000)
        signed = self._signer.sign(fields, version=terms.version, neg_risk=terms.neg_risk)
        return signed.order_id, post_body(signed, owner=self.creds.key, order_type="GTC", post_only=False)

    async def call(self, pipe: Pipe, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Ask for something that is one's own; return status and decoded answer."""
        headers = l2_headers(self.creds, self.address, method, path, body, int(time.time()))
        status, answer = await pipe.ask(method, path, headers, body)
        return status, decode(answer) if answer[:1] in (b"{", b"[", b'"') else answer.decode(errors="replace")
