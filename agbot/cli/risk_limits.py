"""agbot risk limits: other policies for the running bot."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import click

from agbot.cli.common import bot_options, control


@click.command(name="limits")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--reason", required=True, help="Why; it is journaled.")
@click.option("--by", default=getpass.getuser, show_default="your user name", help="Who; it is journaled.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@bot_options
def command(file: Path, reason: str, by: str, profile: str | None, state_dir: Path | None, *, as_json: bool) -> None:
    """Give the running bot the policies of FILE, at once, until it ends.

    \b
    agbot risk limits policies/conservative.yaml --reason "election night"

    They replace those it has; the caps of a live configuration stay. What rests is not taken off. The kill switch and
    what was lost so far are as before. The next run begins with the file of its configuration.
    """
    from agbot.cli.tables import table  # noqa: PLC0415
    from agbot.core.rules import load_rules, spelled  # noqa: PLC0415

    text = json.dumps({"policies": [spelled(rule) for rule in load_rules(file)]})
    told = control(profile, state_dir, {"op": "policies", "policies": text, "reason": reason, "by": by})
    if as_json:
        click.echo(json.dumps(told))
        return
    click.echo(table(told["policies"], "no policies: every order passes that the venue and the cash allow"))
    click.echo(f"\nin force until this run ends, by {told['by']}: {told['reason']}")
