"""Whether this process may write and sign: the lease that it holds, when its end binds signing, and when to take one.

A lease that is not renewed ends by the database's clock, and somebody who waits for it may then lead. This process counts
the same time from before it asked, on a clock that goes on while it sleeps, so its own end comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
import trio

from bot.clock import Clock
from bot.errors import LeaseLost, Unavailable
from bot.ports import LEASE_S, Leader, Lease, LeaseStore, Standby

log = structlog.get_logger()

RENEW_S = 1.0
RETRY_S = 0.25  # after a try that the database did not answer
# What two clocks may drift apart within a lease, and what lies between the last look at it and the bytes' leaving.
MARGIN_MS = 500
# A database that was away comes back to everybody at once: its leader is given this long to renew first.
SETTLE_MS = 1_500
# A leader that had not seen that somebody waits may still be selling without the database, where its lease does not bind
# it (D-07). Whoever takes over from it waits this long for a sign of it.
UNSEEN_MS = 30_000


def always() -> bool:
    """Of a process that watches as long as it leads."""
    return True


@dataclass(slots=True)
class Leadership:
    """The lease of this process. `lease` is None before it has one, `standby` who waits, `over` set once another leads.

    `since_ms` is when this process took the lease, in milliseconds since 1970. `watching` says whether positions are looked after
    now, and `has_watched` whether they were at one renewal at least.

    The end of the lease binds signing only while somebody may take it: where nobody waits, exits go on without the
    database for as long as it is away. What the database is told lags behind what this process knows, never the other way:
    whoever finds `knows_standby` in the lease can rely on it that this process binds itself.
    """

    clock: Clock
    lease: Lease | None = None
    since_ms: int = 0
    standby: Standby | None = None
    over: trio.Event = field(default_factory=trio.Event)
    why: str = ""
    watching: Callable[[], bool] = always
    has_watched: bool = False
    _until_ms: int = 0
    _knows: bool = False
    _bound: bool = False

    def taken(self, lease: Lease, asked_ms: int) -> None:
        """A lease was taken; `asked_ms` is boot time before it was asked for."""
        self.lease, self.since_ms = lease, self.clock.now_ms()
        self._extend(asked_ms)

    @property
    def bound(self) -> bool:
        """Whether the end of the lease binds signing, because somebody waits to take it."""
        return self._bound

    @property
    def may_sign(self) -> bool:
        """Whether this process may sign at this moment."""
        return not (self.over.is_set() or self.stands_still)

    @property
    def stands_still(self) -> bool:
        """Whether nothing may be signed, and nobody is known to do so instead: the lease ran out while somebody waits."""
        return self._bound and not self.over.is_set() and self.clock.boottime_ms() >= self._until_ms

    def lose(self, why: str) -> None:
        """Another process leads: from here on nothing is signed."""
        if not self.over.is_set():
            log.error("lease_lost", epoch=None if self.lease is None else self.lease.epoch, reason=why)
            self.why = why
            self.over.set()

    def check(self) -> None:
        """Raise LeaseLost unless this process may sign at this moment. Asks nobody and does not wait."""
        if self.over.is_set():
            raise LeaseLost(self.why)
        if self.stands_still:
            raise LeaseLost("the lease on the database could not be renewed in time, and another bot waits to take it")

    async def renew(self, store: LeaseStore) -> None:
        """Ask once. Raises LeaseLost and StoreUnavailable; after the latter the lease may have been renewed or not."""
        asked_ms = self.clock.boottime_ms()
        told = self._knows
        watching = self.watching()
        standby = await store.renew_lease(knows_standby=told, watching=watching)
        self.has_watched = self.has_watched or watching
        self._extend(asked_ms)
        if (standby is None) is not (self.standby is None):
            log.info(
                "standby_seen" if standby else "standby_gone", name=(standby or self.standby or Standby("", 0)).name
            )
        self.standby = standby
        self._knows = standby is not None
        self._bound = told or self._knows

    async def keep(self, store: LeaseStore) -> None:
        """Renew until another process leads; returns then. An outage of the database is waited for."""
        missed = False
        while not self.over.is_set():
            try:
                await self.renew(store)
                rest_s, missed = RENEW_S, False
            except LeaseLost as error:
                self.lose(str(error))
                return
            except Unavailable as error:
                if not missed:
                    log.warning("lease_not_renewed", bound=self._bound, reason=str(error))
                rest_s, missed = RETRY_S, True
            with trio.move_on_after(rest_s):
                await self.over.wait()

    def _extend(self, asked_ms: int) -> None:
        self._until_ms = asked_ms + round(LEASE_S * 1000) - MARGIN_MS


@dataclass(slots=True)
class Candidate:
    """One that waits: what it has seen of the leader so far decides whether it may take the lease."""

    _over_since_ms: int | None = None

    def may_take(self, leader: Leader | None, now_ms: int) -> bool:
        """Judge one look at the lease; `now_ms` is this process's boot time in milliseconds."""
        if leader is None or leader.ours or leader.released:
            return True
        if leader.left_ms > 0:
            self._over_since_ms = None
            return False
        if self._over_since_ms is None:
            self._over_since_ms = now_ms
        settled = now_ms - self._over_since_ms >= SETTLE_MS
        return settled and (leader.knows_standby or -leader.left_ms >= UNSEEN_MS)

    def saw_nothing(self) -> None:
        """The database did not answer: what was seen before proves nothing any more."""
        self._over_since_ms = None
