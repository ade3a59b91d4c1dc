"""How often the garbage collector looks at what lives; the bot and its benchmarks run with the same answer."""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 100)
"""Objects made since the last look at the young ones, young looks for a middle one, middle looks for a whole one."""


def relax_collector() -> None:
    """Let the collector of this process look less often than by default.

    Most of what the bot makes lives for one message, and reference counting frees that, or for as long as an actor
    does. Python's own thresholds go over all living actors again and again while many of them start: more than half of
    a storm of restarts is then spent on looking at what is still in use.
    """
    gc.set_threshold(*THRESHOLDS)
