"""A group that, asked for a command it does not have, names the nearest it has."""

from __future__ import annotations

from collections.abc import Sequence

import click

NEAR_MAX = 3
PART_MIN = 3


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
    """Return, as words, the names that `name` may have been meant for; empty for none."""
    return either(near_names(name, known))


def near_names(name: str, known: Sequence[str]) -> list[str]:
    """Return the names that begin with `name`, else have it in them, else are like it, best first."""
    from difflib import get_close_matches  # noqa: PLC0415

    near = [each for each in known if each.startswith(name.lower())]
    if not near and len(name) >= PART_MIN:
        near = [each for each in known if name.lower() in each]
    return (near or get_close_matches(name.lower(), known, NEAR_MAX))[:NEAR_MAX]


def either(names: Sequence[str]) -> str:
    """Return names in quotes, as the words of a choice."""
    *others, last = map(repr, names or ("",))
    return (f"{', '.join(others)} or {last}" if others else last) if names else ""
