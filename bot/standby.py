"""A start on a database that another bot may lead: wait behind it as its standby, and lead when its time is over.

Whatever reads or writes money comes after this.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
import trio

from bot.clock import Clock, rfc3339, rfc3339_s, system_clock
from bot.errors import LeaseLost, StartupError, StoreUnavailable, Unavailable
from bot.execution.alerts import Alert, took_over
from bot.execution.leadership import Candidate, Leadership
from bot.left_on_disk import Inherited, LeftOnDisk
from bot.ports import Brought, Leader, LeaseStore, Party
from bot.start_door import StartDoor
from bot.storage.halt_file import HaltFile
from bot.storage.spool_journal import FileJournal

log = structlog.get_logger()

LOOK_S = 0.25
LOOKS_PER_SIGN = 4  # of the looks at the lease, so many to one sign that somebody waits
RESIGN_WITHIN_S = 1.0
WATCHED_POLL_S = 0.05
ALERT_WITHIN_S = 10.0
HOLDER_FILE = "holder"


def party_of(directory: Path, clock: Clock) -> Party:
    """How others see this process. The id is the data directory's: a copy of the directory is another party.

    Raises StartupError when the directory cannot keep it.
    """
    name, inode = _named(directory, clock)
    return Party(f"{name}-{inode:x}", f"{socket.gethostname()}, process {os.getpid()}, {directory}")


def directory_id(directory: Path, clock: Clock) -> str:
    """What a data directory is called; a copy of it, which a move to another disk is, keeps the name. Raises StartupError."""
    return _named(directory, clock)[0]


def left_on_disk(halt: Path, journal: Path) -> LeftOnDisk:
    """What lies in these two files of a data directory. Raises StartupError when that cannot keep its name."""
    return LeftOnDisk(HaltFile(halt), FileJournal(journal), directory_id(halt.parent, system_clock()))


def _named(directory: Path, clock: Clock) -> tuple[str, int]:
    file = directory / HOLDER_FILE
    try:
        with file.open("a+", encoding="ascii") as kept:
            kept.seek(0)
            name = kept.read().strip()
            if not name:
                name = clock.new_id()
                kept.write(f"{name}\n")
            inode = os.fstat(kept.fileno()).st_ino
    except OSError as error:
        raise StartupError(f"{file}: cannot be used: {error.strerror}; put it right, or give --data-dir") from None
    return name, inode


@dataclass(slots=True)
class Succession:
    """One process's way to the lease, and out of it.

    `alone` says that the database is this process's own server, so that whoever led on it is gone. `own_chain` says that
    the local chain is this process's child: no other bot can take over on such a chain, because it ends with its bot.
    `door` tells what a standby waits for.
    """

    directory: Path
    leadership: Leadership
    alone: bool
    own_chain: bool
    door: StartDoor
    say: Callable[[str], None]
    left: LeftOnDisk
    gap_ms: int | None = (
        None  # for how long nobody looked after positions before this process did; None before it knows
    )
    handed_over: bool = False  # another process on this data directory takes this one's place
    _party: Party = field(init=False)
    _brings: tuple[Brought, ...] | None = None
    _store: LeaseStore | None = None
    _taken_ms: int = 0
    _before: Leader | None = None  # whom this process has waited for
    _ended: Leader | None = None  # whose lease it has taken, where that was another data directory's

    def __post_init__(self) -> None:
        self._party = party_of(self.directory, self.leadership.clock)
        self.leadership.watching = lambda: False  # before the tree runs, which takes that over

    @property
    def leases(self) -> LeaseStore:
        """Where the lease is kept; to be asked for once `lead` has returned."""
        assert self._store is not None
        return self._store

    async def inherit(self) -> Inherited:
        """What an earlier process left in the journal, once this one leads; raises StoreUnavailable, JournalUnavailable."""
        assert self.leadership.lease is not None
        epoch = self.leadership.lease.epoch
        return await self.left.inherit(self.leases, self._party, epoch, followed_another=self._ended is not None)

    async def lead(self, store: LeaseStore, fit: Callable[[], Awaitable[None]]) -> None:
        """Return when this process leads. Raises StartupError where it never can, StoreUnavailable at the first look.

        `fit` is asked before a standby begins to wait, and raises StartupError for one that could not take over.
        """
        self._store = store
        candidate = Candidate()
        while True:
            leader = await store.leader(self._party)
            if await self._tried(store, candidate, leader):
                return
            if leader is not None:
                break  # else another was quicker to lead on a database that nobody had led yet: who is it?
        if self.own_chain and leader.left_ms > 0:
            raise StartupError(
                f"another bot leads on this database: {leader.name}; it has a local chain of its own, which ends with it,"
                " so that nobody can take over: give this bot another database, or see runbooks/standby.md"
            )
        await fit()
        await self._wait(store, candidate, leader)

    async def keep(self, up: trio.Event) -> None:
        """Renew until the tree is up, whose own actor goes on with it. Raises LeaseLost."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep, self.leases)
            await up.wait()
            nursery.cancel_scope.cancel()

    async def tell_takeover(self, watched: Callable[[], bool], alert: Callable[[Alert], None]) -> int | None:
        """Say for how long nobody looked after positions, once `watched` says that somebody does again; in milliseconds.

        None where nobody led before. Where this process took the lease of another data directory, operators are told: then,
        or when that takes too long.
        """
        lease = self.leadership.lease
        if lease is None or lease.before is None or lease.unwatched_ms is None:
            return None
        with trio.move_on_after(ALERT_WITHIN_S) as patience:
            await _until(watched)
        gap_ms = None if patience.cancelled_caught else self._gap_ms(lease.unwatched_ms)
        if self._ended is not None:
            alert(took_over(lease.before, lease.epoch, in_order=self._ended.released, unwatched_ms=gap_ms))
        await _until(watched)
        gap_ms = self.gap_ms = gap_ms or self._gap_ms(lease.unwatched_ms)
        log.info("positions_unwatched", ms=gap_ms, before=lease.before, epoch=lease.epoch, waited=bool(self._before))
        self.say(
            f"positions were unwatched for {gap_ms / 1000:.1f} s, since the bot that led before ended: {lease.before}"
        )
        return gap_ms

    def _gap_ms(self, unwatched_ms: int) -> int:
        """From the last sign of the leader before to this moment."""
        return unwatched_ms + self.leadership.clock.boottime_ms() - self._taken_ms

    def hand_over(self) -> None:
        """Another process on this data directory takes this one's place as soon as it ends."""
        self.handed_over = True

    def _has_watched(self) -> bool:
        """Whether positions were looked after since this process leads, at a renewal or between two."""
        return self.leadership.has_watched or self.gap_ms is not None

    async def resign(self, unwatched_s: float) -> None:
        """Give the lease back, so that whoever waits need not wait for its end. Nothing may be signed any more.

        A standby would be quicker than the process that a bot hands over to, which may be of another version.
        """
        if self._store is None or self.leadership.lease is None or self.leadership.over.is_set():
            return
        with trio.move_on_after(RESIGN_WITHIN_S, shield=True):
            try:
                unwatched_ms = round(unwatched_s * 1000) if self._has_watched() else None
                await self._store.release_lease(unwatched_ms=unwatched_ms, for_own=self.handed_over)
            except Unavailable as error:
                log.warning("lease_not_released", reason=str(error))

    # ---------------------------------------------------------------------------------------------------------- waiting

    async def _wait(self, store: LeaseStore, candidate: Candidate, leader: Leader) -> None:
        """Stand by, with a door that says so, until the lease is ours."""
        self._before = leader
        since_ms = self.leadership.clock.now_ms()
        self.say(f"standby: another bot leads on this database since {rfc3339_s(leader.since_ms)}: {leader.name}")
        log.info("standing_by", leader=leader.name, epoch=leader.epoch)

        self.door.tell(f"standby of {leader.name}", lambda: {"standby": self._record(since_ms)})
        await self._until_ours(store, candidate)
        await self.door.close()

    async def _until_ours(self, store: LeaseStore, candidate: Candidate) -> None:
        look = 0
        while True:
            try:
                sign = look % LOOKS_PER_SIGN == 0
                leader = await (store.stand_by(self._party) if sign else store.leader(self._party))
                self._before = leader or self._before
                if sign:
                    await self._bring(store)
                if await self._tried(store, candidate, leader):
                    return
            except StoreUnavailable as error:
                candidate.saw_nothing()
                log.info("lease_not_seen", reason=str(error))
            look += 1
            await trio.sleep(LOOK_S)

    async def _bring(self, store: LeaseStore) -> None:
        """What this disk alone knows, until whoever leads has taken it up: it must not wait until this process leads."""
        if self._brings is None:
            self._brings = await self.left.brings(store, self._party)
            if self._brings:
                log.warning("left_on_disk", things=len(self._brings))
        if self._brings and not await store.bring(self._party, self._brings):
            await self.left.delivered()
            self._brings = ()
            self.say("the leader has taken up what this disk alone knew; see runbooks/standby.md")

    async def _tried(self, store: LeaseStore, candidate: Candidate, leader: Leader | None) -> bool:
        """Take the lease where that may be done; whether this process leads now."""
        asked_ms = self.leadership.clock.boottime_ms()
        if not self.alone and not candidate.may_take(leader, asked_ms):
            return False
        epoch = 0 if leader is None else leader.epoch
        lease = await store.take_lease(self._party, after_epoch=epoch, alone=self.alone, lost=self.leadership.lose)
        if lease is None:
            return False
        self._taken_ms = asked_ms
        self._ended = leader if leader is not None and not leader.ours else None
        self.leadership.taken(lease, asked_ms)
        log.info("lease_taken", epoch=lease.epoch, before=lease.before, unwatched_ms=lease.unwatched_ms)
        if self._before is not None:
            self.say(f"this bot leads now; before it led {lease.before}")
        return True

    async def _keep(self, store: LeaseStore) -> None:
        await self.leadership.keep(store)
        raise LeaseLost(self.leadership.why)

    def _record(self, since_ms: int) -> dict[str, Any]:
        """What `bot status --json` says of a standby."""
        leader = self._before
        assert leader is not None
        return {
            "since": rfc3339(since_ms),
            "leader": leader.name,
            "leader_since": rfc3339(leader.since_ms),
            "leader_epoch": leader.epoch,
            "lease_left_s": round(leader.left_ms / 1000, 1),
            "leader_knows": leader.knows_standby,
        }


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - it is true once, in half a second
        await trio.sleep(WATCHED_POLL_S)
