"""`agbot tui` as a child on the bot's own terminal: its death restores the terminal and is never a trading incident."""

from __future__ import annotations

import os
import sys
import termios
from collections.abc import Sequence
from typing import Final

import trio

from agbot.log import Log

QUICK_S: Final = 10.0
"""A child that lived shorter than this failed quickly."""
QUICK_FAILURES_MAX: Final = 5
RESTART_DELAY_S: Final = 0.5
TERMINATE_S: Final = 1.0
RESTORE_S: Final = 1.0
CONFIGURATION: Final = 2

# Mouse reports (1000, 1002, 1003, 1006, 1015, 1016), focus (1004), paste (2004) and resize (2048) reports off,
# alternate screen off, cursor on.
_MODES_OFF: Final = (1000, 1002, 1003, 1006, 1015, 1016, 1004, 2004, 2048, 1049)
# Then the keyboard protocol popped and colours reset.
LEAVE: Final = b"".join(b"\x1b[?%dl" % mode for mode in _MODES_OFF) + b"\x1b[?25h\x1b[<u\x1b[0m\r"


async def run_tui(argv: Sequence[str], *, log: Log) -> None:
    """Run `argv` on this process's terminal until its user quits (exit 0), starting it anew when it dies.

    Gives up, with a log line, after five quick failures in a row, at once when the child says its configuration is
    wrong (exit 2), and when there is no terminal. Whatever happens, the terminal is as before; nothing is raised for
    a child that fails. Cancelling terminates the child, and kills it a second later.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        log.warning("tui.no_terminal", remedy="run it in a terminal, or agbot tui in another one")
        return
    screen = _Screen(sys.stdin.fileno(), sys.stdout.fileno())
    failures = 0
    while failures < QUICK_FAILURES_MAX:
        began = trio.current_time()
        code = await _run_once(argv, screen)
        if code == 0:
            log.info("tui.quit")
            return
        quick = trio.current_time() - began < QUICK_S
        failures = failures + 1 if quick else 1
        log.warning("tui.died", code=code, quick_failures=failures)
        if code == CONFIGURATION:
            break
        await trio.sleep(RESTART_DELAY_S)
    log.warning("tui.gave_up", remedy="agbot tui, in another terminal, shows why")


async def _run_once(argv: Sequence[str], screen: _Screen) -> int:
    """Return the child's exit code (negative: the signal that ended it), with the terminal restored."""
    try:
        child = await trio.run_process(argv, stdin=None, check=False, deliver_cancel=_end)
    except OSError:
        return CONFIGURATION  # not there or not executable: starting it again changes nothing
    finally:
        with trio.move_on_after(RESTORE_S, shield=True):
            # In a thread: writing to a terminal stopped with ctrl-s blocks, and this process trades.
            await trio.to_thread.run_sync(screen.restore, abandon_on_cancel=True)
    return child.returncode


async def _end(child: trio.Process) -> None:
    child.terminate()
    with trio.move_on_after(TERMINATE_S, shield=True):
        await child.wait()
    child.kill()


class _Screen:
    """The terminal's settings as they were at the start."""

    def __init__(self, keys: int, screen: int) -> None:
        self._keys = keys
        self._screen = screen
        self._saved = termios.tcgetattr(keys)

    def restore(self) -> None:
        """Put the settings back at once, drop keys typed at the dead child; a terminal that is gone is left alone."""
        try:
            termios.tcsetattr(self._keys, termios.TCSANOW, self._saved)
            termios.tcflush(self._keys, termios.TCIFLUSH)
            os.write(self._screen, LEAVE)
        except (OSError, termios.error):
            return
