"""From an order's price and size to the signed body that is posted, against the official client."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

from coincurve import PrivateKey

from agbot.model.order import Side
from agbot.secrets import Secret
from agbot.units import NS_PER_MS, notional
from agbot.venue.polymarket.contracts import POLYGON
from agbot.venue.polymarket.keys import SigningKey
from agbot.venue.polymarket.orders import OrderFields, OrderSigner, post_body, salt_of
from agbot.venue.polymarket.wallets import Account
from benchmarks.signing_peer import OWNER, PRIVATE_KEY, TOKEN, official_body, repeated
from benchmarks.timing import Effort, Row, at_most, best_ns, faster, not_installed

NAME = "order to signed body"
OFFICIAL = "py-clob-client-v2"
NATIVE_BACKEND = {"ECC_BACKEND_CLASS": "eth_keys.backends.NativeECCBackend"}


def rows(effort: Effort) -> list[Row]:
    """Measure every promise about signing."""
    alone = repeated(_signature_alone())
    try:
        official = official_body()
    except ImportError:
        ns = best_ns({"ours": repeated(_our_body()), "curve": alone}, effort)
        goals = (f">= 10 x faster than {OFFICIAL}", f">= 100 x faster than {OFFICIAL} without coincurve")
        return [_against_the_curve(ns), *(not_installed(NAME, goal, OFFICIAL) for goal in goals)]
    ns = best_ns({"ours": repeated(_our_body()), "curve": alone, OFFICIAL: repeated(official)}, effort)
    ns[f"{OFFICIAL} without coincurve"] = _without_coincurve(effort)
    return [
        _against_the_curve(ns),
        faster(NAME, 10, ns, "ours", OFFICIAL),
        faster(NAME, 100, ns, "ours", f"{OFFICIAL} without coincurve"),
    ]


def _against_the_curve(ns: dict[str, float]) -> Row:
    ns = ns | {"coincurve's signature alone": ns["curve"]}
    return at_most(NAME, 1.6, ns, "ours", "coincurve's signature alone")


def _our_body() -> Callable[[], bytes]:
    key = SigningKey.parse(Secret(PRIVATE_KEY))
    signer = OrderSigner(key, Account.of_owner(key.address), POLYGON)
    token, price, size, numbers = int(TOKEN), 530_000, 100_000_000, itertools.count()

    def body() -> bytes:
        salt, now_ms = salt_of(f"bot-{next(numbers)}"), time.time_ns() // NS_PER_MS
        fields = OrderFields(token, notional(price, size), size, Side.BUY, salt, now_ms)
        return post_body(signer.sign(fields, version=2, neg_risk=False), owner=OWNER, order_type="GTC", post_only=False)

    return body


def _signature_alone() -> Callable[[], bytes]:
    sign, digest = PrivateKey(bytes.fromhex(PRIVATE_KEY[2:])).sign_recoverable, bytes(range(32))
    return lambda: sign(digest, hasher=None)


def _without_coincurve(effort: Effort) -> float:
    """Return the official client's nanoseconds in a process that cannot import coincurve."""
    command = [sys.executable, "-m", "benchmarks.signing_peer", str(effort.rounds), str(effort.seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | NATIVE_BACKEND)
    measured: float = json.loads(done.stdout)["official"]
    return measured
