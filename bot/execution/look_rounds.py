"""How long each of many waits who look at something again and again. Pure.

Those that look together once would do so for ever, and thousands that wake in one moment hold up everybody else: of many each
has a pace of its own, so that a crowd which a stall has brought together is apart again some looks later.
"""

from __future__ import annotations

from zlib import crc32

ROUND_S = 1.0  # the longest time between two looks
LOOKS_PER_S = 2_000  # of all together, about; with more of them a round takes longer
FEW = 100  # who may well look together
QUICKEST = 0.75  # of a round


def look_after_s(name: str, together: int) -> float:
    """Seconds until the next look of whoever has this name, one of so many `together`; at most a round."""
    round_s = max(ROUND_S, together / LOOKS_PER_S)
    if together <= FEW:
        return round_s
    return round_s * (1 - (1 - QUICKEST) * crc32(name.encode()) / 2**32)
