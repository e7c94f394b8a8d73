"""The official client at the same work: an order from price and size to the body that is posted.

Run as a program it does so without coincurve, as an installation that lacks it does (eth-keys then computes in pure
Python and does not say so), and prints the best nanoseconds of one order as JSON. Arguments: rounds, seconds.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from benchmarks.timing import Case, Effort, best_ns

TOKEN = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
PRIVATE_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # publicly known, for tests
OWNER = "00000000-0000-0000-0000-0000000000a1"


def official_body() -> Callable[[], bytes]:
    """Return py-clob-client-v2's way from price and size to the body; ImportError when it is not installed.

    What it would ask the venue for (tick, neg-risk, version) is given, so that nothing is asked.
    """
    from py_clob_client_v2 import ClobClient, OrderArgs, PartialCreateOrderOptions  # noqa: PLC0415 - optional
    from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2  # noqa: PLC0415

    client: Any = ClobClient("https://clob.invalid", 137, key=PRIVATE_KEY)
    client._ClobClient__resolve_version = lambda: 2  # noqa: SLF001
    client._ClobClient__resolve_tick_size = lambda _token, _tick: "0.01"  # noqa: SLF001
    options = PartialCreateOrderOptions(tick_size="0.01", neg_risk=False)

    def body() -> bytes:
        order = client.create_order(OrderArgs(price=0.53, size=100.0, side="BUY", token_id=TOKEN), options)
        payload = order_to_json_v2(order, OWNER, "GTC", False, False)
        return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()

    return body


def repeated(body: Callable[[], bytes]) -> Case:
    """Return `body` as a case to time."""

    def case(count: int) -> None:
        for _ in range(count):
            body()

    return case


def main() -> None:
    """Time the official client without coincurve."""
    sys.modules["coincurve"] = None  # type: ignore[assignment]  # importing it fails from here on
    from eth_keys.backends import get_backend  # noqa: PLC0415 - only now, without coincurve

    backend = type(get_backend()).__name__
    if backend != "NativeECCBackend":
        raise SystemExit(f"this was to be pure Python, not {backend}")
    effort = Effort(rounds=int(sys.argv[1]), seconds=float(sys.argv[2]))
    print(json.dumps(best_ns({"official": repeated(official_body())}, effort)))


if __name__ == "__main__":
    main()
