"""Texts that strangers chose, such as a token's name, shown so that nothing in them acts, misleads or fills the screen."""

from __future__ import annotations

from bot.trading.one_line import one_line

# What chat programs turn into links, commands, mentions or tags, and what looks like it and is nothing to tap on.
_TAPPED = str.maketrans({"/": "\u2215", ".": "\u2024", "@": "\uff20", "#": "\uff03", "$": "\uff04", ":": "\uff1a"})


def foreign(text: str, length_max: int) -> str:
    """The text on one line: without control, direction and invisible characters, nothing in it can be tapped, cut to length."""
    line = one_line(text).translate(_TAPPED)
    return line if len(line) <= length_max else f"{line[: length_max - 1]}…"
