"""The lease's twin: one `MemoryStore` that several processes of virtual time share, each through a client of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

import trio

from bot.errors import LeaseLost
from bot.ports import LEASE_S, STANDBY_S, Brought, Leader, Lease, Party, Standby
from bot.storage.memory import MemoryStore

_LEASE_MS = round(LEASE_S * 1000)
_STANDBY_MS = round(STANDBY_S * 1000)


@dataclass(frozen=True, slots=True)
class _LeaseRow:
    epoch: int
    holder: str
    name: str
    since_ms: int
    until_ms: int
    watched_until_ms: int
    released: bool = False
    knows_standby: bool = False


@dataclass(frozen=True, slots=True)
class _StandbyRow:
    name: str
    since_ms: int
    seen_ms: int


@dataclass(frozen=True, slots=True)
class _BroughtRow:
    holder: str
    brought: Brought
    is_taken: bool = False


@dataclass(slots=True)
class SharedMemory:
    """What the server of the twin holds beside the rows of `store`; its clock is trio's."""

    store: MemoryStore
    lease: _LeaseRow | None = None
    standbys: dict[str, _StandbyRow] = field(default_factory=dict)
    leaders: dict[int, str] = field(default_factory=dict)
    brought: dict[str, _BroughtRow] = field(default_factory=dict)
    writers: int = 0


class MemoryLeases:
    """One process's connection: implements `LeaseStore`, and passes every call of the store on.

    Once it has taken the lease, its writes carry the epoch. A write under way holds off whoever takes the lease, as the
    lock of a transaction does in PostgreSQL.
    """

    def __init__(self, shared: SharedMemory, writes: frozenset[str]) -> None:
        """`writes` names the store's methods that change something; every other is passed on as it is."""
        self._shared = shared
        self._writes = writes
        self._epoch: int | None = None
        self._lost: Callable[[str], None] | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._shared.store, name)
        return partial(self._write, method) if name in self._writes and iscoroutinefunction(method) else method

    async def leader(self, party: Party) -> Leader | None:
        await trio.lowlevel.checkpoint()
        return self._leader(party)

    async def stand_by(self, party: Party) -> Leader | None:
        await trio.lowlevel.checkpoint()
        now_ms = _now_ms()
        known = self._shared.standbys.get(party.id)
        waits = known is not None and known.seen_ms > now_ms - _STANDBY_MS
        since_ms = known.since_ms if known is not None and waits else now_ms
        self._shared.standbys[party.id] = _StandbyRow(party.name, since_ms, now_ms)
        return self._leader(party)

    async def take_lease(
        self, party: Party, *, after_epoch: int, alone: bool, lost: Callable[[str], None]
    ) -> Lease | None:
        await trio.lowlevel.checkpoint()
        while self._shared.writers:  # noqa: ASYNC110 - what writers wait for is no event of ours
            await trio.sleep(0.001)
        now_ms = _now_ms()
        before = self._shared.lease
        if before is not None:
            ended = before.released or before.until_ms <= now_ms or before.holder == party.id or alone
            if before.epoch != after_epoch or not ended:
                return None
        epoch = 1 if before is None else before.epoch + 1
        watched_until_ms = now_ms if before is None else before.watched_until_ms
        self._shared.lease = _LeaseRow(epoch, party.id, party.name, now_ms, now_ms + _LEASE_MS, watched_until_ms)
        self._shared.standbys.pop(party.id, None)
        self._shared.leaders[epoch] = party.id
        self._shared.brought = {
            key: row for key, row in self._shared.brought.items() if row.is_taken or row.holder != party.id
        }
        self._epoch, self._lost = epoch, lost
        if before is None:
            return Lease(epoch, None, None)
        return Lease(epoch, before.name, now_ms - watched_until_ms)

    async def renew_lease(self, *, knows_standby: bool, watching: bool) -> Standby | None:
        await trio.lowlevel.checkpoint()
        lease, now_ms = self._held(), _now_ms()
        self._shared.lease = replace(
            lease,
            until_ms=now_ms + _LEASE_MS,
            released=False,
            knows_standby=knows_standby,
            watched_until_ms=now_ms if watching else lease.watched_until_ms,
        )
        waiting = [row for row in self._shared.standbys.values() if row.seen_ms > now_ms - _STANDBY_MS]
        first = min(waiting, key=lambda row: row.since_ms, default=None)
        return None if first is None else Standby(first.name, first.since_ms)

    async def release_lease(self, *, unwatched_ms: int | None, for_own: bool = False) -> None:
        await trio.lowlevel.checkpoint()
        lease, now_ms = self._held(), _now_ms()
        until_ms = now_ms + _LEASE_MS * for_own
        watched_until_ms = lease.watched_until_ms if unwatched_ms is None else now_ms - unwatched_ms
        self._shared.lease = replace(lease, until_ms=until_ms, released=not for_own, watched_until_ms=watched_until_ms)

    async def database_id(self) -> str:
        await trio.lowlevel.checkpoint()
        return f"memory {id(self._shared.store)}"

    async def others_led_since(self, party: Party, epoch: int) -> bool:
        await trio.lowlevel.checkpoint()
        latest = epoch if self._shared.lease is None else self._shared.lease.epoch
        ours = [led for led, holder in self._shared.leaders.items() if led > epoch and holder == party.id]
        return latest - epoch != len(ours)

    async def bring(self, party: Party, brought: Sequence[Brought]) -> int:
        await trio.lowlevel.checkpoint()
        for one in brought:
            self._shared.brought.setdefault(one.id, _BroughtRow(party.id, one))
        return sum(not self._shared.brought[one.id].is_taken for one in brought)

    async def brought(self) -> list[Brought]:
        await trio.lowlevel.checkpoint()
        return [row.brought for row in self._shared.brought.values() if not row.is_taken]

    async def taken_up(self, brought_id: str) -> None:
        await trio.lowlevel.checkpoint()
        self._held()
        if (row := self._shared.brought.get(brought_id)) is not None:
            self._shared.brought[brought_id] = replace(row, is_taken=True)

    async def _write(self, method: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
        await trio.lowlevel.checkpoint()
        if self._epoch is not None:
            self._held()
        self._shared.writers += 1
        try:
            return await method(*arguments, **named)
        finally:
            self._shared.writers -= 1

    def _held(self) -> _LeaseRow:
        """The lease, where it is this client's. Raises LeaseLost."""
        lease = self._shared.lease
        if lease is None or lease.epoch != self._epoch:
            why = "nobody leads" if lease is None else f"another bot leads on this database: {lease.name}"
            if self._lost is not None:
                self._lost(why)
            raise LeaseLost(why)
        return lease

    def _leader(self, party: Party) -> Leader | None:
        row = self._shared.lease
        if row is None:
            return None
        return Leader(
            epoch=row.epoch,
            name=row.name,
            since_ms=row.since_ms,
            left_ms=row.until_ms - _now_ms(),
            ours=row.holder == party.id,
            released=row.released,
            knows_standby=row.knows_standby,
        )


def _now_ms() -> int:
    return round(trio.current_time() * 1000)
