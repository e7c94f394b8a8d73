"""What a bot answers over its control socket, fixed; and a socket that gives such answers."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Answer = dict[str, Any]


def answers(run_id: str = "r-7f3a") -> dict[str, Answer]:
    """Return a whole answer for every request that the terminal makes."""
    held = {"market": "sd-lad-winner", "outcome": "YES", "size": "120", "average": "0.4755", "price": "0.51"}
    return {
        "status": {
            "run_id": run_id,
            "kill_scopes": [{"scope": "market", "name": "best-picture-drama", "reason": "news tonight"}],
            "halted": "",
            "positions": [
                {**held, "value": "61.20", "pnl": "4.14"},
                {**held, "market": "btc-over-120k", "outcome": "NO", "size": "35.5", "pnl": "-1.02", "value": "12"},
            ],
            "reconcile": {"reads": 4, "failed_reads": 0, "checked_ns": 1_763_715_648_000_000_000, "differences": []},
        },
        "risk": {
            "limits": [
                {"policy": "PositionLimit", "says": "at most 200 shares net, long or short", "used_pct": 60.0},
                {"policy": "DailyLoss", "says": "at most 50 usd lost in a UTC day", "used_pct": 93.0},
                {"policy": "OrderCap", "says": "at most 25 usd an order", "used_pct": None},
            ]
        },
        "feeds": {
            "feeds": [
                feed("fed-cuts-in-december YES"),
                feed("fed-cuts-in-december NO", lag_ms=None, trust="no data", age_s=None),
                feed("btcusdt", source="realtime", lag_p99_ms=88.1, messages=90_211),
            ]
        },
        "strategies": {
            "run_id": run_id,
            "strategies": [
                {"id": "quoter", "kind": "Quoter", "stopped": "", "markets": ["m0", "m1"], "metadata": {}},
                {
                    "id": "maker",
                    "kind": "Maker",
                    "stopped": "it raised KeyError",
                    "markets": ["m2"],
                    "metadata": {"model": "logit", "markets": {"sd-lad-winner": {"mid": 0.5, "logit_vol": None}}},
                },
            ],
        },
        "ladder": ladder("m3"),
    }


def feed(topic: str, **more: object) -> Answer:
    row = {"source": "market", "topic": topic, "rate": 12.25, "lag_ms": 3.5, "lag_p99_ms": None, "age_s": 0.4}
    return {**row, "trust": "ok", "messages": 1042, **more}


def ladder(market: str, *, level: str = "120", in_book: bool = True) -> Answer:
    """Return a book of eight levels a side around 0.60, with an order of ours on either side."""
    return {
        "run_id": "r-7f3a",
        "market_id": market,
        "tick": "0.01",
        "bids": [[f"{0.59 - n / 100:.2f}", f"{100 + n}"] for n in range(8)],
        "asks": [[f"{0.61 + n / 100:.2f}", f"{200 + n}.5"] for n in range(8)],
        "in_book": in_book,
        "orders": [
            {"client_order_id": "o3", "side": "bid", "price": "0.58", "left": "20", "state": "OPEN", "level": level},
            {"client_order_id": "o8", "side": "ask", "price": "0.9", "left": "7", "state": "OPEN", "level": "7"},
        ],
        "doubts": {"m0": "", "m1": "no data", "m2": "", "m3": ""},
    }


class FakeControl:
    """A control socket: answers each request by its `op`, keeps what was asked."""

    def __init__(self, directory: Path, told: Mapping[str, Answer | Callable[[Answer], Answer]]) -> None:
        self.asked: list[Answer] = []
        self.told = dict(told)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / "control.sock"))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> FakeControl:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._listener.close()

    def of(self, op: str) -> list[Answer]:
        """Return the requests of this kind, in order."""
        return [asked for asked in self.asked if asked["op"] == op]

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:  # closed: the test is over
                return
            with link:
                asked = json.loads(link.makefile("rb").readline())
                self.asked.append(asked)
                told = self.told[asked["op"]]
                reply = told(asked) if callable(told) else told
                link.sendall(json.dumps({"ok": True, **reply}).encode() + b"\n")
