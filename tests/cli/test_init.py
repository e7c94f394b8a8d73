"""agbot init: at most eight questions, one commented file for its owner alone, no key in it."""

from __future__ import annotations

import stat
import sys
import types

import pytest
from click.testing import CliRunner

from agbot import cli, secrets
from agbot.cli import init
from agbot.cli.first_config import write_new
from agbot.config import load_settings
from agbot.errors import AgbotError, ConfigError, VenueUnavailable
from agbot.settings import Mode

KEY = "0x" + "4f" * 32


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*args, say=""):
    return CliRunner().invoke(cli.cli, ["init", *map(str, args)], input=say)


def test_defaults_write_what_check_accepts(tmp_path):
    result = run("--defaults")
    assert result.exit_code == 0, result.output
    assert "agbot check config.yaml" in result.output
    path = tmp_path / "config.yaml"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["config.yaml"]
    settings = load_settings(path)
    assert settings.mode is Mode.PAPER
    assert settings.live.max_order_usd is None
    checked = CliRunner().invoke(cli.cli, ["check", "config.yaml"])
    assert checked.exit_code == 0, checked.output


def test_every_key_has_a_comment(tmp_path):
    assert run("--defaults", "--caps", "5,25").exit_code == 0
    settings = [line for line in (tmp_path / "config.yaml").read_text().splitlines() if ": " in line and line[0] != "#"]
    plain = [line for line in settings if "#" not in line]
    assert plain == ["markets: []", "  - name: quoter"]  # explained above, and by its name


def test_options_reach_the_file(tmp_path):
    policies = tmp_path / "mine.yaml"
    policies.write_text("policies:\n  - type: PositionLimit\n    max_size: 5\n")
    options = ["--mode", "shadow", "--profile", "b1", "--market", "a-b", "--market", "on", "--capital", "77.5"]
    assert run("--defaults", "x.yaml", *options, "--caps", "5,25", "--policies", policies).exit_code == 0
    settings = load_settings(tmp_path / "x.yaml")
    assert (settings.mode, settings.profile, settings.markets) == (Mode.SHADOW, "b1", ("a-b", "on"))
    assert settings.capital_usd == 77_500_000
    assert settings.live.max_order_usd == 5_000_000
    assert settings.live.max_day_usd == 25_000_000
    assert settings.policy_file == policies
    assert "policy_file: mine.yaml" in (tmp_path / "x.yaml").read_text()


def test_markets_that_nobody_was_asked_about_are_said_to_be_so(tmp_path):
    result = run("--defaults", "--market", "nosuch")
    assert "next      agbot check config.yaml --online   # whether the venue has the markets" in result.output
    checked = CliRunner().invoke(cli.cli, ["check", "config.yaml"])
    assert "nosuch (not looked up: agbot check config.yaml --online asks the venue)" in checked.output.replace(
        f"{tmp_path}/", ""
    )


def test_an_existing_file_is_left_alone(tmp_path):
    (tmp_path / "config.yaml").write_text("mine")
    result = run("--defaults")
    assert isinstance(result.exception, ConfigError)
    assert result.exception.id == "AGB-450"
    assert (tmp_path / "config.yaml").read_text() == "mine"


def test_a_file_that_appears_meanwhile_is_left_alone(tmp_path):
    (tmp_path / "a.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="AGB-450"):
        write_new(tmp_path / "a.yaml", "ours")
    assert (tmp_path / "a.yaml").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_nowhere_to_write():
    result = run("--defaults", "no/such/dir/a.yaml")
    assert isinstance(result.exception, ConfigError)
    assert result.exception.id == "AGB-451"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--caps", "25"], "AGB-107"),
        (["--caps", "250,25"], "AGB-107"),
        (["--caps", "1e400,25"], "AGB-107"),
        (["--capital", "lots"], "AGB-106"),
        (["--profile", "a b"], "AGB-107"),
        (["--strategy", "magic"], "AGB-117"),
        (["--policies", "absent.yaml"], "AGB-100"),
        (["--market", "a", "--market", "a"], "AGB-114"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else value,
)
def test_what_check_would_refuse_is_not_written(options, error, tmp_path):
    result = run("--defaults", *options)
    assert isinstance(result.exception, ConfigError)
    assert result.exception.id == error
    assert list(tmp_path.iterdir()) == []


def test_eight_questions_at_most(tmp_path, monkeypatch):
    monkeypatch.setattr(init.importlib.util, "find_spec", lambda name: object())
    asked = []
    prompt, confirm = init.click.prompt, init.click.confirm
    monkeypatch.setattr(init.click, "prompt", lambda text, **kw: asked.append(text) or prompt(text, **kw))
    monkeypatch.setattr(init.click, "confirm", lambda text, **kw: asked.append(text) or confirm(text, **kw))
    result = run(say="shadow\nmybot\nrain-tomorrow\n500\n\nquoter\n5 25\nn\n")
    assert result.exit_code == 0, result.output
    assert len(asked) == 8
    settings = load_settings(tmp_path / "config.yaml")
    assert (settings.mode, settings.profile, settings.markets) == (Mode.SHADOW, "mybot", ("rain-tomorrow",))
    assert settings.live.max_day_usd == 25_000_000


def test_a_wrong_answer_is_asked_again(tmp_path):
    result = run("--mode", "demo", say="a b\nbot\n-5\n500\nno.yaml\n\nmagic\nquoter\n")
    assert result.exit_code == 0, result.output
    for said in ("'a b' cannot be a name", "is negative", "AGB-100", "unknown strategy"):
        assert said in result.output
    assert load_settings(tmp_path / "config.yaml").capital_usd == 500_000_000


def test_no_answer_writes_nothing(tmp_path):
    result = run(say="paper\n")
    assert result.exit_code == 2
    assert "agbot init --defaults" in result.output
    assert list(tmp_path.iterdir()) == []


def test_words_are_searched_and_picked_by_number(tmp_path, monkeypatch):
    monkeypatch.setattr(init, "search", lambda words: [("rain-a", "Rain in A?"), ("rain-b", f"{words} in B?")])
    result = run("--mode", "paper", "--profile", "p", "--capital", "5", say="rain\n3\n2 1\n\n\n\n")
    assert result.exit_code == 0, result.output
    assert "numbers from 1 to 2" in result.output
    assert load_settings(tmp_path / "config.yaml").markets == ("rain-b", "rain-a")


def test_an_unreachable_search_does_not_stop_it(tmp_path, monkeypatch):
    def gone(words):
        raise VenueUnavailable("no route", venue="gamma")

    monkeypatch.setattr(init, "search", gone)
    result = run("--mode", "paper", say="p\nrain\n5\n\n\n\n")
    assert result.exit_code == 0, result.output
    assert "agbot markets search rain" in result.output
    assert load_settings(tmp_path / "config.yaml").markets == ()


# ---------------------------------------------------------------- keys


class LockedError(Exception):
    """What a keyring raises."""


@pytest.fixture
def keyring(monkeypatch):
    """Put a keyring into the system; return what is in it."""
    kept = {}
    module = types.ModuleType("keyring")
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = LockedError
    module.__spec__ = errors.__spec__ = types.SimpleNamespace(name="keyring")
    module.set_password = lambda service, name, value: kept.update({(service, name): value})
    module.errors = errors
    monkeypatch.setitem(sys.modules, "keyring", module)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return kept


ANSWERS = "demo\n\n\n\n\n"


def test_keys_go_to_the_keyring_and_nowhere_else(tmp_path, keyring):
    result = run(say=f"{ANSWERS}y\n{KEY}\n\n\n\n")
    assert result.exit_code == 0, result.output
    assert keyring == {(secrets.SERVICE, "POLYMARKET_PRIVATE_KEY"): KEY}
    assert "POLYMARKET_PRIVATE_KEY: stored" in result.output
    assert KEY not in result.output
    assert KEY[2:] not in (tmp_path / "config.yaml").read_text()


def test_a_locked_keyring_says_so_without_the_key(keyring, monkeypatch):
    def locked(service, name, value):
        raise LockedError(value)

    monkeypatch.setattr(sys.modules["keyring"], "set_password", locked)
    result = run(say=f"{ANSWERS}y\n{KEY}\n")
    assert isinstance(result.exception, AgbotError)
    assert result.exception.id == "AGB-452"
    assert KEY not in str(result.exception) + result.output


def test_without_a_keyring_the_environment_is_explained():
    result = run(say=ANSWERS)
    assert result.exit_code == 0, result.output
    for name in init.KEYS:
        assert f"export {name}=" in result.output
    assert "agbot apikey --print" in result.output


@pytest.mark.parametrize(("more", "said"), [((), True), (("--market", "rain-nyc"), False), (("--mode", "demo"), False)])
def test_a_file_without_markets_is_said_to_want_some(more, said, tmp_path):
    result = CliRunner().invoke(init.command, [str(tmp_path / "c.yaml"), "--defaults", *more])
    assert result.exit_code == 0
    assert ("first     name a market in it" in result.output) is said
