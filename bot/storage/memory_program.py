"""What belongs to the program as a whole, in memory: its cluster, its pause causes, its halt, and who changed them."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import (
    CLUSTER_BOUND,
    HALT_LATCHED,
    HALT_REARMED,
    PAUSE_CLEARED,
    PAUSE_SET,
    PROGRAM,
    cause_facts,
    cause_of_facts,
    halt_facts,
    other_cluster,
    storable,
)
from bot.trading.trading_state import GLOBAL, Cause, Halt


class MemoryProgram(MemoryTables):
    """What belongs to the program as a whole: its cluster, pause causes, halt latch and audit."""

    async def genesis_hash(self) -> str | None:
        await trio.lowlevel.checkpoint()
        return self._genesis_hash

    async def bind_genesis(self, genesis_hash: str) -> None:
        await trio.lowlevel.checkpoint()
        if self._genesis_hash is not None and self._genesis_hash != genesis_hash:
            raise other_cluster(self._genesis_hash, genesis_hash)
        if self._genesis_hash is None:
            self._put_audit(PROGRAM, CLUSTER_BOUND, {"genesis_hash": genesis_hash}, None)
        self._genesis_hash = genesis_hash

    async def causes(self) -> list[Cause]:
        await trio.lowlevel.checkpoint()
        return list(self._causes.values())

    async def set_since(self, since_ms: int) -> list[Cause]:
        await trio.lowlevel.checkpoint()
        entries = [one for one in self.audited if one.action == PAUSE_SET and one.at_ms > since_ms]
        causes = [cause_of_facts(one.detail, one.at_ms) for one in sorted(entries, key=lambda one: one.at_ms)]
        return [cause for cause in causes if cause.scope == GLOBAL]

    async def save_cause(self, cause: Cause) -> None:
        await trio.lowlevel.checkpoint()
        if (cause.name, cause.scope) not in self._causes:
            self._causes[(cause.name, cause.scope)] = replace(cause, why=storable(cause.why))
            self._put_audit(cause.by, PAUSE_SET, cause_facts(cause), cause.since_ms)

    async def ended_since(self, since_ms: int) -> list[tuple[Cause, str, int]]:
        await trio.lowlevel.checkpoint()
        entries = [one for one in self.audited if one.action == PAUSE_CLEARED and one.at_ms > since_ms]
        ended = [(cause_of_facts(one.detail, one.at_ms), one.by, one.at_ms) for one in entries]
        return [one for one in sorted(ended, key=lambda one: one[2]) if one[0].scope != GLOBAL]

    async def clear_cause(self, name: str, scope: str, by: str, now_ms: int | None = None) -> None:
        await trio.lowlevel.checkpoint()
        gone = self._causes.pop((name, scope), None)
        if gone is not None:
            self._put_audit(by, PAUSE_CLEARED, cause_facts(gone), now_ms)

    async def halt(self) -> Halt | None:
        await trio.lowlevel.checkpoint()
        return self._halt

    async def latch_halt(self, halt: Halt) -> bool:
        await trio.lowlevel.checkpoint()
        if self._halt is not None:
            return False
        self._halt = replace(halt, why=storable(halt.why))
        self._put_audit(halt.by, HALT_LATCHED, halt_facts(halt), halt.since_ms)
        return True

    async def halt_ended(self, halt: Halt) -> bool:
        await trio.lowlevel.checkpoint()
        key = (halt.cause, halt.since_ms, halt.by)
        return any(
            at_ms >= halt.since_ms or (ended.cause, ended.since_ms, ended.by) == key
            for ended, at_ms in self._ended_halts
        )

    async def rearm(self, by: str, now_ms: int) -> bool:
        await trio.lowlevel.checkpoint()
        gone, self._halt = self._halt, None
        if gone is not None:
            self._ended_halts.append((gone, now_ms))
            self._put_audit(by, HALT_REARMED, halt_facts(gone), now_ms)
        return gone is not None

    async def audit(self, by: str, action: str, detail: dict[str, object], now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        self._put_audit(by, action, detail, now_ms)

    async def ping(self) -> None:
        await trio.lowlevel.checkpoint()

    async def take_a_write(self) -> None:
        await trio.lowlevel.checkpoint()
