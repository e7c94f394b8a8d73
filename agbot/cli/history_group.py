"""agbot history: what runs have left behind, and recordings. Each command's module loads when it is called."""

from __future__ import annotations

import importlib

import click

from agbot.cli.near import Group

COMMANDS = {
    "query": "Show a metric over time, as a line of the terminal or as JSON.",
    "orders": "Show orders of this and earlier runs.",
    "fills": "Show executions of this and earlier runs.",
    "import": "Bring recordings in.",
    "export": "Give a recording out as a table.",
    "verify": "Check that a recording is whole.",
    "vacuum": "Make the files smaller; --metrics-days and --executions-days forget what is older.",
}

_ELSEWHERE = {
    "query": ("history_query", "query"),
    "orders": ("history_rows", "orders"),
    "fills": ("history_rows", "fills"),
    "import": ("history_import", "command"),
    "export": ("history_export", "command"),
    "verify": ("history_verify", "command"),
    "vacuum": ("history_upkeep", "vacuum"),
}


class HistoryGroup(Group):
    """A group whose commands are imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of a first-time reader."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the command, None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = _ELSEWHERE[cmd_name]
        command: click.Command = getattr(importlib.import_module(f"agbot.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List commands from the table above, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=HistoryGroup, name="history")
def command() -> None:
    """Look at what runs have left behind: metrics, orders, executions; bring recordings in, give them out, check them.

    \b
    agbot history query agbot.equity_usd --since 24h
    agbot history fills --since 7d --strategy quoter
    agbot sql "select strategy, count(*) from fills group by strategy"
    agbot history import game.csv.gz --to game.agh
    agbot history export recording --to game.parquet
    agbot history verify recording
    """
