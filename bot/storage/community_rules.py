"""What both stores write into the audit about ratings."""

from __future__ import annotations

HIDDEN = "rating hidden"
SHOWN = "rating shown"
DAY_MS = 86_400_000
