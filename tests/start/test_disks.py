"""Disks that are full and directories that are open to others: what a start refuses, and what goes on without the disk."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bot.errors import StartupError
from bot.localnet.inprocess import InProcessChain
from bot.logs import LogFile
from bot.paths import control_socket
from bot.start import locked
from bot.storage.halt_file import HaltFile
from bot.storage.memory_halt import MemoryHalt
from bot.trading.trading_state import Halt, State
from tests.whole.virtual import make_world, open_for_entries, running_bot, until

HALT = Halt("operator", 1, "operator", "by hand; wäre voll")


def test_a_halt_is_written_over_blocks_that_were_reserved_and_read_back(tmp_path: Path) -> None:
    file = HaltFile(tmp_path / "halt.json")
    file.reserve()
    draft = tmp_path / ".halt.json.new"
    blocks = draft.stat().st_blocks
    assert file.kept() is None
    file.keep(HALT)
    assert (tmp_path / "halt.json").stat().st_blocks == blocks
    assert not draft.exists()
    assert HaltFile(tmp_path / "halt.json").kept() == HALT
    file.keep(None)
    assert file.kept() is None
    assert draft.stat().st_blocks == blocks


class FullDisk(MemoryHalt):
    """A halt file on a disk that is full until somebody makes room."""

    is_full = True

    def keep(self, halt: Halt | None) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().keep(halt)


async def test_a_halt_holds_although_the_disk_is_full_and_is_kept_once_there_is_room(autojump_clock: MockClock) -> None:
    world = make_world(InProcessChain(seed=1))
    world.halt = disk = FullDisk()
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        assert bot.guard.latch(HALT)
        assert bot.guard.level == 3
        await until(lambda: bot.guard.state is State.HALTED, within_s=30)
        await trio.sleep(1)
        assert await world.store.halt() == HALT
        assert disk.kept() is None
        disk.is_full = False
        await until(lambda: disk.kept() == HALT, within_s=5)
        await trio.sleep(1)
        assert bot.guard.state is State.HALTED


def _as_a_record(log: LogFile, text: str) -> None:
    log.handle(logging.makeLogRecord({"msg": text}))


@pytest.mark.parametrize("write", [_as_a_record, LogFile.line])
def test_a_log_that_cannot_be_written_is_said_once_and_not_with_every_event(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, write: Callable[[LogFile, str], None]
) -> None:
    log = LogFile("/dev/full", maxBytes=0)
    for number in range(3):
        write(log, f"event {number}")
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "/dev/full: the log cannot be written: [Errno 28] No space left on device; make room" in said
    log.stream, full = (tmp_path / "log").open("a"), log.stream
    write(log, "event 3")
    assert "written again" in capsys.readouterr().err
    assert (tmp_path / "log").read_text() == "event 3\n"
    log.close()
    with pytest.raises(OSError, match="No space left"):
        full.close()


@pytest.mark.parametrize("write", [_as_a_record, LogFile.line])
def test_a_log_that_is_full_is_put_aside_and_the_oldest_is_dropped(
    tmp_path: Path, write: Callable[[LogFile, str], None]
) -> None:
    log = LogFile(tmp_path / "log", maxBytes=20, backupCount=2)
    for number in range(9):
        write(log, f"event {number}")
    log.close()
    kept = {path.name: path.read_text().split("\n")[:-1] for path in tmp_path.iterdir()}
    assert kept == {
        "log": ["event 6", "event 7", "event 8"],
        "log.1": ["event 3", "event 4", "event 5"],
        "log.2": ["event 0", "event 1", "event 2"],
    }


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_data_directory_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "data"
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(StartupError, match="other users may write there"), locked(directory):
        raise AssertionError("started")
    assert list(directory.iterdir()) == []


def test_a_path_that_is_too_long_for_a_socket_is_refused_before_anything_starts() -> None:
    with pytest.raises(StartupError, match="too long for a socket"):
        control_socket(Path("/" + "d" * 120))
