"""Rounds that fail are tried again and told once; a disk is told as it fills, gets worse, and has room again."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from actors.backup_keeper import FAILED_AFTER, LOOK_EVERY_S, BackupKeeper, Round
from actors.runtime import ChildSpec, SupervisorSpec, open_supervisor
from bot.errors import StartupError
from bot.execution.alerts import Alert, Turn
from bot.execution.backup_alerts import ARCHIVE, BACKUP_AGE, DISK, Trouble


class Archive:
    """Rounds that go well until they are told not to."""

    why = ""
    done = 0

    async def do(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.why:
            raise StartupError(self.why)
        self.done += 1


async def test_a_round_that_fails_again_and_again_is_told_once_with_its_end(autojump_clock: MockClock) -> None:
    sealing, basing, told = Archive(), Archive(), list[Alert]()
    keeper = BackupKeeper([Round(ARCHIVE, 5, sealing.do), Round(BACKUP_AGE, 60, basing.do)], dict, told.append)
    async with open_supervisor(SupervisorSpec("ops", "one_for_one", (ChildSpec("backup_keeper", keeper.run),))):
        sealing.why = "the disk is full"
        await trio.sleep(5 * (FAILED_AFTER - 1))
        sealing.why = ""
        await trio.sleep(3_600)
        assert told == [] and basing.done >= 60
        sealing.why = "the disk is full"
        await trio.sleep(3_600)
        assert [(alert.key, alert.turn) for alert in told] == [(ARCHIVE, Turn.BEGINS)]
        assert "the disk is full" in told[0].text and told[0].page == "runbooks/backup.md"
        sealing.why = ""
        await trio.sleep(60)
        assert [alert.turn for alert in told] == [Turn.BEGINS, Turn.ENDS]
        assert basing.done >= 120, "nobody waits for the one that fails"


async def test_a_disk_that_fills_up_is_told_and_once_more_when_it_matters_at_night(autojump_clock: MockClock) -> None:
    found, told = dict[str, Trouble](), list[Alert]()
    keeper = BackupKeeper([], lambda: found, told.append)
    async with open_supervisor(SupervisorSpec("ops", "one_for_one", (ChildSpec("backup_keeper", keeper.run),))):
        for trouble in (
            Trouble("1900 MB"),
            Trouble("1800 MB"),
            Trouble("100 MB", urgent=True),
            Trouble("90 MB", urgent=True),
        ):
            found[DISK] = trouble
            await trio.sleep(3 * LOOK_EVERY_S)
        found.clear()
        await trio.sleep(3 * LOOK_EVERY_S)
    assert [(alert.turn, alert.urgent) for alert in told] == [
        (Turn.BEGINS, False),
        (Turn.BEGINS, True),
        (Turn.ENDS, False),
    ]
    assert {alert.page for alert in told} == {"runbooks/disk.md"}
