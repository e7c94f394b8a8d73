"""The venue's status words, which come in several spellings and sometimes with a sentence attached."""

from __future__ import annotations

from typing import Final

from agbot.model.order import Settlement

_PREFIXES: Final = ("ORDER_STATUS_", "TRADE_STATUS_")
_SETTLEMENTS: Final = {
    **{word.value: word for word in Settlement},
    "MATCHED_NOT_BROADCASTED": Settlement.MATCHED,
    "MATCHED_NOT_BROADCAST": Settlement.MATCHED,
}


def status(text: str) -> tuple[str, str]:
    """Return (word, sentence) of an order's status: "CANCELED_order couldn't be filled." is ("CANCELED", "order …")."""
    word = _plain(text)
    if " " not in word:
        return word.upper(), ""
    head, _, sentence = word.partition("_")
    return (head.upper(), sentence.strip()) if sentence and " " not in head else (word, word)


def settlement(text: str) -> Settlement | None:
    """Return how final a trade is, None for a word that is not known."""
    return _SETTLEMENTS.get(_plain(text).upper())


def _plain(text: str) -> str:
    upper = text.upper()
    for prefix in _PREFIXES:
        if upper.startswith(prefix):
            return text[len(prefix) :]
    return text
