"""When the garbage collector looks at what lives, and at how much of it; the bot and its benchmarks run with the same answer.

Reference counting frees nearly all that the bot makes; the collector finds the rest, rings of objects that nobody refers to.
Whenever it looks, everybody waits: a look at everything that ten thousand monitors keep takes most of a second. So it looks
often at the little that is new, and sets aside what it has seen, where no later look comes to it until memory has doubled.
"""

from __future__ import annotations

import gc
import sys
from math import inf
from typing import Final, NoReturn

import structlog
import trio

log = structlog.get_logger()

YOUNG_MOST: Final = 5_000
"""Objects made since the last look, less those that were freed, after which the next one comes in any case."""

THRESHOLDS: Final = (YOUNG_MOST, 1_000_000, 1_000_000)
"""Of the young objects, and numbers of looks at them that are never reached: there is nothing older to look at."""

EVERY_S: Final = 0.02
"""Between two looks at what is new. In that time ten thousand monitors make some thousands of objects, as many as they drop."""

WEIGHED_EVERY_S: Final = 10.0
STARTS_WITHIN_S: Final = 600.0
"""What memory grows by in the first minutes is what the bot has taken up, and no garbage."""

GROWTH: Final = 2.0
"""Memory blocks, as a multiple of those after the start or the last look at everything, that make the next one due.

That is for what nobody foresaw: after trades, exits and monitors that ended it finds nothing.
"""


def relax_collector() -> None:
    """Let the collector of this process look at each object once, soon after it was made.

    Most of what the bot makes lives for one message, or for as long as an actor does. Python's own thresholds go over all
    living actors again and again while many of them start: more than half of a storm of restarts is then spent on looking at
    what is still in use.
    """
    gc.set_threshold(*THRESHOLDS)
    if _set_aside not in gc.callbacks:
        gc.callbacks.append(_set_aside)


def _set_aside(phase: str, info: dict[str, int]) -> None:
    """What a look at the young has found alive is not looked at again."""
    if phase == "stop" and info["generation"] == 0:
        gc.freeze()


async def collect_often() -> NoReturn:
    """Look at what is new fifty times a second, and at everything when memory has doubled since that was done last."""
    started_at_s = trio.current_time() + STARTS_WITHIN_S
    blocks, weighed_at_s = 0, -inf
    while True:
        await trio.sleep(EVERY_S)
        if not gc.isenabled():
            continue
        gc.collect(0)
        now_s = trio.current_time()
        if now_s < weighed_at_s + WEIGHED_EVERY_S:
            continue
        weighed_at_s = now_s
        if now_s < started_at_s:
            blocks = max(blocks, sys.getallocatedblocks())
        elif sys.getallocatedblocks() > blocks * GROWTH:
            found = collect_everything()
            blocks = sys.getallocatedblocks()
            log.info("garbage_collected", found=found, blocks=blocks, took_s=trio.current_time() - now_s)


def collect_everything() -> int:
    """Look at everything that lives, what was set aside included, and set it aside; how many objects nobody referred to."""
    gc.unfreeze()
    found = gc.collect()
    gc.freeze()
    return found


def pause_collector() -> None:
    """Look at nothing for the next seconds, in which there is no time for it; whoever pauses it resumes it.

    What nobody refers to any more is freed all the same, rings of objects apart.
    """
    gc.disable()


def resume_collector() -> None:
    """Look again, at the usual thresholds."""
    gc.enable()
