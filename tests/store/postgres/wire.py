"""A wire to a server that can be cut."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from pathlib import Path

from benchmarks.postgres_server import SOCKET, Server


class Wire:
    """Stands between a client and the server; cuts it, or swallows the answer to a COMMIT and then cuts."""

    def __init__(self, server: Server) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="agbot-wire-", dir="/tmp"))
        self.swallow_commits = 0
        self.swallowed = 0
        self._server = server
        self._open: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.mend()

    def mend(self) -> None:
        """Let clients through."""
        self._listener = listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.folder / SOCKET))
        listener.listen()
        threading.Thread(target=self._accept, args=[listener], daemon=True).start()

    def cut(self) -> None:
        """Cut every connection and let no other through."""
        (self.folder / SOCKET).unlink(missing_ok=True)
        for each in [self._listener, *self._open]:
            if each is not None:
                _shut(each)
        self._listener, self._open = None, []

    def remove(self) -> None:
        """Cut it for good."""
        self.cut()
        shutil.rmtree(self.folder)

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server.folder / SOCKET))
                self._open += [client, server]
                for source, sink, watched in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass, args=[source, sink, watched], daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, watched: bool) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.recv(65536):
                if watched and self.swallow_commits and b"COMMIT" in data:
                    return self._swallow(source, sink, data)
                sink.sendall(data)
        _shut(sink)
        return None

    def _swallow(self, client: socket.socket, server: socket.socket, commit: bytes) -> None:
        """Cut the client off, then pass its COMMIT on: the server does it, and the client never hears."""
        self.swallow_commits -= 1
        self.swallowed += 1
        _shut(client)
        server.sendall(commit)
        server.shutdown(socket.SHUT_WR)  # its end comes after the commit


def _shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
