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


def pause_collector() -> None:
    """Look at nothing for the next seconds, in which there is no time for it; whoever pauses it resumes it.

    Looking at everything that lives takes a third of a second where a thousand positions do, and a flatten makes so many
    objects that it is due in the middle. What nobody refers to any more is freed all the same, rings of objects apart.
    """
    gc.disable()


def resume_collector() -> None:
    """Look again, at the usual thresholds."""
    gc.enable()
