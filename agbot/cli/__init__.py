"""The command line. Only click and constants are imported here; each command's module loads when it is called."""

from __future__ import annotations

import importlib
import os
import sys

import click

from agbot import __version__
from agbot.cli.near import Group

COMMANDS = {
    "run": "Run the bot: demo without configuration, paper with one, or a recording with --replay.",
    "exchange": "Run Polymarket in a box: a local exchange for any client, with play money.",
    "tui": "Watch the running bot in this terminal.",
    "monitor": "Serve the web page and collect metrics (agbot run starts one by itself).",
    "killswitch": "Close or open the gate for orders; 'on' also cancels everything and proves it.",
    "status": "Say in one line what the bot is doing.",
    "risk": "Show what the book can lose: worst case, VaR, Greeks, limits used (show), shocks (stress).",
    "reconcile": "Show where the venue's figures are not the bot's, and take them over.",
    "stop": "Stop the bot in order: cancel all, drain, exit.",
    "logs": "Show the bot's log; -f follows.",
    "notify": "Send a test message over the channels that tell you what happens.",
    "check": "Check configuration and policies without starting anything.",
    "init": "Write a first configuration, out of at most eight questions.",
    "doctor": "Check wallet, permissions, clock, disk and the way to the venue; say what to type.",
    "apikey": "Get the venue's API key for your private key, into the keyring.",
    "markets": "Find markets (search) and see their terms (show).",
    "book": "Show a market's order book as a ladder, with your own orders in it.",
    "trades": "Show your trades, or everybody's in a market.",
    "positions": "Show what your wallet, or any wallet, holds.",
    "orders": "Show open orders: the running bot's, or yours at the venue.",
    "allowances": "Show who may take your pUSD and move your shares, and the calls that are missing.",
    "redeem": "Show the call that turns shares of a resolved market into pUSD; sends nothing.",
    "merge": "Show the call that turns YES and NO shares into pUSD; sends nothing.",
    "split": "Show the call that turns pUSD into YES and NO shares; sends nothing.",
    "feeds": "Show rate, lag, age and trust of every feed: the running bot's, or of markets you name.",
    "selftest": "Compute test vectors made elsewhere and compare.",
    "simulate": "Try to make the bot lose an order, a cent or its mind: seeds, faults, an auditor.",
    "backtest": "Run strategies over market data of the past; PnL with bounds, a table, JSON, an HTML report.",
    "new": "Begin a strategy of your own from one that works: a file, its test, a configuration.",
    "compare": "Split a run's PnL gap to the ideal into fees, queue, decision drift, missed data, latency.",
    "plot": "Draw a backtest's result or a run in the terminal, or as SVG.",
    "optimize": "Search for a strategy's parameters, and say how much of the best is luck.",
    "lookahead": "Run a backtest with another future, and see whether its past changes.",
    "replay": "Run a journal through the same core; --verify compares every decision.",
    "explain": "Tell an order's whole story: what was seen, decided, sent, said and earned.",
    "audit": "Check the audit log's chain: every event of an order, one line each.",
    "report": "Report a day, a week or a month of an account: PnL, fees, markouts, denials, incidents.",
    "record": "Keep every frame the market and price sockets send, for replay and backtests.",
    "history": "Look at what runs left behind (query, orders, fills); recordings in and out (import, export, verify).",
    "sql": "Ask the history in SQL, read-only.",
    "db": "Look after the history's files: versions, backup, restore.",
    "import": "Convert recordings to agbot's history format.",
    "buy": "Buy through the running bot's risk gate.",
    "sell": "Sell through the running bot's risk gate.",
    "cancel": "Cancel one order, or all.",
    "trade": "Hand over a trade that another program approved, once; hear what became of it.",
    "signer": "Hold the private key in a process of its own, with limits of its own.",
}

_ELSEWHERE = {
    "history": ("history_group", "command"),
    "import": ("import_", "command"),
    "buy": ("orders", "buy"),
    "sell": ("orders", "sell"),
    "cancel": ("orders", "cancel"),
    "trades": ("history", "trades"),
    "orders": ("open_orders", "command"),
    "redeem": ("onchain", "redeem"),
    "merge": ("onchain", "merge"),
    "split": ("onchain", "split"),
}


class LazyGroup(Group):
    """A group whose commands are imported when used, so that --help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the commands in the order of a first-time reader."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return the command, None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = _ELSEWHERE.get(cmd_name, (cmd_name, "command"))
        command: click.Command = getattr(importlib.import_module(f"agbot.cli.{module}"), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List commands from the table above, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 ok, 1 error, 2 configuration, 3 not running, 4 not found, 5 timeout.",
)
@click.version_option(__version__, prog_name="agbot")
def cli() -> None:
    """agbot: a trading system for prediction markets.

    \b
    agbot run                    a demo: a local exchange, play money, page at http://127.0.0.1:8080
    agbot run --replay FILE      trade a recorded order book
    agbot tui                    watch it in a second terminal
    agbot killswitch on --reason TEXT
    """


def main() -> None:
    """Run the command line and turn our errors into a message and their exit code."""
    if not __debug__:
        sys.exit("agbot refuses python -O: its assertions guard money")
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as e:
        e.show()
        sys.exit(2)
    except click.Abort:
        sys.exit("aborted")
    except Exception as e:
        from agbot.errors import AgbotError, leaves  # noqa: PLC0415

        if all(isinstance(error, BrokenPipeError) for error in leaves(e)):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # whoever read us has gone: the last flush says no more
            sys.exit(1)
        # A nursery wraps what broke it in groups; the first of our errors in there says what to do.
        ours = [error for error in leaves(e) if isinstance(error, AgbotError)]
        if len(ours) < len(list(leaves(e))):
            raise
        for text in dict.fromkeys(map(str, ours)):
            click.echo(f"agbot: {text}", err=True)
        sys.exit(ours[0].exit_code)
