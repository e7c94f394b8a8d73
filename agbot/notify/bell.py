"""The bell of the terminal the bot runs on, also under its dashboard."""

from __future__ import annotations

import os
from typing import Final

from agbot.notify.channel import NotSent, Refused
from agbot.notify.notice import Message

BEL: Final = b"\a"
TERMINAL: Final = "/dev/tty"


class Bell:
    """Rings once a message. The words are in the log and on the screens."""

    def __init__(self, terminal: str = TERMINAL) -> None:
        self._terminal = terminal

    async def send(self, message: Message) -> str:  # noqa: ARG002
        """Ring and return "rung". Refused where there is no terminal, NotSent while it takes nothing."""
        try:
            tty = os.open(self._terminal, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as e:
            raise Refused(f"no terminal: {e.strerror or e}") from None
        try:
            os.write(tty, BEL)
        except OSError as e:  # a terminal that was stopped with Ctrl-S
            raise NotSent(f"the terminal takes nothing: {e.strerror or e}") from None
        finally:
            os.close(tty)
        return "rung"
