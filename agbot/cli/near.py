"""A group that, asked for a command it does not have, names the nearest it has."""

from __future__ import annotations

from collections.abc import Sequence

import click

NEAR_MAX = 3


class Group(click.Group):
    """As click's; click's own suggests only from its newest versions on, and never what is imported when used."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` begin with; UsageError, with the nearest names, when there is none."""
        name = args[0]
        if name[:1].isalnum() and not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            near = nearest(name, self.list_commands(ctx))
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {near}?" if near else ""))
        return super().resolve_command(ctx, args)


def nearest(name: str, known: Sequence[str]) -> str:
    """Return the names that begin with `name`, else those it may have been meant for, best first; empty for none."""
    from difflib import get_close_matches  # noqa: PLC0415

    near = [each for each in known if each.startswith(name.lower())]
    near = near or get_close_matches(name.lower(), known, NEAR_MAX)
    *others, last = [repr(each) for each in near[:NEAR_MAX]] or [""]
    return f"{', '.join(others)} or {last}" if others else last
