"""A crowd of idle sockets in a process of its own: ``python crowd.py PORT COUNT``.

Opens them and says nothing on any. To each line on its standard input it answers with one JSON line that counts its
sockets: ``open``, ``refused`` (a whole HTTP 503 and the end), ``closed`` (the end without a word). It leaves when its
standard input ends.
"""

import json
import resource
import select
import socket
import sys
import time

CONNECT_S = 60.0


def connect(port: int) -> socket.socket:
    """Open one connection; a full backlog is waited for."""
    deadline = time.monotonic() + CONNECT_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), CONNECT_S)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def heard(crowd: dict[int, socket.socket]) -> list[int]:
    """Return the descriptors on which something came."""
    poll = select.poll()
    for descriptor in crowd:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll(0)]


def told(connection: socket.socket) -> str:
    """Return how a connection ended."""
    words = b""
    try:
        while part := connection.recv(4096):
            words += part
    except ConnectionResetError:
        pass
    whole = words.startswith(b"HTTP/1.1 503 ") and words.endswith(b'{"error":"too many connections"}')
    return "refused" if whole else "closed"


def main() -> None:
    """Hold the crowd until standard input ends."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, hard), hard))
    crowd: dict[int, socket.socket] = {}
    ends = {"refused": 0, "closed": 0}
    for _ in range(count):
        connection = connect(port)
        crowd[connection.fileno()] = connection
    for _ in sys.stdin:
        for descriptor in heard(crowd):
            connection = crowd.pop(descriptor)
            ends[told(connection)] += 1
            connection.close()
        print(json.dumps({"open": len(crowd), **ends}), flush=True)


if __name__ == "__main__":
    main()
