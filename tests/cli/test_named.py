"""--config means the bot of that configuration, never another one that happens to run: that one has another wallet."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from agbot.cli import book, cli, open_orders, orders, positions
from agbot.cli.common import named, state_path
from agbot.errors import ConfigError, NotRunningError

MODULES = (orders, open_orders, positions, book)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "b2.yaml"
    path.write_text(f"profile: b2\nstate_dir: {tmp_path}/b2\n")
    return path


@pytest.fixture
def asked(monkeypatch):
    """Let another bot run, and none of those that are asked; return which were."""
    found = []

    def control(profile, state_dir, *_args, **_kwargs):
        found.append((profile, state_dir))
        raise NotRunningError("no bot", id="AGB-501")

    monkeypatch.setattr("agbot.control.running_profiles", lambda: ["default"])
    for module in MODULES:
        monkeypatch.setattr(module, "control", control)
    return found


@pytest.mark.parametrize(
    "words",
    [
        ("cancel", "--all"),
        ("cancel", "0x39"),
        ("buy", "rain", "yes", "10", "0.4"),
        ("sell", "rain", "yes", "10", "0.4", "--send"),
        ("orders",),
        ("positions",),
        ("book", "rain"),
    ],
)
def test_a_configuration_names_its_bot(words, config, asked, tmp_path, monkeypatch):
    monkeypatch.setattr("agbot.cli.alone.order_alone", lambda *_a, **_k: {})
    monkeypatch.setattr("agbot.cli.alone.cancel_alone", lambda *_a, **_k: {})
    monkeypatch.setattr("agbot.cli.book.ask", lambda *_a, **_k: (_ for _ in ()).throw(NotRunningError("x", id="AGB-1")))
    CliRunner().invoke(cli, [*words, "--config", str(config)])
    assert set(asked) == {("b2", tmp_path / "b2")}


def test_an_option_outdoes_it_and_without_one_nothing_is_named(config, tmp_path):
    assert named("mine", None, config) == ("mine", None)
    assert named(None, tmp_path, config) == (None, tmp_path)
    assert named(None, None, None) == (None, None)
    with pytest.raises(ConfigError, match="AGB-100"):
        named(None, None, tmp_path / "nowhere.yaml")


def test_without_a_name_it_is_the_bot_that_ran_last(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_path(None, None).name == "demo"
    for profile, run in (("zeta", "20261101T000000-paper"), ("mine", "20261128T000000-live"), ("never", "")):
        runs = tmp_path / "agbot" / profile / "runs"
        runs.mkdir(parents=True)
        runs.parent.chmod(0o700)
        if run:
            (runs / f"{run}.agj").touch()
    assert state_path(None, None).name == "mine"
    assert state_path("zeta", None).name == "zeta"
