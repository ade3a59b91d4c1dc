"""Ways in which something is bought for a user; each may have a wallet of its own. Pure."""

from __future__ import annotations

from enum import StrEnum


class Strategy(StrEnum):
    """`AUTO` are orders that wait for a price or a time, /limit and /dca."""

    MANUAL = "manual"
    SNIPER = "sniper"
    AUTO = "auto"
