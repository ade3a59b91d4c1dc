"""Texts that strangers chose, such as a token's name, on one line and without what nobody can see."""

from __future__ import annotations

import unicodedata

_MARKS_MAX = 2  # combining marks in a row; more of them paint over the lines above and below


def one_line(text: str) -> str:
    """The text without control, direction and invisible characters, each run of spaces as one."""
    kept: list[str] = []
    marks = 0
    for letter in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        if kind[0] == "Z" or kind == "Cc":
            kept.append(" ")
        elif kind[0] != "C" and marks <= _MARKS_MAX:
            kept.append(letter)
    return " ".join("".join(kept).split())
