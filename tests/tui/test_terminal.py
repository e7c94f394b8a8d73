"""A real pseudo-terminal: what is left of it when the dashboard quits, crashes or is killed."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agbot.cli.tui import URL, _is_here, command, dashboard_of
from agbot.errors import ConfigError, NotRunningError, TimedOutError
from agbot.run.terminal import LEAVE

BOOT = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"

SUPERVISE = """
import sys, trio
from agbot.run import terminal
terminal.RESTART_DELAY_S = 0.05

class Log:
    def info(self, event, **fields):
        with open(sys.argv[1], "a") as file:
            print(event, *(f"{k}={v}" for k, v in fields.items()), file=file)
    warning = info

async def main():
    with trio.move_on_after(float(sys.argv[2])):
        await terminal.run_tui(sys.argv[3:], log=Log())
    Log().info("returned")

trio.run(main, strict_exception_groups=True)
"""

# Says its number, its id and the terminal's settings as it found them, then makes a mess of them.
CHILD = """
import os, sys, termios, tty
before = termios.tcgetattr(0)
print(f"<ready {os.getpid()} {before[3]}>", flush=True)
tty.setraw(0)
os.write(1, b"\\x1b[?1049h\\x1b[?1003h")
while True:
    key = os.read(0, 1)
    if key == b"q": sys.exit(0)
    if key == b"x": sys.exit(1)
    if key == b"s": __import__("signal").pause()
"""


class Terminal:
    """A pseudo-terminal with a process on it, and everything that was written to it."""

    def __init__(self, *argv: str) -> None:
        self.keys, slave = pty.openpty()
        termios.tcsetwinsize(self.keys, (24, 80)) if hasattr(termios, "tcsetwinsize") else None
        self.settings = termios.tcgetattr(self.keys)
        self.process = subprocess.Popen(
            [sys.executable, "-c", *argv], stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.screen = b""
        self._grown = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self.keys, 65_536)
            except OSError:  # the last process on it has gone
                chunk = b""
            with self._grown:
                self.screen += chunk
                self._grown.notify_all()
            if not chunk:
                return

    def expect(self, pattern: bytes, since: int = 0, within_s: float = 20.0) -> re.Match[bytes]:
        """Wait until what was written from `since` on holds `pattern`, and return the match."""
        compiled = re.compile(pattern, re.DOTALL)
        with self._grown:
            found = self._grown.wait_for(lambda: compiled.search(self.screen, since), within_s)
        assert found is not None, f"no {pattern!r} in {self.screen[since:]!r}"
        return found

    def press(self, key: bytes) -> None:
        os.write(self.keys, key)

    def end(self, within_s: float = 20.0) -> int:
        return self.process.wait(within_s)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        os.close(self.keys)


@pytest.fixture
def open_terminal() -> Iterator[type[Terminal]]:
    opened: list[Terminal] = []

    class Kept(Terminal):
        def __init__(self, *argv: str) -> None:
            super().__init__(*argv)
            opened.append(self)

    yield Kept
    for terminal in opened:
        terminal.close()


def settings(terminal: Terminal) -> list[object]:
    return termios.tcgetattr(terminal.keys)


def test_kill_nine_restores_the_terminal_and_starts_anew(open_terminal: type[Terminal], tmp_path: Path) -> None:
    log = tmp_path / "log"
    terminal = open_terminal(BOOT + SUPERVISE, str(log), "60", sys.executable, "-c", CHILD)
    first = terminal.expect(rb"<ready (\d+) (\d+)>.*\x1b\[\?1003h")
    assert settings(terminal) != terminal.settings
    os.kill(int(first[1]), signal.SIGKILL)
    terminal.expect(re.escape(LEAVE), first.end())
    second = terminal.expect(rb"<ready (\d+) (\d+)>.*\x1b\[\?1003h", first.end())
    assert second[1] != first[1]
    assert second[2] == first[2]  # found as the first one found it
    terminal.press(b"q")
    assert terminal.end() == 0
    assert settings(terminal) == terminal.settings
    assert terminal.screen.rstrip().endswith(LEAVE.rstrip())
    assert log.read_text().splitlines() == ["tui.died code=-9 quick_failures=1", "tui.quit", "returned"]


def test_it_gives_up_after_five_quick_failures(open_terminal: type[Terminal], tmp_path: Path) -> None:
    log = tmp_path / "log"
    terminal = open_terminal(BOOT + SUPERVISE, str(log), "60", sys.executable, "-c", CHILD)
    at = 0
    for _ in range(5):
        at = terminal.expect(rb"<ready \d+ \d+>.*?\x1b\[\?1003h", at).end()
        terminal.press(b"x")
    assert terminal.end() == 0
    assert settings(terminal) == terminal.settings
    lines = log.read_text().splitlines()
    assert [line for line in lines if "died" in line] == [f"tui.died code=1 quick_failures={n}" for n in range(1, 6)]
    assert "tui.gave_up" in lines[-2]
    assert lines[-1] == "returned"


@pytest.mark.parametrize("argv", [[sys.executable, "-c", "import sys; sys.exit(2)"], ["/nowhere/agbot", "tui"]])
def test_what_starting_again_cannot_mend_is_given_up_at_once(
    open_terminal: type[Terminal], tmp_path: Path, argv: list[str]
) -> None:
    log = tmp_path / "log"
    terminal = open_terminal(BOOT + SUPERVISE, str(log), "60", *argv)
    assert terminal.end() == 0
    lines = log.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["tui.died", "tui.gave_up", "returned"]


def test_cancelling_ends_even_a_child_that_ignores_terminate(open_terminal: type[Terminal], tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + CHILD
    terminal = open_terminal(BOOT + SUPERVISE, str(tmp_path / "log"), "2", sys.executable, "-c", deaf)
    child = int(terminal.expect(rb"<ready (\d+) .*\x1b\[\?1003h")[1])
    assert terminal.end() == 0
    assert settings(terminal) == terminal.settings
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert (tmp_path / "log").read_text() == "returned\n"


def test_without_a_terminal_it_says_so_and_returns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    argv = [sys.executable, "-c", SUPERVISE, str(log), "60", "/nowhere/agbot"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
    assert done.stdout == b""
    assert log.read_text().startswith("tui.no_terminal")


def test_the_real_dashboard_killed_and_quit_under_the_supervisor(open_terminal: type[Terminal], tmp_path: Path) -> None:
    log = tmp_path / "log"
    tui = ["-m", "agbot", "tui", "--url", "ws://127.0.0.1:1/dashboard", "--state-dir", str(tmp_path)]
    named = "import os, sys; print(os.getpid(), file=open(sys.argv[1], 'w')); os.execv(sys.argv[2], sys.argv[2:])"
    tui = [sys.executable, "-c", named, str(tmp_path / "pid"), sys.executable, *tui]
    terminal = open_terminal(BOOT + SUPERVISE, str(log), "60", *tui)
    drawn = terminal.expect(rb"\x1b\[\?1049h.*no monitor listens")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    restored = terminal.expect(re.escape(LEAVE), drawn.end())
    terminal.expect(rb"\x1b\[\?1049h.*no monitor listens", restored.end())
    terminal.press(b"q")
    assert terminal.end() == 0
    assert settings(terminal) == terminal.settings
    assert log.read_text().splitlines() == ["tui.died code=-9 quick_failures=1", "tui.quit", "returned"]


CRASH = """
import sys
from agbot.tui.app import AgbotApp
def draw_tables(self): raise ZeroDivisionError("a bug")
AgbotApp.draw_tables = draw_tables
sys.argv = ["agbot", "tui", "--url", "ws://127.0.0.1:1/x", "--state-dir", sys.argv[1]]
from agbot.cli import main
main()
"""


def test_a_crash_of_the_dashboard_is_exit_one_with_the_terminal_restored(
    open_terminal: type[Terminal], tmp_path: Path
) -> None:
    terminal = open_terminal(BOOT + CRASH, str(tmp_path))
    assert terminal.end() == 1
    assert settings(terminal) == terminal.settings
    assert b"a bug" in terminal.screen
    assert b"\x1b[?1049l" in terminal.screen


MAIN = "from agbot.cli import main; main()"


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(
    open_terminal: type[Terminal], tmp_path: Path, sent: signal.Signals
) -> None:
    terminal = open_terminal(BOOT + MAIN, "tui", "--url", "ws://127.0.0.1:1/x", "--state-dir", str(tmp_path))
    terminal.expect(rb"no monitor listens")
    terminal.process.send_signal(sent)
    assert terminal.end() == 0
    assert settings(terminal) == terminal.settings


def test_no_terminal_is_exit_two_with_a_remedy(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "agbot", "tui", "--state-dir", str(tmp_path)]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False, text=True)
    assert done.returncode == 2
    assert "AGB-521" in done.stderr
    assert "→" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8080", "http://127.0.0.1:8080/dashboard", "ws://", "ws://h:99999/", "ws://h:0/", "ws://[x/"]
)
def test_an_address_that_is_none_is_exit_two(url: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["--url", url, "--state-dir", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
    assert (result.exception.id, result.exception.exit_code) == ("AGB-522", 2)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("ws://127.0.0.1:8080/dashboard", True),
        ("ws://localhost/dashboard", True),
        ("ws://[::1]:1/", True),
        ("wss://bot.example.org/dashboard", False),
        ("ws://10.0.0.3:8080/dashboard", False),
    ],
)
def test_the_kill_switch_key_is_for_a_bot_on_this_machine(url: str, here: bool) -> None:
    assert _is_here(url) is here


def test_help_does_not_load_the_screen() -> None:
    code = "import sys; from agbot.cli.tui import command; print('textual' in sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=True, text=True)
    assert loaded.stdout == "False\n"
    assert "kill switch" in CliRunner().invoke(command, ["--help"]).output


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"page": "http://127.0.0.1:18211"}, "ws://127.0.0.1:18211/dashboard"),
        ({"page": ""}, URL),
        (NotRunningError("no bot", id="AGB-501"), URL),
        (TimedOutError("no answer", id="AGB-502"), URL),
    ],
    ids=["its own port", "no page", "no bot", "a bot that hangs"],
)
def test_it_watches_where_the_bots_page_is(
    answer: dict[str, str] | Exception, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def control(*_: object, **__: object) -> dict[str, str]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr("agbot.cli.tui.control", control)
    assert dashboard_of(None, None) == expected
