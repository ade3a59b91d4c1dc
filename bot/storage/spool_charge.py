"""Who is in charge of what exits depend on, the database or memory, and the way back from memory into the rows.

While memory is in charge every decision becomes an entry; those that say that bytes may have left are on the local disk
first. Back in charge the database gets all of them, in order and once, before anything else is asked of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog
import trio

from bot.errors import Conflict, JournalUnavailable, StoreUnavailable
from bot.ports import SpoolState, Store
from bot.storage.spool_codec import Kept, Record, Sent, Signed
from bot.storage.spool_entries import Entry, Overtaken, Peak, carry_out
from bot.storage.spool_journal import Journal
from bot.storage.spool_overtaken import tell_overtaken, whom
from bot.storage.stand_in import Rows, StandIn
from bot.trading.units import counted

log = structlog.get_logger()

T = TypeVar("T")

NOT_READ = "the database has not been read yet"
DRAIN_S = 0.5  # how long the change back to the database waits for writes that are on their way
LOOK_S = 0.01
MAX_ENTRIES = 100_000  # decisions that may wait; beyond that exits are refused rather than memory filled


class WritesRefused(StoreUnavailable):
    """The database answers and takes no write: a full disk, for one."""


class Charge:
    """`away` says why memory is in charge; None while the database is. At first memory is empty and knows nothing."""

    def __init__(self, store: Store, journal: Journal, *, overtaken: bool, trouble: str | None) -> None:
        """`overtaken`: another bot has led since the journal was written, and what people ordered then is only told."""
        self.memory = StandIn()
        self.away: str | None = NOT_READ
        self._store = store
        self._journal = journal
        self._has_read = False
        self._takes_writes = True  # so far as is known
        self._entries: deque[Entry] = deque()
        self._peaks: dict[str, Peak] = {}
        self._recorded: deque[int] = deque()  # when each record in the journal was made, oldest first
        self._signatures: set[str] = set()  # of the attempts in the journal
        self._trouble: str | None = None
        self._untold: list[str] = [] if trouble is None else [trouble]
        self._tell: Callable[[str], None] = self._untold.append
        self._left_out: list[str] = []  # why, of each record that the rows contradict
        self._writing = 0
        self._may_write = trio.Event()
        self._may_write.set()
        self._catching_up = trio.Lock()
        self._take_up(journal.records(), overtaken=overtaken)

    def __repr__(self) -> str:
        return f"<Charge away={self.away!r} entries={len(self._entries)} records={len(self._recorded)}>"

    def _take_up(self, records: Sequence[Record], *, overtaken: bool) -> None:
        """What an earlier process left goes into the database before that is asked for anything."""
        for record in records:
            self._enter(Overtaken(record.cause) if overtaken and isinstance(record, Kept) else record)
        if records:
            log.warning("journal_found", records=len(records))

    def state(self) -> SpoolState:
        oldest_ms = self._recorded[0] if self._recorded else None
        return SpoolState(len(self._recorded), oldest_ms, self._has_read and self.away is not None, self._trouble)

    def on_trouble(self, listener: Callable[[str], None]) -> None:
        """What there was to tell before is told now."""
        self._tell = listener
        while self._untold:
            listener(self._untold.pop(0))

    # ---------------------------------------------------------------------------------------------- whoever is in charge

    def lost(self, error: StoreUnavailable) -> None:
        """The database did not answer something that exits need: what memory knows holds from now on."""
        self._takes_writes = False
        if self.away is None:
            self.away = str(error)
            log.warning("exits_from_memory", reason=str(error))

    def refusal(self) -> StoreUnavailable:
        """For what memory does not do or know while it is in charge."""
        return StoreUnavailable(self.away or NOT_READ)

    async def read(self, ask: Callable[[], Awaitable[T]], look: Callable[[], T | None]) -> T:
        """Ask whoever is in charge. What memory does not know is as unavailable as the database."""
        await self.ready()
        if self.away is None:
            try:
                answer = await ask()
            except StoreUnavailable as error:
                self.lost(error)
            else:
                if self.away is None:
                    return answer
        else:
            await trio.lowlevel.checkpoint()
        known = look()
        if known is None:
            raise self.refusal()
        return known

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Around a write of what exits depend on: nobody takes over meanwhile except memory, which misses nothing."""
        await self.ready()
        while not self._may_write.is_set():
            await self._may_write.wait()
        self._writing += 1
        try:
            yield
        finally:
            self._writing -= 1

    @property
    def has_read(self) -> bool:
        """Whether memory has read what was open when this process began."""
        return self._has_read

    async def ready(self) -> None:
        """What an earlier process left is in the rows, and memory has read them. Raises StoreUnavailable."""
        if not self._has_read:
            await self.catch_up()

    # ------------------------------------------------------------------------------------------- decisions from memory

    def enter(self, entry: Entry) -> None:
        """A decision that only memory knows. Raises JournalUnavailable when too many wait."""
        if len(self._entries) >= MAX_ENTRIES:
            raise JournalUnavailable(f"{MAX_ENTRIES} decisions wait for the database; no more is decided from memory")
        self._enter(entry)

    def has_recorded(self, signature: str) -> bool:
        """Whether the journal says of these bytes that they may have left."""
        return signature in self._signatures

    def enter_peak(self, peak: Peak) -> None:
        """Of each position the latest is enough: it is the highest."""
        self._peaks[peak.position_id] = peak

    async def record(self, record: Record) -> None:
        """On the disk, then among the entries. Raises JournalUnavailable, and then nothing may leave; it is told once."""
        try:
            await self._journal.append(record)
        except JournalUnavailable as error:
            if self._trouble is None:
                log.error("journal_not_written", reason=str(error))
                self._tell(f"No exit can be signed: {error}.")
            self._trouble = str(error)
            raise
        self._trouble = None
        self._enter(record)

    def _enter(self, entry: Entry) -> None:
        self._entries.append(entry)
        if isinstance(entry, Signed):
            self._recorded.append(entry.attempt.created_at_ms)
            self._signatures.add(entry.attempt.signature)
        elif isinstance(entry, Sent):
            self._recorded.append(entry.at_ms)
            self._signatures.add(entry.signature)
        elif isinstance(entry, Kept | Overtaken):
            self._recorded.append(entry.cause.since_ms)

    # ------------------------------------------------------------------------------------------- back to the database

    async def catch_up(self) -> None:
        """Carry out what waits, read what is open, and put the database in charge; nothing where it is.

        Exits go on from memory meanwhile, except for the last moment. Raises StoreUnavailable, WritesRefused for one that
        takes no write.
        """
        async with self._catching_up:
            if self.away is None:
                return
            await self._prove_that_it_takes_writes()
            await self._carry_out_all()
            await self._know_people()
            async with self._nobody_writing() as alone:
                if not alone:
                    raise StoreUnavailable("the journal waits for orders that are being written")
                await self._carry_out_all()
                rows = await self._rows()
                await self._clear_journal()
                self.memory.know_rows(rows)
                if self._has_read:
                    log.info("exits_from_database", was=self.away)
                self.away, self._has_read = None, True
            await self._journal.reserve()

    async def _prove_that_it_takes_writes(self) -> None:
        """A server whose disk is full answers every read, and every probe."""
        if self._takes_writes:
            return
        try:
            await self._store.take_a_write()
        except StoreUnavailable as error:
            raise WritesRefused(str(error)) from error
        self._takes_writes = True

    async def _carry_out_all(self) -> None:
        """In order. An entry stays until it is known to be in the database."""
        while self._entries:
            await self._carry_out(self._entries[0])
            self._entries.popleft()
        while self._peaks:
            position_id, peak = next(iter(self._peaks.items()))
            await self._carry_out(peak)
            if self._peaks[position_id] is peak:
                del self._peaks[position_id]

    async def _carry_out(self, entry: Entry) -> None:
        """One that the rows contradict is told of and left out, because everything behind it would wait for ever.

        That of an outcome needs nobody: what became of an order is on the chain and is settled from there.
        """
        try:
            if isinstance(entry, Kept):
                await whom(entry.cause, self._store)
            if isinstance(entry, Overtaken):
                if (told := await tell_overtaken(entry.cause, self._store)) is not None:
                    self._tell(told)
            else:
                await carry_out(entry, self._store)
        except (Conflict, LookupError, ValueError) as error:
            if not isinstance(entry, Signed | Sent | Kept | Overtaken):
                log.warning("entry_left_out", entry=type(entry).__name__, reason=str(error))
                return
            log.error("journal_record_left_out", record=repr(entry), reason=str(error))
            self._left_out.append(str(error))

    async def _clear_journal(self) -> None:
        """All of it is in the rows. A journal that stays is carried out again by the next start, which changes nothing."""
        if self._recorded:
            if self._left_out:
                name = await self._journal.set_aside()
                verb = "contradicts" if len(self._left_out) == 1 else "contradict"
                self._tell(
                    f"{counted(len(self._left_out), 'record')} of the journal {verb} the database"
                    f" ({self._left_out[0]}); what is held follows the chain. The journal is kept as {name}."
                )
                self._left_out.clear()
            else:
                await self._journal.clear()
            log.info("journal_replayed", records=len(self._recorded))
            self._recorded.clear()
            self._signatures.clear()
        self._trouble = None

    async def _rows(self) -> Rows:
        return Rows(await self._store.open_positions(), await self._store.in_flight())

    async def _know_people(self) -> None:
        """Everybody, and of those who have something to sell, now or soon, what a sale needs."""
        self.memory.know_users(await self._store.users())
        wallets = await self._store.wallets()
        self.memory.know_wallets(wallets)
        rows = await self._rows()
        owners = {position.wallet_id for position in rows.positions}
        owners.update(intent.request.wallet_id for intent, _ in rows.moving)
        for wallet in wallets:
            if wallet.id not in owners:
                continue
            if self.memory.settings_of(wallet.user_id) is None:
                settings = await self._store.settings(wallet.user_id)
                if self.memory.settings_of(wallet.user_id) is None:  # nobody has changed them meanwhile
                    self.memory.know_settings(wallet.user_id, settings)
            if self.memory.key_of(wallet.id) is None:
                self.memory.know_key(wallet.id, await self._store.sealed_key(wallet.id))

    @asynccontextmanager
    async def _nobody_writing(self) -> AsyncIterator[bool]:
        """No write begins inside. Yields whether those that had begun are over."""
        self._may_write = trio.Event()
        try:
            with trio.move_on_after(DRAIN_S):
                while self._writing:  # noqa: ASYNC110 - a short wait for several others
                    await trio.sleep(LOOK_S)
            yield not self._writing
        finally:
            self._may_write.set()


def listed(found: T | None) -> list[T]:
    """One or none as a list, so that none is an answer, too."""
    return [] if found is None else [found]
