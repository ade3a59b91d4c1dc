"""Shapes in the first minutes of a token, one file each: how strong it is, from 0 to 1, and what shows it. Pure.

A strength of 0 means that the shape is not there, or that what would show it is not known.
"""

from __future__ import annotations

from bot.analysis.patterns.seen import NOTHING, Seen, Sign
from bot.analysis.patterns.shapes import Patterns, patterns_of

__all__ = ["NOTHING", "Patterns", "Seen", "Sign", "patterns_of"]
