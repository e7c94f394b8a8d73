"""The control client: every way a bot can fail to answer, and where its files are."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agbot.control import REPLY_MAX, SOCKET_PATH_MAX, kill, request, socket_path, state_dir
from agbot.errors import AgbotError, ConfigError, NotFoundError, NotRunningError, TimedOutError
from agbot.latch import Latch

Answer = Callable[[socket.socket, bytes], None]


@pytest.fixture
def short_dir() -> Iterator[Path]:
    """A private directory whose socket path fits; pytest's own can be too long."""
    with tempfile.TemporaryDirectory(prefix="ag") as name:
        yield Path(os.path.realpath(name))


@contextmanager
def bot(path: Path, answer: Answer) -> Iterator[list[bytes]]:
    """Serve one connection at `path` with `answer(link, line)`, yielding the lines that came."""
    lines: list[bytes] = []

    def serve() -> None:
        link, _ = listener.accept()
        with link:
            lines.append(link.makefile("rb").readline())
            answer(link, lines[0])

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield lines
        finally:
            thread.join(10)


def says(reply: object) -> Answer:
    return lambda link, _line: link.sendall(json.dumps(reply).encode() + b"\n")


def test_request_and_reply(short_dir: Path) -> None:
    path = short_dir / "s"
    with bot(path, says({"ok": True, "state": "trading"})) as lines:
        assert request(path, {"op": "status"}) == {"ok": True, "state": "trading"}
    assert lines == [b'{"op": "status"}\n']


def test_a_reply_in_many_pieces(short_dir: Path) -> None:
    def drip(link: socket.socket, _line: bytes) -> None:
        for byte in b'{"ok": true, "n": 1}\n':
            link.sendall(bytes([byte]))

    with bot(short_dir / "s", drip):
        assert request(short_dir / "s", {"op": "status"})["n"] == 1


def test_nobody_listens(short_dir: Path) -> None:
    stale = short_dir / "stale"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    for path in (short_dir / "missing", stale, short_dir / "missing" / "s"):
        with pytest.raises(NotRunningError) as caught:
            request(path, {"op": "status"})
        assert (caught.value.id, caught.value.exit_code) == ("AGB-501", 3)
        assert caught.value.remedy


def test_a_hung_bot_that_never_accepts(short_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_dir / "s"))
        listener.listen(0)
        began = time.monotonic()
        with pytest.raises(TimedOutError) as caught:
            request(short_dir / "s", {"op": "status"}, timeout_s=0.2)
        assert time.monotonic() - began < 2
        assert (caught.value.id, caught.value.exit_code) == ("AGB-502", 5)


def test_a_full_accept_queue_counts_as_hung(short_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_dir / "s"))
        listener.listen(0)
        waiting = []
        try:
            for _ in range(4):
                link = socket.socket(socket.AF_UNIX)
                waiting.append(link)
                link.setblocking(False)
                link.connect_ex(str(short_dir / "s"))
            with pytest.raises(TimedOutError):
                request(short_dir / "s", {"op": "status"}, timeout_s=0.2)
        finally:
            for link in waiting:
                link.close()


def test_a_bot_that_drips_forever_is_bounded_by_the_whole_deadline(short_dir: Path) -> None:
    done = threading.Event()

    def drip(link: socket.socket, _line: bytes) -> None:
        while not done.wait(0.02):
            try:
                link.sendall(b" ")
            except OSError:
                return

    with bot(short_dir / "s", drip):
        with pytest.raises(TimedOutError):
            request(short_dir / "s", {"op": "status"}, timeout_s=0.3)
        done.set()


@pytest.mark.parametrize(
    "raw", [b"", b'{"ok": true', b"junk\n", b"[]\n", b"{}\n", b'{"ok": 1}\n', b"\xff\n", b"[" * 50_000 + b"\n"]
)
def test_a_reply_that_is_none(short_dir: Path, raw: bytes) -> None:
    with bot(short_dir / "s", lambda link, _line: link.sendall(raw)), pytest.raises(AgbotError) as caught:
        request(short_dir / "s", {"op": "status"})
    assert caught.value.id == "AGB-503"
    assert "unknown" in str(caught.value)


def test_an_endless_line_is_bounded(short_dir: Path) -> None:
    def flood(link: socket.socket, _line: bytes) -> None:
        try:
            for _ in range(2 * REPLY_MAX // 65_536):
                link.sendall(b"x" * 65_536)
        except OSError:
            pass

    with bot(short_dir / "s", flood), pytest.raises(AgbotError, match="hung up"):
        request(short_dir / "s", {"op": "status"})


@pytest.mark.parametrize(
    ("error", "kind", "error_id"),
    [
        ({"id": "AGB-110", "reason": "r", "remedy": "m", "exit_code": 2}, ConfigError, "AGB-110"),
        ({"id": "AGB-501", "reason": "r", "remedy": "m", "exit_code": 3}, NotRunningError, "AGB-501"),
        ({"id": "AGB-407", "reason": "r", "remedy": "m", "exit_code": 4}, NotFoundError, "AGB-407"),
        ({"id": "AGB-502", "reason": "r", "remedy": "m", "exit_code": 5}, TimedOutError, "AGB-502"),
        ({"id": "AGB-301", "reason": "denied", "remedy": "m", "exit_code": 1}, AgbotError, "AGB-301"),
        ({"id": "AGB-301", "exit_code": "5"}, AgbotError, "AGB-301"),
        ({}, AgbotError, "AGB-503"),
        (None, AgbotError, "AGB-503"),
        ("no", AgbotError, "AGB-503"),
    ],
)
def test_an_error_reply_becomes_the_class_of_its_exit_code(
    short_dir: Path, error: object, kind: type[AgbotError], error_id: str
) -> None:
    answer = says({"ok": False, "error": error})
    with bot(short_dir / "s", answer), pytest.raises(AgbotError) as caught:
        request(short_dir / "s", {"op": "order"})
    assert type(caught.value) is kind
    assert caught.value.id == error_id
    assert caught.value.reason


def test_kill_with_a_bot(short_dir: Path) -> None:
    with bot(short_dir / "control.sock", says({"ok": True, "cancelled": 3, "open": 0})) as lines:
        receipt = kill(short_dir, reason="odd fills", by="ann", at_ns=7)
    assert json.loads(lines[0]) == {"op": "killswitch", "on": True, "reason": "odd fills", "by": "ann"}
    assert (receipt.latched, receipt.reply, receipt.doubt) == (True, {"ok": True, "cancelled": 3, "open": 0}, "")
    assert Latch(short_dir / "latch").read().reason == "odd fills"


def test_kill_latches_before_it_asks(short_dir: Path) -> None:
    seen = []

    def look(link: socket.socket, _line: bytes) -> None:
        seen.append(Latch(short_dir / "latch").read().on)
        link.sendall(b'{"ok": true}\n')

    with bot(short_dir / "control.sock", look):
        kill(short_dir, reason="r", by="b", at_ns=7)
    assert seen == [True]


def test_kill_without_a_bot_latches_and_says_what_it_could_not_verify(short_dir: Path) -> None:
    receipt = kill(short_dir, reason="r", by="b", at_ns=7)
    assert receipt.latched
    assert receipt.reply is None
    assert "AGB-501" in receipt.doubt
    assert Latch(short_dir / "latch").read().on


def test_kill_of_a_hung_bot_latches(short_dir: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_dir / "control.sock"))
        listener.listen(1)
        receipt = kill(short_dir, reason="r", by="b", at_ns=7, timeout_s=0.2)
    assert receipt.latched
    assert "AGB-502" in receipt.doubt


def test_kill_reaches_the_bot_when_the_latch_cannot_be_written(short_dir: Path) -> None:
    (short_dir / "latch").mkdir()
    with bot(short_dir / "control.sock", says({"ok": True})):
        receipt = kill(short_dir, reason="r", by="b", at_ns=7)
    assert not receipt.latched
    assert receipt.reply == {"ok": True}
    assert "AGB-511" in receipt.doubt


def test_kill_that_achieved_nothing_raises(short_dir: Path) -> None:
    with pytest.raises(NotRunningError):
        kill(short_dir / "never", reason="r", by="b", at_ns=7)
    assert not (short_dir / "never").exists()
    (short_dir / "latch").mkdir()
    with pytest.raises(AgbotError) as caught:
        kill(short_dir, reason="r", by="b", at_ns=7)
    assert caught.value.id == "AGB-511"


def test_state_dir_order(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(short_dir / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", str(short_dir / "xdg"))
    assert state_dir("demo", short_dir / "mine") == short_dir / "mine"
    assert state_dir("demo") == short_dir / "xdg" / "agbot" / "demo"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # the XDG rules: ignored
    assert state_dir("demo") == short_dir / "home" / ".local" / "state" / "agbot" / "demo"
    monkeypatch.delenv("XDG_STATE_HOME")
    found = state_dir("paper")
    assert found == short_dir / "home" / ".local" / "state" / "agbot" / "paper"
    assert found.stat().st_mode & 0o777 == 0o700


def test_state_dir_is_absolute_and_only_made_when_asked(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(short_dir)
    assert state_dir("demo", "here", create=False) == short_dir / "here"
    assert not (short_dir / "here").exists()
    assert state_dir("demo", "here") == short_dir / "here"
    assert (short_dir / "here").is_dir()


def test_state_dir_must_be_private(short_dir: Path) -> None:
    fresh = short_dir / "fresh"
    fresh.mkdir(mode=0o755)
    assert state_dir("demo", fresh).stat().st_mode & 0o777 == 0o700  # empty: ours to tighten
    shared = short_dir / "shared"
    shared.mkdir(mode=0o755)
    (shared / "letter").touch()
    with pytest.raises(ConfigError, match="other accounts") as caught:
        state_dir("demo", shared)
    assert (caught.value.id, caught.value.remedy) == ("AGB-505", f"chmod 700 {shared}")
    assert shared.stat().st_mode & 0o777 == 0o755


def test_state_dir_of_another_account(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ConfigError, match="another account"):
        state_dir("demo", short_dir)


def test_state_dir_that_cannot_be(short_dir: Path) -> None:
    (short_dir / "file").touch()
    for path in (short_dir / "file", short_dir / "file" / "below"):
        with pytest.raises(ConfigError, match="cannot be used") as caught:
            state_dir("demo", path)
        assert caught.value.id == "AGB-505"


@pytest.mark.parametrize("profile", ["", "..", "a/b", ".hidden", "a b", "x" * 65, "a\n"])
def test_profile_is_a_name(profile: str) -> None:
    with pytest.raises(ConfigError) as caught:
        state_dir(profile)
    assert caught.value.id == "AGB-506"


def test_socket_in_the_state_directory(short_dir: Path) -> None:
    assert socket_path(short_dir) == short_dir / "control.sock"


def test_long_paths_move_to_the_runtime_directory(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_dir))
    deep = short_dir / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    path = socket_path(deep)
    assert path.parent == short_dir
    assert len(os.fsencode(path)) <= SOCKET_PATH_MAX
    assert path == socket_path(deep) != socket_path(deep.parent / ("f" * 60))
    monkeypatch.chdir(deep.parent)
    assert socket_path(Path("e" * 60)) == path  # the bot and a client may name it differently
    with bot(path, says({"ok": True})):
        assert request(path, {"op": "status"}) == {"ok": True}


@pytest.mark.parametrize("runtime", ["", "relative", "/" + "r" * 100])
def test_long_paths_without_a_runtime_directory(short_dir: Path, monkeypatch: pytest.MonkeyPatch, runtime: str) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
    monkeypatch.setattr(tempfile, "tempdir", str(short_dir))
    path = socket_path(short_dir / ("d" * 100))
    assert path.parent == short_dir / f"agbot-{os.getuid()}"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(path)) <= SOCKET_PATH_MAX


def test_no_room_for_a_socket_anywhere(short_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(short_dir / ("t" * 90)))
    with pytest.raises(ConfigError) as caught:
        socket_path(short_dir / ("d" * 100))
    assert caught.value.id == "AGB-507"


# ---------------------------------------------------------------- kill switches of one market, strategy or venue


SCOPE = {"scope": "market", "name": "m"}


def test_a_scoped_kill_says_what_it_is_for(short_dir: Path) -> None:
    with bot(short_dir / "control.sock", says({"ok": True})) as lines:
        kill(short_dir, reason="r", by="b", at_ns=7, flatten="0.8", **SCOPE)
    asked = {"op": "killswitch", "on": True, "reason": "r", "by": "b", **SCOPE, "flatten": "0.8"}
    assert json.loads(lines[0]) == asked
    state = Latch(short_dir / "latch").read()
    assert (state.on, [str(s) for s in state.scopes]) == (False, ["market m"])


@pytest.mark.parametrize("was_closed", [True, False])
def test_a_name_the_bot_does_not_have_is_not_left_closed(was_closed: bool, short_dir: Path) -> None:
    latch = Latch(short_dir / "latch")
    if was_closed:
        latch.close_scope("market", "m", reason="before", by="b", at_ns=1)
    refusal = {"ok": False, "error": {"id": "AGB-515", "reason": "no market", "remedy": "", "exit_code": 4}}
    with bot(short_dir / "control.sock", says(refusal)), pytest.raises(NotFoundError):
        kill(short_dir, reason="r", by="b", at_ns=7, **SCOPE)
    assert len(latch.read().scopes) == was_closed


# ---------------------------------------------------------------- what became of the bot


def test_without_a_bot_the_receipt_says_that_none_runs(short_dir: Path) -> None:
    assert kill(short_dir, reason="r", by="b", at_ns=7).bot == "no bot runs here: nobody sends an order"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc")
def test_a_bot_that_is_stopped_is_told_from_one_that_hangs(short_dir: Path) -> None:
    with (
        socket.socket(socket.AF_UNIX) as listener,
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process,
    ):
        listener.bind(str(short_dir / "control.sock"))
        listener.listen(1)
        (short_dir / "lock").write_text(f"{process.pid}\n")
        hangs = kill(short_dir, reason="r", by="b", at_ns=7, timeout_s=0.1)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        stopped = kill(short_dir, reason="r", by="b", at_ns=7, timeout_s=0.1)
        process.kill()
    assert (
        hangs.bot == f"the bot (pid {process.pid}) does not answer: it finds the latch closed before it sends anything"
    )
    assert stopped.bot.startswith(f"the bot (pid {process.pid}) is stopped: when it goes on, it finds the latch closed")
    (short_dir / "lock").write_text("")
    with socket.socket(socket.AF_UNIX) as listener:
        (short_dir / "control.sock").unlink()
        listener.bind(str(short_dir / "control.sock"))
        listener.listen(1)
        assert kill(short_dir, reason="r", by="b", at_ns=7, timeout_s=0.1).bot == "a bot is there and does not answer"
