"""The error of the local chain that an operator can act on."""

from __future__ import annotations


class LocalnetError(Exception):
    """The local chain cannot start as asked; the text is one line that says what is wrong and what to do."""
