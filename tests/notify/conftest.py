"""Servers of the test on loopback: one for HTTP that answers as told, one for SMTP with STARTTLS."""

from __future__ import annotations

import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from agbot.web.http import Request, Response
from agbot.web.server import Server


@attrs.define
class Posts:
    """What was posted, and what is answered: each answer once, the last one again and again."""

    answers: list[Response] = attrs.field(factory=lambda: [Response(204, b"")])
    got: list[tuple[str, Any]] = attrs.field(factory=list)
    port: int = 0
    came: trio.Event = attrs.field(factory=trio.Event)

    def answer(self, request: Request) -> Response:
        self.got.append((request.path, json.loads(request.body)))
        self.came.set()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def until(self, count: int) -> None:
        while len(self.got) < count:
            self.came = trio.Event()
            await self.came.wait()


def said(status: int, **body: Any) -> Response:
    return Response(status, json.dumps(body).encode(), "application/json")


@pytest.fixture
async def posts(nursery: trio.Nursery) -> Posts:
    posts = Posts()
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    posts.port = listeners[0].socket.getsockname()[1]
    await nursery.start(Server(posts.answer, {}).run, listeners)
    return posts


class Mailbox(socketserver.ThreadingTCPServer):
    """As much of SMTP as a letter needs. `refuse` maps a command's first word to a reply."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, certificate: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self.letters: list[str] = []
        self.words: list[str] = []
        self.refuse: dict[str, str] = {}
        self.offers = "250-localhost\r\n250-AUTH PLAIN\r\n250 STARTTLS"

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Conversation(socketserver.BaseRequestHandler):
    server: Mailbox

    def handle(self) -> None:
        self._say("220 mailbox")
        while line := self._line():
            word = line.split(" ")[0].upper()
            self.server.words.append(line)
            if refusal := self.server.refuse.get(word):
                self._say(refusal)
            elif word == "EHLO":
                self._say(self.server.offers)
            elif word == "STARTTLS":
                self._say("220 go ahead")
                try:
                    self.request = self.server.context.wrap_socket(self.request, server_side=True)
                except (ssl.SSLError, OSError):  # a client that does not like our certificate hangs up
                    return
            elif word == "AUTH":
                self._say("235 welcome")
            elif word == "DATA":
                self._say("354 go on")
                letter = iter(self._line, ".")
                self.server.letters.append("\n".join(letter))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def finish(self) -> None:
        self.request.close()

    def _line(self) -> str:
        line = b""
        while not line.endswith(b"\r\n"):
            try:
                byte = self.request.recv(1)
            except (ssl.SSLError, OSError):
                byte = b""
            if not byte:
                return ""
            line += byte
        return line[:-2].decode()

    def _say(self, text: str) -> None:
        self.request.sendall(text.encode() + b"\r\n")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate for 127.0.0.1 that only these tests believe; its key lies beside it."""
    path = tmp_path_factory.mktemp("tls") / "cert.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path.with_suffix(".key"), "-out", path]
    subprocess.run([*made.split(), *more], check=True, capture_output=True)
    return path


@pytest.fixture
def mailbox(certificate: Path) -> Iterator[Mailbox]:
    with Mailbox(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def said_by() -> Callable[..., Response]:
    return said
