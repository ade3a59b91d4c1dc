"""How this process shares its interpreter: between what it does and the collector, and between its threads.

Beside trio's thread there is the database's, which makes objects of thousands of rows at a time. Whoever wants the interpreter
waits until the other thread has had it for a while; at Python's own 5 ms each pass of trio's loop may wait that long, again and
again.
"""

from __future__ import annotations

import sys
from typing import Final

from bot.garbage import relax_collector

SWITCH_S: Final = 0.0005


def tune_interpreter() -> None:
    """The settings that the bot and its benchmarks run with."""
    relax_collector()
    sys.setswitchinterval(SWITCH_S)
