"""`agbot new strategy`: a strategy that backtests, passes its test and trades on paper as it is."""

from __future__ import annotations

from pathlib import Path

import click

from agbot.cli.near import Group
from agbot.errors import ConfigError

_TEST = '''\
"""What the strategy is meant to do, on prices that are written here."""

from {name} import {kind}

from agbot.testing.strategies import traded

FELL = [0.50] * 30 + [0.45] * 5 + [0.55] * 20


def test_it_buys_what_fell_and_sells_it_when_it_is_back():
    run = traded({kind}(period=20, edge="0.02"), FELL)
    assert [(order.side, order.size) for order in run.orders] == [("BUY", 20_000_000), ("SELL", 20_000_000)]
    assert run.net == 0


def test_it_leaves_a_quiet_market_alone():
    assert traded({kind}(), [0.50] * 60).orders == []
'''

_CONFIG = """\
# agbot backtest {name}.yaml      on invented markets; name recordings of your own below
# Invented prices wander: what comes of it is what trading costs, spread and fees. Profit needs prices that do not.
# agbot run {name}.yaml           trade on the demo exchange, with play money
mode: demo                        # paper: live prices, play money; then name markets

strategies:
  - name: {name}.py:{kind}
    params: {{size: 20, period: 30, edge: "0.03"}}

backtest:
  data:
    generated: {{seed: 1, days: 0.02, markets: 4}}
"""


@click.group(cls=Group)
def command() -> None:
    """Begin something of your own from a piece that works.

    \b
    agbot new strategy dip            writes dip.py, test_dip.py and dip.yaml
    """


@command.command()
@click.argument("name")
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where to write.")
def strategy(name: str, folder: Path) -> None:
    """Write NAME.py with its test and a configuration; nothing in them has to be edited to run.

    \b
    agbot new strategy dip
    agbot backtest dip.yaml
    python -m pytest test_dip.py
    agbot run dip.yaml
    """
    if not name.isidentifier() or name != name.lower() or name == "template":
        remedy = "use lower case letters, digits and _, a letter first"
        raise ConfigError(f"{name!r} cannot be the name of a strategy", id="AGB-641", remedy=remedy)
    files = _files(name, "".join(word.capitalize() for word in name.split("_")))
    for file in files:
        if (folder / file).exists():
            remedy = "take another name, or --dir FOLDER"
            raise ConfigError(
                "this file is there already: nothing was written", id="AGB-642", path=folder / file, remedy=remedy
            )
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
        click.echo(f"wrote {folder / file}")
    for words in (f"agbot backtest {folder / name}.yaml", f"python -m pytest {folder / f'test_{name}.py'}"):
        click.echo(words)
    click.echo(f"agbot run {folder / name}.yaml")


def _files(name: str, kind: str) -> dict[str, str]:
    from agbot.strategy import template  # noqa: PLC0415

    source = Path(str(template.__file__)).read_text(encoding="utf-8")
    return {
        f"{name}.py": source.replace("Template", kind).replace("template", name),
        f"test_{name}.py": _TEST.format(name=name, kind=kind),
        f"{name}.yaml": _CONFIG.format(name=name, kind=kind),
    }
