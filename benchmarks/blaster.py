"""A server that only sends: hand-made handshake, then frames made beforehand, as fast as the socket takes them.

``python -m benchmarks.blaster COUNT`` prints its port; each connection gets two whole books and `COUNT` changes of
about 750 bytes, as Polymarket's market channel sends them, and then the end of the stream.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import socket
import struct
import sys
import threading

CONDITION = "0x5f65177b394277fd294cd75650044e32ba009a95022d88a0c1d565897d72f8f1"
YES = "71321045679252212594626385532706912750332728571942532289631379312455583992563"
NO = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
VARIETY = 600


def changes(count: int) -> list[bytes]:
    """Return price changes away from the touch of 0.499 and 0.501, two thirds of one level and one third of two."""
    dice = random.Random(1)
    return [_frame(_change(dice, 2 if n % 3 == 0 else 1)) for n in range(count)]


def books() -> list[bytes]:
    """Return the whole books of both outcomes."""
    bids = [{"price": f"{p / 1000:.3f}", "size": "100"} for p in range(300, 500)]
    asks = [{"price": f"{p / 1000:.3f}", "size": "100"} for p in range(700, 500, -1)]
    more = {"event_type": "book", "market": CONDITION, "timestamp": "1757908892351", "tick_size": "0.001"}
    return [_frame({**more, "asset_id": token, "bids": bids, "asks": asks}) for token in (YES, NO)]


def _change(dice: random.Random, levels: int) -> dict[str, object]:
    rows = []
    for _ in range(levels):
        price, buys = dice.randrange(302, 498), dice.random() < 0.5
        size = "0" if dice.random() < 0.35 else str(round(dice.uniform(1, 5000), 2))
        for token, side in ((YES, buys), (NO, not buys)):
            at = price if side else 1000 - price
            rows.append(
                {
                    "asset_id": token,
                    "price": f"{at / 1000:.3f}".rstrip("0"),
                    "size": size,
                    "side": "BUY" if side else "SELL",
                    "hash": f"{dice.getrandbits(160):040x}",
                    "best_bid": "0.499",
                    "best_ask": "0.501",
                }
            )
    return {"market": CONDITION, "price_changes": rows, "timestamp": "1757908892351", "event_type": "price_change"}


def _frame(message: dict[str, object]) -> bytes:
    payload = json.dumps(message, separators=(",", ":")).encode()
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload


def serve(connection: socket.socket, wire: bytes) -> None:
    """Answer the upgrade, send everything, and close when the client has."""
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        lines = (line.partition(b":") for line in head.split(b"\r\n"))
        key = next(value.strip() for name, _, value in lines if name.lower() == b"sec-websocket-key")
        accept = base64.b64encode(hashlib.sha1(key + KEY).digest())
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        try:
            connection.sendall(wire)
            connection.recv(4096)  # the client's close frame, or its end
        except OSError:
            pass  # the client has counted enough


def main() -> None:
    """Serve until killed."""
    count = int(sys.argv[1])
    variety = changes(min(VARIETY, count))
    wire = b"".join(books()) + b"".join(variety * (count // len(variety)) + variety[: count % len(variety)])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, wire), daemon=True).start()


if __name__ == "__main__":
    main()
