"""Where each followed wallet stands: its record and its score, kept current while swaps are recorded.

The books are in the store, which writes each swap into them as it records it. What is kept here is what was last read of
them, so that whoever asks for a score, a ranking or an opportunity waits for nobody.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import trio

from bot.clock import Clock
from bot.ports import WalletRecordStore
from bot.trading.leader_swap import LeaderSwap
from bot.trading.wallet_ledger import WalletRecord
from bot.trading.wallet_score import STALE_S, WalletScore, score_of

SLICE = 200  # wallets that are read, and scored, at once: some milliseconds


@dataclass(frozen=True, slots=True)
class Standing:
    """A wallet's record, and the score that it made when it was read."""

    record: WalletRecord
    score: WalletScore

    @property
    def rank(self) -> tuple[int, int, str]:
        """The better wallet is the smaller one."""
        return -self.score.points, -self.record.results.realized_lamports, self.record.address


@dataclass(slots=True)
class WalletStandings:
    """Standings of the wallets that are followed. `refresh` reads those that traded since they were read."""

    store: WalletRecordStore
    clock: Clock
    _standings: dict[str, Standing] = field(default_factory=dict)
    _followed: set[str] = field(default_factory=set)
    _behind: dict[str, None] = field(default_factory=dict)
    _woken: trio.Event = field(default_factory=trio.Event)

    def follow(self, addresses: Collection[str]) -> None:
        """These wallets are followed from now on, and no others."""
        new = set(addresses) - self._followed
        for address in self._followed - set(addresses):
            self._standings.pop(address, None)
            self._behind.pop(address, None)
        self._followed = set(addresses)
        self._fall_behind(sorted(new))

    def swapped(self, swap: LeaderSwap) -> None:
        """A swap was recorded."""
        if swap.wallet in self._followed:
            self._fall_behind([swap.wallet])

    def renew(self) -> None:
        """Read all of them again: scores fade and results grow too old while nothing is traded."""
        self._fall_behind(self._followed)

    def _fall_behind(self, addresses: Iterable[str]) -> None:
        self._behind.update(dict.fromkeys(addresses))
        if self._behind:
            self._woken.set()

    async def wait(self) -> None:
        """Until there is something to read."""
        while not self._behind:
            self._woken = trio.Event()
            await self._woken.wait()

    async def refresh(self) -> None:
        """Read those that are behind, some at a time. Raises Unavailable, and then what was not read stays behind."""
        for _ in range(-(-len(self._behind) // SLICE)):
            await self._refresh(list(self._behind)[:SLICE])

    async def _refresh(self, some: list[str]) -> None:
        for address in some:
            del self._behind[address]
        now_s = self.clock.now_ms() // 1000
        try:
            records = await self.store.wallet_records(some, now_s - STALE_S)
        except BaseException:
            self._fall_behind(address for address in some if address in self._followed)
            raise
        for address in some:
            if address in self._followed:
                record = records.get(address, WalletRecord(address))
                self._standings[address] = Standing(record, score_of(record, now_s))

    def of(self, address: str) -> Standing | None:
        """A wallet's standing; None for one that nobody follows, and for one that was not read yet."""
        return self._standings.get(address)

    def points(self, address: str) -> int:
        """A wallet's score; 0 where nothing is known of it."""
        standing = self._standings.get(address)
        return 0 if standing is None else standing.score.points

    def best(self, most: int, among: Collection[str] | None = None) -> list[Standing]:
        """The best of all, or of some, that have traded at all."""
        mine: Iterable[Standing] = self._standings.values()
        if among is not None:
            mine = [self._standings[address] for address in among if address in self._standings]
        traded = (standing for standing in mine if standing.record.results.swaps)
        return heapq.nsmallest(most, traded, key=lambda standing: standing.rank)

    def counts(self) -> tuple[int, int]:
        """How many wallets are followed, and how many of them are to be read."""
        return len(self._followed), len(self._behind)
