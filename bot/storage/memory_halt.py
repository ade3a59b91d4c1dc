"""The in-memory twin of the halt file."""

from __future__ import annotations

from bot.trading.trading_state import Halt


class MemoryHalt:
    """Implements `HaltKeeper`; what it keeps ends with the process."""

    def __init__(self) -> None:
        self._halt: Halt | None = None

    def keep(self, halt: Halt | None) -> None:
        self._halt = halt

    def kept(self) -> Halt | None:
        return self._halt
