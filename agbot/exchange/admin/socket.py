"""The exchange's admin socket: a Unix socket of its own (mode 0600), one JSON object a line, both ways.

A request is ``{"op": verb, …}``, its answer ``{"ok": true, …}`` or ``{"ok": false, "error": {"id", "reason", "remedy",
"exit_code"}}``, as on a bot's control socket. `agbot.exchange.admin.verbs` has the verbs.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final, TypeAlias

import trio

from agbot import control
from agbot.errors import AgbotError, ConfigError, NotRunningError
from agbot.exchange.core.model import Refused
from agbot.run.control import ControlServer
from agbot.run.control import Handler as Answerer

TIMEOUT_S: Final = 30.0
SOCKET_NAME: Final = "admin.sock"
DEMO_NAME: Final = "exchange.sock"
"""The same of an exchange that `agbot run` started, in the run's state directory."""
PROFILE: Final = "exchange"

Request: TypeAlias = Mapping[str, Any]
Answer: TypeAlias = dict[str, Any]
Verb: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]


class AdminServer:
    """Answers requests at `path` by `verbs`; whatever a client sends, the exchange goes on."""

    def __init__(self, path: Path, verbs: Mapping[str, Verb]) -> None:
        if len(str(path).encode()) > control.SOCKET_PATH_MAX:
            remedy = f"name a shorter one, at most {control.SOCKET_PATH_MAX} bytes"
            raise ConfigError(f"the path of the admin socket is too long: {path}", id="AGB-861", remedy=remedy)
        self.path = path
        self._server = ControlServer(path, {name: _answerer(verb) for name, verb in verbs.items()})

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled, then remove the socket."""
        await self._server.run(task_status)

    async def answer(self, line: bytes) -> Answer:
        """Return the answer to one request line."""
        return await self._server.answer(line)


def _answerer(verb: Verb) -> Answerer:
    async def answer(request: Request) -> Answer:
        try:
            told = verb(request)
            return await told if isawaitable(told) else told
        except Refused as e:
            raise AgbotError(e.text, id="AGB-862", remedy="agbot exchange ledger shows what there is") from e

    return answer


def admin_path(*, create: bool = False) -> Path:
    """Return where the exchange of this user has its admin socket when nobody says otherwise."""
    return control.socket_path(control.state_dir(PROFILE, create=create), SOCKET_NAME)


def own_admin_path() -> Path:
    """Return where a new exchange of this user has its admin socket: the usual place, unless another one is there."""
    usual = admin_path(create=True)
    if not control.listens(usual):
        return usual
    return control.socket_path(control.state_dir(PROFILE), f"admin-{os.getpid()}.sock")


def running_admin() -> Path:
    """Return the admin socket of the exchange that runs: the user's own, or a demo's.

    Raises:
        NotRunningError: AGB-864, none runs.
        ConfigError: AGB-869, several run.
    """
    usual = admin_path()
    bots = [control.state_dir(name, create=False) for name in control.running_profiles()]
    places = [usual, *sorted(usual.parent.glob(f"{usual.stem}-*.sock"))]
    places += [control.socket_path(bot, DEMO_NAME) for bot in bots]
    running = [path for path in places if control.listens(path)]
    if not running:
        remedy = "start one: agbot exchange, or agbot run, which has one of its own"
        raise NotRunningError("no exchange runs", id="AGB-864", remedy=remedy)
    if len(running) > 1:
        remedy = "say which: --admin " + ", or --admin ".join(map(str, running))
        raise ConfigError("several exchanges run", id="AGB-869", key="--admin", remedy=remedy)
    return running[0]


def ask(path: str | Path, op: str, timeout_s: float = TIMEOUT_S, /, **arguments: Any) -> Answer:
    """Send one request to the exchange whose admin socket is `path`, and return its answer. Blocking.

    Raises:
        NotRunningError: AGB-864, nobody listens there.
        AgbotError: what the exchange answered, or why it could not be asked; see `agbot.control.request`.
    """
    try:
        return control.request(path, {**arguments, "op": op}, timeout_s)
    except NotRunningError as e:
        remedy = "start one: agbot exchange, or name the socket of its ready line"
        raise NotRunningError(f"no exchange listens at {path}", id="AGB-864", remedy=remedy) from e
    except AgbotError as e:
        if e.id not in ("AGB-502", "AGB-503", "AGB-504"):
            raise
        reason = e.reason.replace("the bot at", "the exchange at").replace("the bot hung up", "the exchange hung up")
        raise type(e)(reason, id=e.id, remedy="agbot exchange ledger shows what it did; then repeat if needed") from e
