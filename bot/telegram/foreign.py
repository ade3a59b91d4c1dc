"""Texts that strangers chose, such as a token's name, shown so that nothing in them acts, misleads or fills the screen."""

from __future__ import annotations

import unicodedata

# What chat programs turn into links, commands, mentions or tags, and what looks like it and is nothing to tap on.
_TAPPED = str.maketrans({"/": "\u2215", ".": "\u2024", "@": "\uff20", "#": "\uff03", "$": "\uff04", ":": "\uff1a"})
_MARKS_MAX = 2  # combining marks in a row; more of them paint over the lines above and below


def foreign(text: str, length_max: int) -> str:
    """The text on one line: without control, direction and invisible characters, nothing in it can be tapped, cut to length."""
    kept: list[str] = []
    marks = 0
    for letter in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in {"Mn", "Me"} else 0
        if kind[0] == "Z" or kind == "Cc":
            kept.append(" ")
        elif kind[0] != "C" and marks <= _MARKS_MAX:
            kept.append(letter)
    line = " ".join("".join(kept).translate(_TAPPED).split())
    return line if len(line) <= length_max else f"{line[: length_max - 1]}…"
