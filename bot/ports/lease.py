"""Which of several bots on one database leads: a lease with an epoch, and those who wait for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.trading.trading_state import Halt

LEASE_S = 4.0  # how long a renewal holds, by the database's clock
STANDBY_S = 4.0  # how long a bot that said it waits is believed to


@dataclass(frozen=True, slots=True)
class Party:
    """A bot as the others on its database see it.

    `id` belongs to one data directory, which one process uses at a time; `name` is for people: host, process, directory.
    """

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Leader:
    """The lease as the database has it, by the database's clock.

    `since_ms` is milliseconds since 1970. `left_ms` is what is left of it, negative when it has run out. `ours` says that
    it is that of the asking data directory. A leader that was stopped in order `released` it. `knows_standby` says that
    the leader knew, before it asked for its last renewal, that somebody waits, so that the end of its time binds it.
    """

    epoch: int
    name: str
    since_ms: int
    left_ms: int
    ours: bool
    released: bool
    knows_standby: bool


@dataclass(frozen=True, slots=True)
class Lease:
    """What a process has taken. The epoch of each is higher than that of all before it.

    `before` is the name of the leader before, and `unwatched_ms` for how long nobody has looked after positions since its
    last sign; both are None on a database that nobody has led yet.
    """

    epoch: int
    before: str | None
    unwatched_ms: int | None


@dataclass(frozen=True, slots=True)
class Standby:
    """Who waits, and since when in milliseconds since 1970."""

    name: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Brought:
    """What the disk of one bot alone knows, laid before whoever leads: a halt, or a record of its journal of exits.

    `id` is the same for the same thing, however often it is brought. `name` is who brought it, for people. A `record` has
    the bytes of the journal, empty beside a halt.
    """

    id: str
    name: str
    halt: Halt | None
    record: bytes


class LeaseStore(Protocol):
    """The lease. Every write of a process that has taken it carries its epoch, and is refused once another has taken it."""

    async def leader(self, party: Party) -> Leader | None:
        """Who leads, None where nobody ever did; `party` is who asks."""

    async def stand_by(self, party: Party) -> Leader | None:
        """Say that `party` waits, which holds for `STANDBY_S`, and see who leads."""

    async def take_lease(
        self, party: Party, *, after_epoch: int, alone: bool, lost: Callable[[str], None]
    ) -> Lease | None:
        """Lead from now on; None when the lease has passed on since `after_epoch` (0: nobody ever led), or has not ended.

        A lease has ended when it ran out, was released, or is that of the same data directory; with `alone`, because
        nobody else can be on this database, any has. `lost` is told why, once, when a write is refused because another
        process has taken the lease.
        """

    async def renew_lease(self, *, knows_standby: bool, watching: bool) -> Standby | None:
        """Renew what was taken for another `LEASE_S`; who waits, if anybody. Raises LeaseLost, StoreUnavailable.

        `watching` says that positions are looked after now: whoever leads next counts from there.
        """

    async def database_id(self) -> str:
        """What tells this database from every other one; a backup that is restored keeps it."""

    async def others_led_since(self, party: Party, epoch: int) -> bool:
        """Whether another than `party` led after that epoch, so far as the database can prove that nobody did."""

    async def bring(self, party: Party, brought: Sequence[Brought]) -> int:
        """Lay this before whoever leads; how much of it nobody has taken up yet."""

    async def brought(self) -> list[Brought]:
        """What bots that wait have brought and nobody has taken up, oldest first."""

    async def taken_up(self, brought_id: str) -> None:
        """Whoever leads has carried it out, or told of it."""

    async def release_lease(self, *, unwatched_ms: int | None, for_own: bool = False) -> None:
        """Give the lease back, so that nobody waits for its end; nobody has looked after positions for that long.

        `unwatched_ms` is None for a process that never looked after any: it is as long as it was, and longer.

        `for_own` keeps it as long as a new one for another process of the same party, which need not wait; others do.
        """
