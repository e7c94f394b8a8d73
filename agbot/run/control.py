"""The operator's socket: one JSON request a line over a Unix socket (0600) in the state directory."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import trio

from agbot.errors import AgbotError, ConfigError
from agbot.log import get_logger

REQUEST_MAX: Final = 65_536
IDLE_S: Final = 30.0
CONNECTIONS_MAX: Final = 32

Handler = Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]]

log = get_logger(__name__)


class ControlServer:
    """Answers requests by `handlers`, keyed by their `op`; a fault in one connection stays there."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._slots = trio.CapacityLimiter(CONNECTIONS_MAX)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled, then remove the socket. The caller holds the state directory's lock.

        Raises:
            ConfigError: AGB-507, there can be no socket of that name, or something else is there.
        """
        _make_room(self._path)
        with trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM) as listener:
            await _bind(listener, self._path)
            listener.listen(CONNECTIONS_MAX)
            task_status.started()
            try:
                async with trio.open_nursery() as nursery:
                    while True:
                        peer, _ = await listener.accept()
                        nursery.start_soon(self._serve, trio.SocketStream(peer))
            finally:
                self._path.unlink(missing_ok=True)

    async def _serve(self, stream: trio.SocketStream) -> None:
        async with self._slots, stream:
            try:
                await self._converse(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                return

    async def _converse(self, stream: trio.SocketStream) -> None:
        pending = b""
        while True:
            while b"\n" not in pending:
                with trio.fail_after(IDLE_S):
                    chunk = await stream.receive_some(REQUEST_MAX)
                if not chunk or len(pending) > REQUEST_MAX:
                    return
                pending += chunk
            line, _, pending = pending.partition(b"\n")
            reply = await self.answer(line)
            with trio.fail_after(IDLE_S):
                await stream.send_all(msgspec.json.encode(reply) + b"\n")

    async def answer(self, line: bytes) -> dict[str, Any]:
        """Return the reply to one request line; errors of ours become replies, others stop the bot."""
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
            return refusal(ConfigError(f"not a JSON object: {e}", id="AGB-532", remedy="one object a line"))
        try:
            handler = self._handlers.get(str(request.get("op")))
            if handler is None:
                raise ConfigError(
                    f"unknown request {request.get('op')!r}",
                    id="AGB-532",
                    remedy=f"known are {', '.join(self._handlers)}",
                )
            return {"ok": True, **await handler(request)}
        except AgbotError as e:
            return refusal(e)


def _make_room(path: Path) -> None:
    """Remove the socket that a killed process left; nothing but a socket."""
    try:
        if path.exists() and not path.is_socket():
            raise ConfigError(f"{path} is there and is no socket", id="AGB-507", remedy="name another path")
        path.unlink(missing_ok=True)
    except OSError as e:
        raise _no_socket(path, e) from e


async def _bind(listener: trio.socket.SocketType, path: Path) -> None:
    previous = os.umask(0o177)
    try:
        await listener.bind(os.fspath(path))
    except OSError as e:
        raise _no_socket(path, e) from e
    finally:
        os.umask(previous)


def _no_socket(path: Path, cause: OSError) -> ConfigError:
    reason = f"there can be no socket at {path}: {cause.strerror or cause}"
    return ConfigError(reason, id="AGB-507", remedy="name a path in a directory that is there and yours")


def refusal(error: AgbotError) -> dict[str, Any]:
    """Return an error of ours as a reply."""
    body = {"id": error.id, "reason": error.reason, "remedy": error.remedy, "exit_code": error.exit_code}
    if place := error.where():
        body["where"] = place.removesuffix(": ")
    return {"ok": False, "error": body}
