"""An exchange of its own process, and what a test needs beside the client it drives: ears and a counter-party."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import attrs
from py_clob_client_v2 import ClobClient, OrderArgs, OrderType, Side
from websockets.sync.client import ClientConnection, connect

T = TypeVar("T")
Json = dict[str, Any]

CHAIN = 137
HEARTBEAT_TIMEOUT_S = 2
STARTS_WITHIN_S = 30
PATIENCE_S = 10.0
PAUSE_S = 0.05


@attrs.frozen(kw_only=True)
class Market:
    """A market of the ready line."""

    condition_id: str
    yes: str
    no: str
    slug: str
    tick: str


@attrs.frozen(kw_only=True)
class Box:
    """The ready line of an exchange. `admin` is its control socket."""

    urls: dict[str, str]
    keys: list[Json]
    markets: list[Market]
    admin: str
    ready: Json


@contextmanager
def running(*options: str) -> Iterator[Box]:
    """Run `agbot exchange` with `options` until the body ends."""
    command = [sys.executable, "-m", "agbot", "exchange", "--json", "--port", "0", *options]
    with tempfile.TemporaryDirectory(prefix="agbot-box-") as state, tempfile.TemporaryFile("w+") as errors:
        env = os.environ | {"XDG_STATE_HOME": state, "NO_PROXY": "127.0.0.1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env) as process:
            try:
                yield _ready(process, errors)
            finally:
                process.terminate()
                process.wait(STARTS_WITHIN_S)


def _ready(process: subprocess.Popen[str], errors: Any) -> Box:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(STARTS_WITHIN_S)
        errors.seek(0)
        raise AssertionError(f"agbot exchange ended with {process.returncode}: {errors.read()}")
    told = json.loads(line)
    assert told["event"] == "ready", told
    names = [field.name for field in attrs.fields(Market)]
    markets = [Market(**{name: str(row[name]) for name in names}) for row in told["markets"]]
    return Box(urls=told["urls"], keys=told["keys"], markets=markets, admin=told.get("admin", ""), ready=told)


def new_key() -> str:
    """Return a private key that nobody has used."""
    return "0x" + secrets.token_hex(32)


def until(found: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """Return the first result of `found` that is true; AssertionError with the last one when there is none in time."""
    deadline = time.monotonic() + patience_s
    while not (result := found()):
        assert time.monotonic() < deadline, f"still {result!r} after {patience_s} s"
        time.sleep(PAUSE_S)
    return result


# ---------------------------------------------------------------- ears for the clients that have none


@contextmanager
def listening(url: str, first: Json) -> Iterator[ClientConnection]:
    """Open a socket of the venue with its first frame."""
    with connect(url, proxy=None) as ws:
        ws.send(json.dumps(first))
        yield ws


def hear(ws: ClientConnection, wanted: Callable[[Json], bool], patience_s: float = PATIENCE_S) -> Json:
    """Return the first event that is wanted; TimeoutError when none comes in time."""
    deadline = time.monotonic() + patience_s
    while True:
        told = json.loads(ws.recv(timeout=max(0.0, deadline - time.monotonic())))
        for event in told if isinstance(told, list) else [told]:
            if wanted(event):
                return event


def user_frame(creds: Any) -> Json:
    """Return the first frame of the user socket for `ApiCreds`."""
    auth = {"apiKey": creds.api_key, "secret": creds.api_secret, "passphrase": creds.api_passphrase}
    return {"type": "user", "auth": auth}


# ---------------------------------------------------------------- the other side of a trade


class Other:
    """A trader with a key of its own, who makes or takes what the client under test wants to trade."""

    def __init__(self, box: Box) -> None:
        key = new_key()
        creds = ClobClient(box.urls["clob"], CHAIN, key=key).create_or_derive_api_key()
        self.client = ClobClient(box.urls["clob"], CHAIN, key=key, creds=creds)

    def offer(self, market: Market, price: float, size: float, order_type: str = OrderType.GTC) -> Json:
        """Sell YES by buying NO: a mint, which needs no shares."""
        return self._buy(market.no, round(1 - price, 4), size, order_type)

    def bid(self, market: Market, price: float, size: float, order_type: str = OrderType.GTC) -> Json:
        """Buy YES."""
        return self._buy(market.yes, price, size, order_type)

    def leave(self) -> None:
        """Take everything off the book."""
        self.client.cancel_all()

    def _buy(self, token: str, price: float, size: float, order_type: str) -> Json:
        order = OrderArgs(token_id=token, price=price, size=size, side=Side.BUY)
        posted: Json = self.client.create_and_post_order(order, order_type=order_type)
        assert posted["success"], posted
        return posted
