"""What the disk of this bot alone knows of orders and exits: its halt file and its journal, and to whom they mean something.

A bot that leads carries them out itself; one that finds another leading brings them to that one at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from bot.errors import JournalUnavailable
from bot.execution.halt_on_disk import HaltKeeper
from bot.ports import Brought, LeaseStore, Party, Store
from bot.storage.spool import SpooledStore
from bot.storage.spool_codec import Scan, encode
from bot.storage.spool_header import Mark
from bot.storage.spool_journal import FileJournal

log = structlog.get_logger()


class LeftJournal(Protocol):
    """The journal of exits as an earlier process left it."""

    def found(self) -> Scan: ...

    async def set_aside(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Inherited:
    """What is to be known of the journal before its records are carried out.

    `mark` is for the next one. `overtaken` says that another bot has led since it was written, `refused` is the sentence
    for operators where it is another's and was set aside.
    """

    mark: Mark
    overtaken: bool
    refused: str | None


@dataclass(frozen=True, slots=True)
class LeftOnDisk:
    """`directory` is the id of the data directory, which a copy of it keeps."""

    halt: HaltKeeper
    journal: LeftJournal
    directory: str

    async def brings(self, leases: LeaseStore, party: Party) -> tuple[Brought, ...]:
        """What whoever leads has to hear of. A journal of another directory or database is none of his business."""
        found, halt = self.journal.found(), self.halt.kept()
        ours = found.mark is None or _whose(found.mark) == (self.directory, await leases.database_id())
        halts = [] if halt is None else [Brought(f"halt {halt.cause} {halt.since_ms} {halt.by}", party.name, halt, b"")]
        frames = [encode(record) for record in found.records] if ours else []
        return (*halts, *(Brought(hashlib.sha256(frame).hexdigest(), party.name, None, frame) for frame in frames))

    async def delivered(self) -> None:
        """The leader has taken up all of it: the halt is in the database, and the journal is kept for a person to look at."""
        log.warning("left_on_disk_delivered", halt=self.halt.kept() is not None)
        try:
            self.halt.keep(None)
            if self.journal.found().records:
                log.warning("journal_set_aside", name=await self.journal.set_aside())
        except (OSError, JournalUnavailable) as error:
            # Harmless: a halt that ended is known to have ended, and a record that is carried out again changes nothing.
            log.warning("left_on_disk_not_removed", reason=str(error))

    async def inherit(self, leases: LeaseStore, party: Party, epoch: int, *, followed_another: bool) -> Inherited:
        """Look at the journal as the one who leads, with `epoch`, now; raises StoreUnavailable and JournalUnavailable.

        `followed_another` says that another bot led just before, which is all there is to go by for an old journal.
        """
        mark = Mark(self.directory, await leases.database_id(), epoch)
        found = self.journal.found()
        if not found.records:
            return Inherited(mark, overtaken=False, refused=None)
        if found.mark is None:
            return Inherited(mark, followed_another, None)
        if _whose(found.mark) == _whose(mark):
            return Inherited(mark, await leases.others_led_since(party, found.mark.epoch), None)
        what = "database" if found.mark.database != mark.database else "data directory"
        name = await self.journal.set_aside()
        log.error("journal_refused", of_another=what, records=len(found.records), kept_as=name)
        refused = (
            f"The journal of exits is that of another {what}: nothing of it is carried out, and it is kept as {name}."
        )
        return Inherited(mark, overtaken=False, refused=refused)


def spooled_store(store: Store, path: Path, found: Inherited) -> SpooledStore:
    """The store with the journal at `path`, as far as that is to be carried out."""
    journal = FileJournal(path, mark=found.mark)
    return SpooledStore(store, journal, overtaken=found.overtaken, trouble=found.refused)


def _whose(mark: Mark) -> tuple[str, str]:
    return mark.directory, mark.database
