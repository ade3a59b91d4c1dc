"""Keeps the lease on the database, so that nobody else leads while this process does."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from actors.runtime import Context
from bot.execution.leadership import Leadership
from bot.ports import LeaseStore


@dataclass(frozen=True, slots=True)
class LeaseKeeper:
    """Renews `leadership` until another process leads, and then waits for this one's end, which follows from that."""

    leadership: Leadership
    store: LeaseStore

    async def run(self, ctx: Context) -> None:
        """The actor."""
        ctx.ready()
        await self.leadership.keep(self.store)
        await trio.sleep_forever()
