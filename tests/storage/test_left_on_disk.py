"""What a data directory alone knows when its bot starts: whose the journal is, and what of it still holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot.errors import StartupError
from bot.left_on_disk import LeftOnDisk
from bot.ports import LeaseStore, Party
from bot.storage.halt_file import HaltFile
from bot.storage.memory import MemoryStore
from bot.storage.memory_lease import MemoryLeases, SharedMemory
from bot.storage.spool import SpooledStore
from bot.storage.spool_codec import DamagedError, Kept, encode, scan
from bot.storage.spool_header import OLD_HEADER, Mark, header_of
from bot.storage.spool_journal import FileJournal
from bot.trading.trading_state import Halt
from tests.storage.storage_samples import NOW_MS, enrol
from tests.storage.test_spool_journal import KEPT, SAMPLES

US, THEM = Party("us", "our bot"), Party("them", "the other bot")


class Disk:
    """A data directory, and the lease of the database beside it."""

    def __init__(self, folder: Path, directory: str = "here") -> None:
        self.folder, self.directory = folder, directory
        self.halt = HaltFile(folder / "halt.json")
        self.shared = SharedMemory(MemoryStore())
        self.leases: LeaseStore = MemoryLeases(self.shared, frozenset())
        self.left = LeftOnDisk(self.halt, self.journal(None), directory)

    def journal(self, mark: Mark | None) -> FileJournal:
        return FileJournal(self.folder / "spool.journal", mark=mark)

    async def mark(self, epoch: int) -> Mark:
        return Mark(self.directory, await self.leases.database_id(), epoch)

    async def led(self, *parties: Party) -> None:
        for after, party in enumerate(parties):
            await self.leases.take_lease(party, after_epoch=after, alone=True, lost=lambda _: None)

    def kept(self) -> list[str]:
        return [path.name for path in self.folder.glob("spool.journal.kept-*")]


async def test_a_journal_of_this_directory_and_database_is_ones_own(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    await disk.led(US, US)
    await disk.journal(await disk.mark(1)).append(KEPT)
    found = await disk.left.inherit(disk.leases, US, 2, followed_another=False)
    assert (found.mark, found.overtaken, found.refused) == (await disk.mark(2), False, None)


async def test_a_journal_from_before_another_bot_led_is_overtaken(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    await disk.led(US, THEM, US, US)
    await disk.journal(await disk.mark(1)).append(KEPT)
    assert (await disk.left.inherit(disk.leases, US, 4, followed_another=False)).overtaken


@pytest.mark.parametrize("followed_another", [True, False])
async def test_an_old_journal_is_read_and_judged_by_who_led_just_before(tmp_path: Path, followed_another: bool) -> None:
    disk = Disk(tmp_path)
    await disk.journal(None).append(KEPT)
    found = await disk.left.inherit(disk.leases, US, 2, followed_another=followed_another)
    assert (found.overtaken, found.refused) == (followed_another, None)


@pytest.mark.parametrize(
    ("other", "named"), [("directory", "another data directory"), ("database", "another database")]
)
async def test_a_journal_of_another_is_refused_whole_and_kept(tmp_path: Path, other: str, named: str) -> None:
    disk = Disk(tmp_path)
    mark = await disk.mark(1)
    strange = replace(mark, directory="there") if other == "directory" else replace(mark, database="theirs")
    journal = disk.journal(strange)
    for record in SAMPLES:
        await journal.append(record)
    assert await disk.left.brings(disk.leases, US) == ()
    found = await disk.left.inherit(disk.leases, US, 2, followed_another=False)
    assert found.refused is not None
    assert named in found.refused
    assert disk.kept() == ["spool.journal.kept-1"]
    assert FileJournal(tmp_path / "spool.journal.kept-1").records() == SAMPLES
    assert disk.journal(None).records() == ()
    told: list[str] = []
    spooled = SpooledStore(MemoryStore(), disk.journal(found.mark), trouble=found.refused)
    await spooled.catch_up()
    spooled.on_trouble(told.append)
    assert told == [found.refused]


async def test_an_order_of_a_user_whom_the_database_does_not_have_is_left_out_and_told(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    await disk.journal(None).append(KEPT)
    store, told = MemoryStore(), []
    spooled = SpooledStore(store, disk.journal(None))
    await spooled.catch_up()
    spooled.on_trouble(told.append)
    assert await store.causes() == []
    assert ["there is no user u-ada" in line and "kept as spool.journal.kept-1" in line for line in told] == [True]
    assert disk.kept() == ["spool.journal.kept-1"]


async def test_an_overtaken_pause_of_an_operator_is_told_and_not_set(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    store, told = MemoryStore(), []
    await enrol(store)
    pause = replace(KEPT.cause, name="operator", scope="global", by="operator ada", why="a look")
    await disk.journal(None).append(Kept(pause))
    spooled = SpooledStore(store, disk.journal(None), overtaken=True)
    spooled.on_trouble(told.append)
    await spooled.catch_up()
    assert await store.causes() == []
    assert ["The bot pause by operator ada (a look), given" in line for line in told] == [True]


async def test_what_was_delivered_to_the_leader_is_not_brought_again(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    disk.halt.keep(Halt("operator", NOW_MS, "operator", "rug"))
    journal = disk.journal(await disk.mark(1))
    for record in SAMPLES:
        await journal.append(record)
    brought = await disk.left.brings(disk.leases, US)
    assert [one.halt is not None for one in brought] == [True] + [False] * len(SAMPLES)
    await disk.left.delivered()
    assert disk.halt.kept() is None
    assert await disk.left.brings(disk.leases, US) == ()


@pytest.mark.parametrize("cut", range(len(header_of(Mark("a", "b", 3)))))
def test_a_first_line_that_was_cut_off_is_an_empty_journal_and_a_damaged_one_is_refused(cut: int) -> None:
    line = header_of(Mark("a", "b", 3))
    assert scan(line[:cut]).records == ()
    assert scan(line).mark == Mark("a", "b", 3)
    damaged = bytearray(line + encode(KEPT))
    damaged[cut] ^= 4
    with pytest.raises(DamagedError):
        scan(bytes(damaged))


def test_the_old_first_line_stays_readable_and_a_strange_one_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "spool.journal").write_bytes(OLD_HEADER)
    assert Disk(tmp_path).journal(None).found().mark is None
    (tmp_path / "spool.journal").write_bytes(b"#!/bin/sh\n")
    with pytest.raises(StartupError, match="its first line is not that of a journal"):
        Disk(tmp_path).journal(None).records()
