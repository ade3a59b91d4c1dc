"""Where in a TOML text each key and each array element stands, which tomllib does not tell.

The text has been accepted by tomllib before it comes here, so the scanner only has to find its way, not to judge.
"""

import re
from typing import Final

Key = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, both from 1."""

DEPTH_MAX: Final = 16
"""Brackets within brackets, and names in one dotted name; a tree of supervisors needs five."""

WORD_MAX: Final = 100
"""Characters of one bare name or number."""

_BLANK: Final = " \t\r\n"
_ENDS_NAME: Final = frozenset("[]{}=,\n")
_SCALAR_ENDS: Final = ",]}#\n"


_TOKEN: Final = re.compile(
    r'''"""(?:\\.|[^\\])*?(?:"""|\Z)|\'{3}.*?(?:\'{3}|\Z)|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''''
    r"""|\#[^\n]*|[\[\]{}.=,\n]|[^\s"'#\[\]{}.=,]+""",
    re.DOTALL,
)
"""A string, a comment, a mark, or a bare word."""


def unreasonable(text: str) -> tuple[Place, str] | None:
    """Return where and why a text is none that a person writes, before a parser loses its stack or its time over it.

    tomllib calls itself for every bracket, and for a dotted name takes the square of its length.
    """
    depth = dots = 0
    for token in _TOKEN.finditer(text):
        word = token.group()
        if word in ("[", "{"):
            depth += 1
        elif word in ("]", "}"):
            depth = max(0, depth - 1)
        dots = dots + 1 if word == "." else 0 if word in _ENDS_NAME else dots
        if depth > DEPTH_MAX or dots > DEPTH_MAX:
            return _place_at(text, token.start()), f"nested deeper than {DEPTH_MAX} levels"
        if len(word) > WORD_MAX and word[0] not in "\"'#":
            return _place_at(text, token.start()), f"a name or number of more than {WORD_MAX} characters"
    return None


def _place_at(text: str, at: int) -> Place:
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def find_places(text: str) -> dict[Key, Place]:
    """Return the place of each table header, key and array element, by its full path."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.places


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.places: dict[Key, Place] = {}

    def document(self) -> None:
        table: Key = ()
        self._skip_blank()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                start = self._at
                while self._text[self._at] == "[":
                    self._at += 1
                table = self._dotted_key()
                self._note(table, start)
                while self._at < len(self._text) and self._text[self._at] == "]":
                    self._at += 1
            else:
                self._pair(table)
            self._skip_blank()

    def _pair(self, table: Key) -> None:
        start = self._at
        key = table + self._dotted_key()
        self._note(key, start)
        self._at += 1  # the equals sign
        self._value(key)

    def _dotted_key(self) -> Key:
        parts: list[str] = []
        while True:
            self._skip_spaces()
            if self._text[self._at] in "\"'":
                start = self._at + 1
                self._string()
                parts.append(self._text[start : self._at - 1])
            else:
                start = self._at
                while self._text[self._at] not in " \t.=]":
                    self._at += 1
                parts.append(self._text[start : self._at])
            self._skip_spaces()
            if self._text[self._at] != ".":
                return tuple(parts)
            self._at += 1

    def _value(self, key: Key) -> None:
        self._skip_spaces()
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._array(key)
        elif first == "{":
            self._inline_table(key)
        else:
            while self._at < len(self._text) and self._text[self._at] not in _SCALAR_ENDS:
                self._at += 1

    def _array(self, key: Key) -> None:
        self._at += 1
        index = 0
        self._skip_blank()
        while self._text[self._at] != "]":
            self._note((*key, index), self._at)
            self._value((*key, index))
            index += 1
            self._skip_blank()
            if self._text[self._at] == ",":
                self._at += 1
                self._skip_blank()
        self._at += 1

    def _inline_table(self, key: Key) -> None:
        self._at += 1
        self._skip_blank()
        while self._text[self._at] != "}":
            self._pair(key)
            self._skip_blank()
            if self._text[self._at] == ",":
                self._at += 1
                self._skip_blank()
        self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        long = self._text.startswith(quote * 3, self._at)
        end = quote * 3 if long else quote
        self._at += len(end)
        while not self._text.startswith(end, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(end)
        # A long string may end in up to five quotes, of which the first two belong to it.
        while long and self._text.startswith(quote, self._at):
            self._at += 1

    def _skip_spaces(self) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._at += 1

    def _skip_blank(self) -> None:
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif self._text[self._at] in _BLANK:
                self._at += 1
            else:
                return

    def _note(self, key: Key, at: int) -> None:
        place = _place_at(self._text, at)
        # A table that is only named on the way to a key or to a table below it stands there too.
        for length in range(1, len(key) + 1):
            self.places.setdefault(key[:length], place)
