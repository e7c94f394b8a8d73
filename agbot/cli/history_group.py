"""agbot history: recordings brought in, given out, checked."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "import": "agbot.cli.history_import:command",
    "export": "agbot.cli.history_export:command",
    "verify": "agbot.cli.history_verify:command",
}
"""Where each sub-command is."""


class _Group(click.Group):
    """Sub-commands that are imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of a first-time reader."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the command, None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(name="history", cls=_Group)
def command() -> None:
    """Bring recordings in, give them out as tables, check that they are whole.

    \b
    agbot history import game.csv.gz --to game.agh
    agbot history export recording --to game.parquet
    agbot history verify recording
    """
