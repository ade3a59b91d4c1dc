"""The recording on a real disk: segments, partitions, what a crash leaves, what is dropped; and its contract with the twin."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import trio

from bot.errors import RecordingUnavailable, StartupError
from bot.localnet.market.recording import read_recording
from bot.ports import MarketRecording, Seen
from bot.recorder.files import FileRecording, Keep, open_recording
from bot.recorder.layout import Layout
from bot.recorder.memory import MemoryRecording
from bot.recorder.packing import SCHEMA, pack
from bot.recorder.retention import drop_old
from bot.replayed_market import as_text
from tests.recorder.recorder_samples import HOUR_MS, NOW_MS, launch, snapshot, trade

DAY_MS = 24 * HOUR_MS
KEEP = Keep(keep_ms=2 * DAY_MS, bytes_max=10_000_000, roll_ms=60_000, free_min=0)
DEADLINE_S = 30


def packed(folder: Path) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(path, hive_partitioning=False) for path in Layout(folder).parquet()])


async def crashed_after(folder: Path, *seen: Seen) -> list[Path]:
    """Record this and leave what a kill leaves: the segments that nobody closed."""
    async with open_recording(folder, KEEP) as recording:
        await recording.append(seen, NOW_MS)
    for path in Layout(folder).complete():
        path.rename(path.with_name(f"{path.name}.open"))
    return Layout(folder).left_open()


@pytest.mark.parametrize("kind", ["memory", "files"])
async def test_contract_what_was_appended_is_kept_and_counted(kind: str, tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        if kind == "memory":
            await _counts(MemoryRecording())
        else:
            async with open_recording(tmp_path, KEEP) as recording:
                await _counts(recording)


async def _counts(recording: MarketRecording) -> None:
    assert (await recording.tidy(NOW_MS)).kept_bytes == 0
    await recording.append([launch(), trade()], NOW_MS)
    before = await recording.tidy(NOW_MS + 1)
    await recording.append([snapshot()], NOW_MS + 2)
    after = await recording.tidy(NOW_MS + 3)
    assert 0 < before.kept_bytes < after.kept_bytes
    assert after.torn_files == 0


async def test_rows_are_text_at_once_and_a_partition_later(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with trio.fail_after(DEADLINE_S):
        async with open_recording(tmp_path, KEEP) as recording:
            await recording.append([launch(), trade()], NOW_MS)
            [open_now] = layout.left_open()
            assert open_now.read_text().count("\n") == 3
            await recording.tidy(NOW_MS + 1)
            assert layout.parquet() == []
            await recording.append([snapshot()], NOW_MS + KEEP.roll_ms)
            state = await recording.tidy(NOW_MS + KEEP.roll_ms)
    [path] = layout.parquet()
    assert path.relative_to(tmp_path).as_posix() == "day=2026-11-21/hour=12/2026-11-21T12-00-00-000Z.parquet"
    assert dict(packed(tmp_path).schema) == SCHEMA
    assert packed(tmp_path)["side"].to_list() == ["create", "buy"]
    assert layout.left_open() == []
    assert len(layout.complete()) == 1, "the end of a life closes its segment"
    assert state.oldest_ms == NOW_MS


def test_the_columns_are_those_of_recorded_markets() -> None:
    folder = os.environ.get("BOT_SHARED_DATA")
    if not folder:
        pytest.skip("BOT_SHARED_DATA names no folder with other people's recordings")
    foreign = pl.read_parquet_schema(Path(folder) / "market" / "trades_events.parquet")
    assert {name: kind for name, kind in foreign.items() if name in SCHEMA} == {
        name: kind for name, kind in SCHEMA.items() if name not in {"name", "symbol", "uri"}
    }


async def test_what_a_crash_tore_is_set_aside_and_the_rest_is_packed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with trio.fail_after(DEADLINE_S):
        [left] = await crashed_after(tmp_path, launch(), trade())
        whole = left.read_bytes()
        left.write_bytes(whole + b"\0\0 no row\n" + whole.splitlines(keepends=True)[-1][:-20])
        lost = tmp_path / "day=2026-11-21" / "hour=11" / "a.parquet"
        lost.parent.mkdir(parents=True)
        lost.write_bytes(b"PAR1 and then the power went")
        half_done = lost.with_name("b.parquet.part")
        half_done.write_bytes(b"PAR1")
        state = await FileRecording(tmp_path, KEEP).tidy(NOW_MS + 1)
    assert packed(tmp_path)["signature"].to_list() == ["launch-1", "trade-1"]
    assert state.torn_files == 2
    assert {path.name for path in layout.torn.iterdir()} == {"a.parquet", left.name.removesuffix(".open")}
    assert b"no row" in (layout.torn / left.name.removesuffix(".open")).read_bytes()
    assert not half_done.exists()
    assert layout.left_open() == layout.complete() == []


async def test_a_partition_that_was_made_before_a_crash_is_made_once(tmp_path: Path) -> None:
    """Killed between the partition and the end of its segment: both are there, and the rows are not twice."""
    with trio.fail_after(DEADLINE_S):
        [left] = await crashed_after(tmp_path, trade())
        segment = left.with_name(left.name.removesuffix(".open"))
        left.rename(segment)
        text = segment.read_bytes()
        pack(tmp_path)
        segment.write_bytes(text)
        await FileRecording(tmp_path, KEEP).tidy(NOW_MS + 1)
    assert packed(tmp_path)["signature"].to_list() == ["trade-1"]


async def test_old_hours_go_and_then_the_oldest_until_the_rest_fits(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        for hours in (72, 30, 20, 10):
            at_ms = NOW_MS - hours * HOUR_MS
            async with open_recording(tmp_path, KEEP) as recording:
                await recording.append([trade(number) for number in range(50)], at_ms)
        await FileRecording(tmp_path, KEEP).tidy(NOW_MS)
    layout = Layout(tmp_path)
    hours_kept = [(NOW_MS - ends_ms) // HOUR_MS + 1 for ends_ms, _ in layout.hours()]
    assert hours_kept == [30, 20, 10], "older than two days"
    size = layout.parquet()[0].stat().st_size
    state = drop_old(layout, before_ms=0, bytes_max=2 * size + size // 2)
    assert state.oldest_ms == NOW_MS - 20 * HOUR_MS
    assert state.kept_bytes <= 2 * size + size // 2
    assert not (tmp_path / "day=2026-11-20" / "hour=06").exists()


async def test_what_is_never_packed_is_bounded_too(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    with trio.fail_after(DEADLINE_S):
        for minutes in range(4):
            async with open_recording(tmp_path, KEEP) as recording:
                await recording.append([trade(number) for number in range(50)], NOW_MS + minutes * 60_000)
    layout.torn.mkdir()
    (layout.torn / "a.csv").write_text("torn")
    first, *others = layout.complete()
    size = first.stat().st_size
    state = drop_old(layout, before_ms=0, bytes_max=3 * size)
    assert layout.complete() == others
    assert (state.torn_files, state.oldest_ms, state.kept_bytes) == (0, None, 3 * size)


async def test_a_disk_that_refuses_is_unavailable_and_goes_on_when_it_takes_again(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.write_text("no folder")
    with trio.fail_after(DEADLINE_S):
        async with open_recording(folder, KEEP) as recording:
            with pytest.raises(RecordingUnavailable, match="recordings"):
                await recording.append([trade()], NOW_MS)
            folder.unlink()
            await recording.append([trade()], NOW_MS)
            await recording.tidy(NOW_MS + KEEP.roll_ms)
    assert packed(folder).height == 1


async def test_a_disk_that_is_nearly_full_is_left_to_the_database(tmp_path: Path) -> None:
    greedy = replace(KEEP, free_min=10**18)
    with trio.fail_after(DEADLINE_S):
        async with open_recording(tmp_path, greedy) as recording:
            with pytest.raises(RecordingUnavailable, match="MB are free"):
                await recording.append([trade()], NOW_MS)
    assert Layout(tmp_path).complete() == []


async def test_a_recording_is_replayed_from_its_folder_and_from_a_partition(tmp_path: Path) -> None:
    recordings, home = tmp_path / "recordings", tmp_path / "home"
    home.mkdir()
    with trio.fail_after(DEADLINE_S):
        async with open_recording(recordings, KEEP) as recording:
            await recording.append([launch(1, name="First, of all"), trade(1)], NOW_MS)
            await recording.tidy(NOW_MS + KEEP.roll_ms)
            later_ms = NOW_MS + KEEP.roll_ms
            await recording.append([launch(2, at_ms=later_ms), trade(2, at_ms=later_ms), snapshot(1)], later_ms)
        whole = read_recording(await as_text(recordings, home), speed=1.0)
        [partition] = Layout(recordings).parquet()
        part = read_recording(await as_text(partition, home), speed=1.0)
        [text] = Layout(recordings).complete()
        assert await as_text(text, home) == text
        (home / "broken.parquet").write_bytes(b"PAR1")
        with pytest.raises(StartupError, match="cannot be read as a recorded market"):
            await as_text(home / "broken.parquet", home)
    assert [(token.name, token.symbol) for token in whole.tokens] == [("First, of all", "T1"), ("A token", "T2")]
    assert [action.kind for action in whole.actions] == ["create", "buy", "create", "buy"]
    assert [action.lamports for action in whole.actions if action.kind == "buy"] == [27_985_075] * 2
    assert [token.symbol for token in part.tokens] == ["T1"]
