"""The command line starts fast, explains every command, and turns our errors into exit codes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import CliRunner

from agbot import __version__, cli
from agbot.cli.near import Group, nearest
from agbot.errors import AgbotError, ConfigError, NotFoundError, NotRunningError, TimedOutError

HEAVY = ["trio", "httpx", "numpy", "textual", "structlog", "msgspec", "attr", "attrs", "cattrs", "ruamel", "websockets"]
HELP = "import sys; sys.argv[1:] = {args!r}\nfrom agbot.cli import main\nmain()\n"
SELF_EXPLAINING = {"--json", "--reason"}


@pytest.mark.parametrize("args", [["--help"], ["--version"]], ids=lambda args: args[0])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    script = HELP.format(args=args) + f"print('heavy:', [m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_the_probe_would_notice() -> None:
    script = "import sys, msgspec; print([m for m in ['msgspec'] if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['msgspec']"


def test_help_lists_every_command_with_its_purpose() -> None:
    result = CliRunner().invoke(cli.cli, ["--help"], terminal_width=110)
    assert result.exit_code == 0
    listed = result.output.partition("Commands:")[2]
    assert re.findall(r"^  (\w+) ", listed, re.MULTILINE) == [*cli.COMMANDS, "Exit"]
    told = " ".join(listed.split())
    assert [name for name, purpose in cli.COMMANDS.items() if purpose not in told] == []


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli.cli, [name, "--help"])
    assert result.exit_code == 0, result.output
    assert f"Usage: cli {name}" in result.output
    command = cli.cli.get_command(click.Context(cli.cli), name)
    assert command is not None
    assert command.help
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [p.opts for p in options if not p.help and not SELF_EXPLAINING & set(p.opts)] == []


def test_unknown_command() -> None:
    result = CliRunner().invoke(cli.cli, ["moon"])
    assert result.exit_code == 2
    assert "No such command 'moon'.\n" in result.output


@pytest.mark.parametrize(
    ("args", "near"),
    [
        ("statsu", "'status'"),
        ("kill", "'killswitch'"),
        ("Status", "'status'"),
        ("redeme", "'redeem'"),
        ("history oders", "'orders'"),
        ("exchange ledgr", "'ledger'"),
        ("exchange faults onn", "'on'"),
        ("risk strss", "'stress'"),
        ("killswitch of", "'off'"),
    ],
)
def test_a_misspelled_command_is_told_the_nearest(args: str, near: str) -> None:
    result = CliRunner().invoke(cli.cli, args.split())
    assert result.exit_code == 2
    assert f"Error: No such command {args.rsplit(maxsplit=1)[-1]!r}. Did you mean {near}?\n" in result.output


def groups(command: click.Command) -> Iterator[click.Group]:
    if isinstance(command, click.Group):
        yield command
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from groups(found)


def test_every_group_tells_the_nearest() -> None:
    assert [group.name for group in groups(cli.cli) if not isinstance(group, Group)] == []


def test_several_may_be_meant() -> None:
    assert nearest("re", ["redeem", "run", "report", "record", "replay"]) == "'redeem', 'report' or 'record'"
    assert nearest("ordes", ["run", "orders"]) == "'orders'"
    assert nearest("moon", ["run", "orders"]) == ""


def test_version() -> None:
    assert __version__ in CliRunner().invoke(cli.cli, ["--version"]).output


def raising(error: BaseException) -> Callable[..., None]:
    def run(**_: object) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (
            ConfigError("bad", id="AGB-1", path="a.yaml", line=3, key="k", remedy="mend it"),
            2,
            "a.yaml:3: k: bad → mend",
        ),
        (NotRunningError("no bot", id="AGB-2"), 3, "[AGB-2] no bot"),
        (NotFoundError("no such run", id="AGB-3"), 4, "[AGB-3] no such run"),
        (TimedOutError("no answer", id="AGB-4"), 5, "[AGB-4] no answer"),
        (AgbotError("broken", id="AGB-5"), 1, "[AGB-5] broken"),
        (click.UsageError("what?"), 2, "what?"),
        (click.Abort(), 1, "aborted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_errors_become_a_message_and_an_exit_code(
    error: BaseException, code: int, text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.cli, "main", raising(error))
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    said = capsys.readouterr().err
    if isinstance(exit_.value.code, int):
        assert exit_.value.code == code
    else:  # sys.exit(text) prints the text and exits with 1
        assert code == 1
        said += str(exit_.value.code)
    assert text in said
    assert "Traceback" not in said


def test_a_bug_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli.cli, "main", raising(ZeroDivisionError("a bug")))
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_python_without_assertions_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "agbot", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "refuses python -O" in done.stderr
