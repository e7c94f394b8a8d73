"""Multi-phase initialisation: a second module object is independent of the first."""

import importlib.machinery
import importlib.util
import re
import sys

import pytest

from agbot import _book, _frames, _keccak, _timeseries


def second(module):
    loader = importlib.machinery.ExtensionFileLoader(module.__name__, module.__file__)
    spec = importlib.util.spec_from_loader(module.__name__, loader)
    created = importlib.util.module_from_spec(spec)
    loader.exec_module(created)
    return created


def test_what_is_immortal_later_is_counted_for_3_11(root):
    """A module built with headers of 3.12 would return None uncounted, and 3.11 abort after some thousand calls."""
    binding = (root / "native/src/binding.h").read_text()
    for name in ("None", "True", "False", "NotImplemented"):
        assert f"#define Py_RETURN_{name.upper()} return Py_NewRef(Py_{name})\n" in binding
    sources = [*(root / "native/src").glob("*_module.c"), root / "native/src/replay_asking.c"]
    assert len(sources) > 6
    for source in sources:
        includes = re.findall(r'#include ["<](.*?)[">]', source.read_text())
        assert "Python.h" not in includes, source.name
        assert not re.search(r"return Py_(None|True|False);", source.read_text()), source.name


def test_a_second_series_module_has_its_own_types():
    other = second(_timeseries)
    assert other.Series is not _timeseries.Series
    series = other.Series(3)
    series.append(1, 2.0)
    assert type(series._memory) is other.Memory is not _timeseries.Memory


def test_a_second_book_module_has_its_own_types():
    other = second(_book)
    assert other.Book is not _book.Book
    book = other.Book(1_000)
    book.update(0, 500_000, 1)
    assert book.best_bid == 500_000


def test_a_second_frames_module_has_its_own_types():
    other = second(_frames)
    assert other.Scanner is not _frames.Scanner
    assert other.Scanner(list, list, tuple, {}).scan(b"[]") == ([], [])


def test_a_second_keccak_module_is_its_own():
    other = second(_keccak)
    assert other.keccak256 is not _keccak.keccak256
    assert other.keccak256(b"") == _keccak.keccak256(b"")


@pytest.mark.parametrize("module", [_book, _frames, _keccak, _timeseries])
def test_one_stable_abi_file(module):
    if sys.platform == "win32":
        pytest.skip("Linux and macOS only")
    assert module.__file__.endswith(".abi3.so")
