"""Talking to the running bot: where its state lives, where its socket is, and one request with its answer.

The wire is one JSON object a line, both ways, over a Unix socket in the state directory. A reply is ``{"ok": true, …}``
or ``{"ok": false, "error": {"id", "reason", "remedy", "exit_code"}}``. Blocking, standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from agbot.errors import AgbotError, ConfigError, NotFoundError, NotRunningError, StoreError, TimedOutError
from agbot.latch import LATCH_NAME, Latch

SOCKET_NAME: Final = "control.sock"
LOCK_NAME: Final = "lock"
RUNS_NAME: Final = "runs"
SOCKET_PATH_MAX: Final = 100
"""Bytes; the kernel's limit is 104 on macOS and 108 on Linux, with the final zero."""
REPLY_MAX: Final = 4 * 1024 * 1024
TIMEOUT_S: Final = 5.0
KILL_S: Final = 10.0
"""A kill is longer under way: it looks at the venue until nothing rests."""

_BY_EXIT_CODE: Final[Mapping[int, type[AgbotError]]] = {
    2: ConfigError,
    3: NotRunningError,
    4: NotFoundError,
    5: TimedOutError,
}


def request(path: str | Path, message: Mapping[str, Any], timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Send `message` to the bot that listens at `path` and return its reply, which has ``"ok": True``.

    Args:
        message: at least ``{"op": "status" | "stop" | "killswitch" | "order" | "cancel"}``, JSON values only.
        timeout_s: seconds for the whole exchange.

    Raises:
        NotRunningError: AGB-501, nobody listens.
        TimedOutError: AGB-502, the bot is there but did not answer in time: it may or may not have acted.
        AgbotError: AGB-503, the connection broke or the reply is no reply: it may or may not have acted; AGB-504, the
            socket belongs to somebody else; else what the bot answered, with its id, as the class of its exit code.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            _connect(link, path, deadline)
            link.settimeout(_left(deadline))
            link.sendall(json.dumps(dict(message)).encode("ascii") + b"\n")
            line = _read_line(link, deadline)
    except TimeoutError as e:
        raise TimedOutError(
            f"the bot at {path} did not answer within {timeout_s:g} s; whether it acted is unknown",
            id="AGB-502",
            remedy="look at `agbot logs`; a hung bot is stopped by its latch: agbot killswitch on --reason TEXT",
        ) from e
    except OSError as e:
        raise _broken(path, f"the connection broke ({e.strerror or e})") from e
    return _answer(path, line)


def _connect(link: socket.socket, path: str | Path, deadline: float) -> None:
    link.settimeout(_left(deadline))
    try:
        link.connect(os.fspath(path))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as e:
        raise NotRunningError(
            f"no bot listens at {path}", id="AGB-501", remedy="start one: agbot run (or name its --state-dir)"
        ) from e
    except BlockingIOError as e:  # its queue of connections is full: it no longer accepts
        raise TimeoutError from e
    except PermissionError as e:
        raise AgbotError(
            f"you may not speak to the bot at {path}", id="AGB-504", remedy="use the account that started the bot"
        ) from e


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _read_line(link: socket.socket, deadline: float) -> bytes:
    """Return what came up to the first newline, or to the end of the stream or REPLY_MAX without one."""
    received = bytearray()
    while b"\n" not in received and len(received) <= REPLY_MAX:
        link.settimeout(_left(deadline))
        chunk = link.recv(65_536)
        if not chunk:
            break
        received += chunk
    return bytes(received.partition(b"\n")[0]) if b"\n" in received else b""


def _answer(path: str | Path, line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line) if line else None
    except (ValueError, RecursionError):
        reply = None
    if not isinstance(reply, dict) or not isinstance(reply.get("ok"), bool):
        raise _broken(path, "the bot hung up in the middle of its answer" if not line else "the answer is not a reply")
    if reply["ok"]:
        return reply
    error = reply.get("error")
    raise _as_error(error if isinstance(error, dict) else {})


def _as_error(error: dict[str, Any]) -> AgbotError:
    code = error.get("exit_code")
    kind = _BY_EXIT_CODE.get(code, AgbotError) if isinstance(code, int) else AgbotError
    reason, remedy = str(error.get("reason") or "the bot refused without a reason"), str(error.get("remedy") or "")
    if place := error.get("where"):
        reason = f"{place}: {reason}"
    return kind(reason, id=str(error.get("id") or "AGB-503"), remedy=remedy)


def _broken(path: str | Path, what: str) -> AgbotError:
    return AgbotError(
        f"{what} at {path}; whether it acted is unknown", id="AGB-503", remedy="agbot status, then repeat if needed"
    )


@attrs.frozen(kw_only=True)
class KillReceipt:
    """What turning the kill switch on achieved, and what it could not verify.

    Args:
        latched: the latch file says on; False when this machine has no such state directory or it can't be written.
        reply: the running bot's own receipt; None when no bot confirmed.
        doubt: why the bot did not confirm or the latch was not written; empty when both did.
        bot: what became of a bot that did not confirm.
    """

    latched: bool
    reply: dict[str, Any] | None
    doubt: str
    bot: str = ""


def kill(
    directory: Path,
    *,
    reason: str,
    by: str,
    at_ns: int,
    timeout_s: float = KILL_S,
    scope: str = "",
    name: str = "",
    flatten: str = "",
) -> KillReceipt:
    """Turn the kill switch on: first the latch file, which stops even a hung bot's next send, then the bot itself.

    Args:
        scope: "market", "strategy" or "venue" of this `name`; empty is the account.
        flatten: the floor, as a fraction of the bid, above which the bot is to sell what is held; empty to keep it.

    Raises:
        NotRunningError: AGB-501, there is neither a state directory nor a bot: nothing was done.
        NotFoundError: AGB-515, the bot has nothing of that name: nothing was closed.
        AgbotError: neither the latch nor the bot took it; the text says why.
    """
    if not os.path.isdir(directory):
        raise NotRunningError(
            f"no bot ever ran in {directory}", id="AGB-501", remedy="name the bot's --state-dir or --profile"
        )
    latch, failure, was_closed = Latch(directory / LATCH_NAME), None, False
    try:
        was_closed = bool(scope and latch.read().scoped(scope, name))
        _close(latch, reason=reason, by=by, at_ns=at_ns, scope=scope, name=name)
    except StoreError as e:
        failure = e
    more = {"scope": scope, "name": name} if scope else {}
    message = {"op": "killswitch", "on": True, "reason": reason, "by": by, **more}
    try:
        reply = request(socket_path(directory), message | ({"flatten": flatten} if flatten else {}), timeout_s)
    except AgbotError as e:
        if e.id == "AGB-515" and failure is None and not was_closed:
            latch.open_scope(scope, name, reason="the bot has nothing of this name", by=by, at_ns=at_ns)
        if failure is not None or e.id == "AGB-515":
            raise (failure or e) from e
        return KillReceipt(latched=True, reply=None, doubt=str(e), bot=_whereabouts(directory, e))
    return KillReceipt(latched=failure is None, reply=reply, doubt=str(failure or ""))


def _close(latch: Latch, *, reason: str, by: str, at_ns: int, scope: str, name: str) -> None:
    if scope:
        latch.close_scope(scope, name, reason=reason, by=by, at_ns=at_ns)
    else:
        latch.close(reason, by, at_ns)


def _whereabouts(directory: Path, error: AgbotError) -> str:
    """Return in words what became of a bot that did not confirm, as far as this machine can tell."""
    if isinstance(error, NotRunningError):
        return "no bot runs here: nobody sends an order"
    try:
        found = json.loads((directory / LOCK_NAME).read_text("ascii"))
        pid = int(found["pid"] if isinstance(found, dict) else found)
    except (OSError, ValueError, KeyError):
        return "a bot is there and does not answer"
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        state = ""
    if state in ("T", "t"):
        return f"the bot (pid {pid}) is stopped: when it goes on, it finds the latch closed before it sends anything"
    return f"the bot (pid {pid}) does not answer: it finds the latch closed before it sends anything"


def state_dir(profile: str, explicit: str | Path | None = None, *, create: bool = True) -> Path:
    """Return the absolute state directory: `explicit`, else $XDG_STATE_HOME/agbot/`profile`, else ~/.local/state/….

    Args:
        create: make it, with mode 0700, when it is missing; a client that only asks passes False.

    Raises:
        ConfigError: AGB-505, it cannot be made or other accounts can look into it; AGB-506, `profile` is no name.
    """
    path = Path(os.path.abspath(Path(explicit).expanduser())) if explicit else _profile_dir(profile)
    if create or path.exists():
        _make_private(path)
    return path


def running_profiles() -> list[str]:
    """Return the profiles whose bot listens now; a bot with a state directory of its own is not known here."""
    base = _profile_dir("any").parent
    found = sorted(base.iterdir()) if base.is_dir() else []
    return [path.name for path in found if path.is_dir() and _listens(path)]


def bot_directories() -> list[Path]:
    """Return the state directories of profiles in which a bot ran or runs; one with a place of its own is not known."""
    base = _profile_dir("any").parent
    found = sorted(base.iterdir()) if base.is_dir() else []
    return [path for path in found if path.is_dir() and ((path / RUNS_NAME).is_dir() or _listens(path))]


def last_profile() -> str | None:
    """Return the profile whose bot was started last; a bot with a place of its own is not known."""
    newest = [(max(run.name for run in runs), path.name) for path in bot_directories() if (runs := _runs(path))]
    return max(newest)[1] if newest else None


def _runs(directory: Path) -> list[Path]:
    return list((directory / RUNS_NAME).glob("*.agj"))


def _listens(directory: Path) -> bool:
    try:
        return listens(socket_path(directory))
    except ConfigError:
        return False


def listens(path: Path) -> bool:
    """Return whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(0.5)
        try:
            link.connect(os.fspath(path))
        except BlockingIOError:  # it is there, and busy
            return True
        except OSError:
            return False
    return True


def _profile_dir(profile: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", profile):
        raise ConfigError(
            f"profile {profile!r} is not a name", id="AGB-506", remedy="use letters, digits, '-', '_' and '.'"
        )
    home = os.environ.get("XDG_STATE_HOME", "")
    # The XDG rules: a relative path is not to be used.
    base = Path(home) if os.path.isabs(home) else Path(os.path.expanduser("~")) / ".local" / "state"
    return Path(os.path.abspath(base)) / "agbot" / profile


def socket_path(directory: Path, file_name: str = SOCKET_NAME) -> Path:
    """Return where the bot with this state directory listens: in it, or, over 100 bytes, under a hashed name elsewhere.

    Elsewhere is $XDG_RUNTIME_DIR, else a private directory of this user among the temporary files; bot and clients
    must agree on that variable.

    Raises:
        ConfigError: AGB-505, somebody else owns that private directory; AGB-507, that path is too long as well.
    """
    real = os.path.realpath(directory)
    path = Path(real) / file_name
    if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
        return path
    kind = "" if file_name == SOCKET_NAME else f"{Path(file_name).stem}-"
    name = f"agbot-{kind}{hashlib.sha256(os.fsencode(real)).hexdigest()[:16]}.sock"
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime) and len(os.fsencode(Path(runtime) / name)) <= SOCKET_PATH_MAX:
        return Path(runtime) / name
    path = Path(tempfile.gettempdir()) / f"agbot-{os.getuid()}" / name
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        raise ConfigError(f"no room for a socket at {path}", id="AGB-507", remedy="choose a shorter --state-dir")
    _make_private(path.parent)
    return path


def _make_private(path: Path) -> None:
    """Make `path` a directory only we can enter, or raise; never touches the rights of one that has content."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.stat()
        if found.st_uid == os.geteuid() and found.st_mode & 0o077 and _empty(path):
            path.chmod(0o700)
            found = path.stat()
    except OSError as e:
        raise ConfigError(
            f"{path} cannot be used as a state directory: {e.strerror or e}", id="AGB-505", remedy="name another one"
        ) from e
    if found.st_uid != os.geteuid():
        raise ConfigError(
            f"{path} belongs to another account", id="AGB-505", remedy="use that account, or name another"
        )
    if found.st_mode & 0o077:
        raise ConfigError(f"other accounts can enter {path}", id="AGB-505", remedy=f"chmod 700 {path}")


def _empty(path: Path) -> bool:
    with os.scandir(path) as entries:
        return next(entries, None) is None
