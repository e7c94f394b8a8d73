"""Shared by the tests of configuration: read text and return what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import agbot.log
from agbot.config import read_settings
from agbot.core.rules import read_rules
from agbot.errors import ConfigError
from agbot.located import loads

FaultsOf = Callable[[str], list[str]]


@pytest.fixture
def settings_faults() -> FaultsOf:
    """Return a function from configuration text to the messages about it."""

    def faults_of(text: str) -> list[str]:
        faults: list[ConfigError] = []
        try:
            read_settings(loads(text, "c.yaml"), faults)
        except ConfigError as e:
            faults.append(e)
        return [str(fault) for fault in faults]

    return faults_of


@pytest.fixture
def policy_faults() -> FaultsOf:
    """Return a function from policy text to the messages about it."""

    def faults_of(text: str) -> list[str]:
        faults: list[ConfigError] = []
        try:
            read_rules(loads(text, "p.yaml"), faults)
        except ConfigError as e:
            faults.append(e)
        return [str(fault) for fault in faults]

    return faults_of


@pytest.fixture
def repo() -> Path:
    """Return the repository's root."""
    return Path(__file__).parents[2]


@pytest.fixture
def quiet_log() -> Iterator[None]:
    """Leave logging as it was found."""
    level = logging.getLogger().level
    yield
    agbot.log.close()
    logging.getLogger().setLevel(level)
    logging.getLogger("agbot").setLevel(logging.NOTSET)
