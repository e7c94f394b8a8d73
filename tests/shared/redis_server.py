"""A Redis of one test's own, on a Unix socket: it can be stopped, go on, be killed, lose everything."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path


class Server:
    """A redis-server process."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._directory = directory
        self.start()

    def start(self) -> None:
        words = ["--port", "0", "--unixsocket", self.socket, "--save", "", "--dir", self._directory]
        command = ["redis-server", *map(str, words)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert any("ready to accept connections" in line.lower() for line in self.process.stdout)

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
