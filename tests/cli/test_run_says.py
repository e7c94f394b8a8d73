"""What `agbot run` tells its reader to type means this bot, wherever its state is."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from agbot.cli import cli
from agbot.cli.common import state_path
from agbot.cli.start import greet
from agbot.control import state_dir
from agbot.run.attach import Screens
from agbot.run.children import Monitor
from agbot.run.plans import Start
from agbot.settings import Settings


@pytest.mark.parametrize("chosen", [{"profile": "demo"}, {"profile": "second"}, {"state_dir": Path("a place")}])
def test_the_commands_it_prints_reach_it(chosen, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    settings = Settings(**{"profile": "demo", **chosen})
    directory = state_dir(settings.profile, settings.state_dir)
    greet(Start(settings=settings, state_dir=directory, screens=Screens(state_dir=directory)))
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    monkeypatch.chdir("/")  # another terminal
    for command in (lines["terminal"], lines["stop"].removeprefix("Ctrl-C, or: "), lines["kill"]):
        options = shlex.split(command)
        named = {k: options[options.index(f"--{k}") + 1] for k in ("profile", "state-dir") if f"--{k}" in options}
        explicit = named.get("state-dir")
        assert state_path(named.get("profile"), Path(explicit) if explicit else None) == directory, command
        assert options[0] == "agbot"
        assert options[1] in cli.list_commands(None)


@pytest.mark.parametrize(("port", "url"), [(8080, ""), (8091, " --url ws://127.0.0.1:8091/dashboard")])
def test_the_terminal_is_sent_to_the_port_of_the_page(port, url, tmp_path, capsys):
    greet(Start(settings=Settings(profile="demo"), state_dir=tmp_path, screens=Screens(port=port, state_dir=tmp_path)))
    assert f"terminal  agbot tui{url}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("monitor", "page"),
    [
        (None, ["page      http://127.0.0.1:8080"]),
        (Monitor(senders=0), ["page      http://127.0.0.1:8080"]),  # what the last run left behind
        (Monitor(senders=1), ["page      http://127.0.0.1:8080", "shared    with another bot: it shows"]),
        (Monitor(senders=2), ["page      http://127.0.0.1:8080", "shared    with 2 other bots: it "]),
        (
            Monitor(senders=1, live=1),
            [
                "page      http://127.0.0.1:8080",
                "shared    with another bot: it goes on showing the one that trades real money, not this one (",
            ],
        ),
        (
            Monitor(senders=1, trouble="is ill"),
            ["page      http://127.0.0.1:8080, but the monitor there is ill ("],
        ),
    ],
)
def test_a_page_that_is_shared_or_shut_is_told(monitor, page, tmp_path, capsys):
    screens = Screens(state_dir=tmp_path)
    greet(Start(settings=Settings(profile="demo"), state_dir=tmp_path, screens=screens), None, monitor)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line[: len(begin)] for line, begin in zip(lines, page, strict=False)] == page
    assert lines[len(page)].startswith("terminal  ")
    greet(
        Start(settings=Settings(profile="demo"), state_dir=tmp_path, screens=Screens(web=False, state_dir=tmp_path)),
        None,
        monitor,
    )
    assert not {"page", "shared"} & {line.split()[0] for line in capsys.readouterr().out.splitlines()}
