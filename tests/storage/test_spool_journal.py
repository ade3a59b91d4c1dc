"""The bytes of the journal and the file that holds them: what a crash leaves, what a disk does, and what is refused."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import JournalUnavailable, StartupError
from bot.ports import Wallet
from bot.storage.rules import planned_intent
from bot.storage.spool_codec import DamagedError, Kept, Record, Sent, Signed, encode, scan
from bot.storage.spool_header import OLD_HEADER as HEADER
from bot.storage.spool_journal import GIVEN_BACK_BYTES, RESERVED_BYTES, FileJournal, Journal, MemoryJournal
from bot.trading.intent import Mode
from bot.trading.trading_state import Binds, Cause
from tests.storage.storage_samples import NOW_MS, attempt, sell

WALLET = Wallet("w-ada", "u-ada", "Address-ada", Mode.PAPER)
KEPT = Kept(Cause("panic", "user:u-ada", NOW_MS, "u-ada", "by his own command", Binds.AUTOMATED))


def signed(key: str = "k", raw: bytes = b"\0bytes\xff", reason: str = "stop_loss") -> Signed:
    intent = planned_intent(sell(key, WALLET, reason=reason), f"i-{key}", 0, NOW_MS)
    return Signed(intent, attempt(intent.id, f"s-{key}", raw=raw))


SAMPLES: tuple[Record, ...] = (signed("a"), Sent("s-b", NOW_MS), KEPT, signed("c", raw=bytes(1232)))
WHOLE = HEADER + b"".join(encode(record) for record in SAMPLES)
ENDS = [len(HEADER) + sum(len(encode(record)) for record in SAMPLES[:count]) for count in range(len(SAMPLES) + 1)]

records = st.one_of(
    st.builds(signed, st.text(max_size=9), st.binary(max_size=1232), st.text(max_size=40)),
    st.builds(Sent, st.text(max_size=88), st.integers(0, 2**63 - 1)),
    st.builds(lambda why: Kept(replace(KEPT.cause, why=why)), st.text(max_size=40)),
)


@given(st.lists(records, max_size=5))
def test_what_is_written_is_read(written: list[Record]) -> None:
    data = HEADER + b"".join(encode(record) for record in written)
    found = scan(data)
    assert (list(found.records), found.good_bytes, found.torn_bytes) == (written, len(data), 0)


def test_a_journal_that_was_cut_off_at_any_byte_keeps_every_whole_record() -> None:
    for cut in range(len(WHOLE)):
        found = scan(WHOLE[:cut])
        whole = max((number for number, end in enumerate(ENDS) if end <= cut), default=0)
        assert found.records == SAMPLES[:whole], cut
        assert found.good_bytes + found.torn_bytes == cut
        assert found.good_bytes == (ENDS[whole] if cut >= len(HEADER) else 0)


@pytest.mark.parametrize("zeros", [1, 7, 8, 50, 4_096])
def test_a_file_that_grew_before_its_bytes_came_down_ends_in_zeros(zeros: int) -> None:
    assert scan(WHOLE + bytes(zeros)).records == SAMPLES
    last = len(encode(SAMPLES[-1]))
    assert scan(WHOLE[: -last // 2] + bytes(last - last // 2)).records == SAMPLES[:-1]


@settings(max_examples=400)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 7))
def test_a_flipped_bit_is_refused_with_what_is_still_good(at: int, bit: int) -> None:
    data = bytearray(WHOLE)
    data[at] ^= 1 << bit
    good = max((number for number, end in enumerate(ENDS) if end <= at), default=0)
    with pytest.raises(DamagedError) as refused:
        scan(bytes(data))
    if at >= len(HEADER):
        assert f"{good} records before that are good" in str(refused.value)
        assert f"the {len(WHOLE) - ENDS[good]} bytes" in str(refused.value)


def test_a_record_of_a_later_version_is_refused() -> None:
    data = HEADER + encode(Sent("s-a", NOW_MS)).replace(b'"kind":"sent"', b'"kind":"moon"')
    with pytest.raises(DamagedError):
        scan(data)
    with pytest.raises(DamagedError, match="another version"):
        scan(b"trading-bot spool 9\n" + encode(KEPT))


# ------------------------------------------------------------------------------------------------------------ the file


@pytest.fixture(params=["memory", "file"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return MemoryJournal() if request.param == "memory" else FileJournal(tmp_path / "spool.journal")


async def test_records_are_kept_in_order_until_they_are_cleared(journal: Journal) -> None:
    assert journal.records() == ()
    for record in SAMPLES:
        await journal.append(record)
    assert journal.records() == SAMPLES
    await journal.clear()
    assert journal.records() == ()
    await journal.append(KEPT)
    assert journal.records() == (KEPT,)


async def test_the_next_process_finds_what_the_last_one_wrote_and_goes_on_behind_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "spool.journal"
    await FileJournal(path).append(SAMPLES[0])
    with path.open("ab") as file:
        file.write(encode(SAMPLES[3])[:-1])
    following = FileJournal(path)
    assert following.records() == SAMPLES[:1]
    await following.append(SAMPLES[1])
    assert FileJournal(path).records() == SAMPLES[:2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_damaged_journal_refuses_the_start_and_says_what_not_to_do(tmp_path: Path) -> None:
    path = tmp_path / "spool.journal"
    data = bytearray(WHOLE)
    data[ENDS[1] + 60] ^= 1
    path.write_bytes(data)
    with pytest.raises(StartupError, match=r"1 records before that are good.*runbooks/database\.md.*do not delete"):
        FileJournal(path).records()
    assert path.read_bytes() == data


async def test_a_full_journal_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "spool.journal", max_bytes=len(HEADER) + len(encode(SAMPLES[0])))
    await journal.append(SAMPLES[0])
    with pytest.raises(JournalUnavailable, match="it is full"):
        await journal.append(SAMPLES[1])
    assert journal.records() == SAMPLES[:1]


@pytest.mark.parametrize("fails", ["pwrite", "fsync"])
async def test_a_record_that_a_full_disk_refused_never_turns_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    path = tmp_path / "spool.journal"
    journal = FileJournal(path)
    await journal.append(SAMPLES[0])
    really = os.pwrite

    def half(descriptor: int, data: bytes, at: int) -> int:
        really(descriptor, data[: len(data) // 2], at)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as disk:
        disk.setattr(os, fails, half if fails == "pwrite" else refuse)
        with pytest.raises(JournalUnavailable, match="No space left on device; look at the disk"):
            await journal.append(SAMPLES[3])
    assert FileJournal(path).records() == SAMPLES[:1]
    await journal.append(SAMPLES[1])
    assert FileJournal(path).records() == SAMPLES[:2]


async def test_a_full_disk_is_no_reason_while_some_of_the_reserve_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "spool.journal"
    reserve = tmp_path / ".spool.journal.reserve"
    journal = FileJournal(path)
    await journal.reserve()
    taken = reserve.stat().st_blocks * 512
    assert taken >= RESERVED_BYTES
    really = os.pwrite

    def write_where_there_is_room(descriptor: int, data: bytes, at: int) -> int:
        if reserve.stat().st_size > RESERVED_BYTES - 3 * GIVEN_BACK_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return really(descriptor, data, at)

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", write_where_there_is_room)
        await journal.append(SAMPLES[0])
    assert FileJournal(path).records() == SAMPLES[:1]
    assert reserve.stat().st_size == RESERVED_BYTES - 3 * GIVEN_BACK_BYTES
    await journal.clear()
    await journal.reserve()
    assert reserve.stat().st_size == RESERVED_BYTES


async def test_a_folder_that_is_gone_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailable, match="cannot be written: No such file or directory"):
        await FileJournal(tmp_path / "gone" / "spool.journal").append(KEPT)
