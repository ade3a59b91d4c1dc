"""What a recording tells of an earlier life: whoever begins with it measures as one that has lived through it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from bot.analysis.creators import CreatorBook
from bot.errors import RecordingUnavailable
from bot.execution.analysis_book import AnalysisBook
from bot.execution.past_market import PAST_MS, past_of
from bot.ports import MarketRecording, PastMarket
from bot.recorder.files import Keep, open_recording
from bot.recorder.layout import Layout
from bot.recorder.memory import MemoryRecording
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch
from tests.model.planned_market import events
from tests.recorder.recorder_samples import snapshot

MARKET_MS = 300_000
MEANWHILE = 200  # events that are told while the past is read
DEADLINE_S = 60
KEEP = Keep(keep_ms=10 * PAST_MS, bytes_max=100_000_000, roll_ms=60_000, free_min=0)


def market() -> list[LaunchpadEvent]:
    """Five minutes of the local market, by time, with what a row keeps of it."""
    told = sorted(events(7, MARKET_MS), key=lambda event: event.seen_at_ms)
    end_ms = told[0].seen_at_ms + MARKET_MS
    return [event for event in told if event.seen_at_ms < end_ms]


def first_of_its_moment(told: list[LaunchpadEvent], place: int) -> int:
    return next(number for number, event in enumerate(told) if event.seen_at_ms == told[place].seen_at_ms)


async def lived(told: list[LaunchpadEvent], middle: int) -> AnalysisBook:
    """One life, which looks at all tokens when the first of two lives ends, and when the second one has recalled it."""
    book = AnalysisBook()
    for place, event in enumerate(told):
        if place in (middle, middle + MEANWHILE):
            await book.refresh(event.seen_at_ms)
        if isinstance(event, TokenLaunch):
            book.launched(event)
        else:
            book.traded(event)
    return book


async def seen_alike(one: AnalysisBook, other: AnalysisBook, mints: set[str], at_ms: int) -> int:
    """How many tokens both know, all of them measured alike."""
    for book in (one, other):
        await book.refresh(at_ms)
    both = [mint for mint in sorted(mints) if one.of(mint) and other.of(mint)]
    # As text, because unknown is NaN, which is not even like itself.
    assert [repr(one.analysis(mint, at_ms)) for mint in both] == [repr(other.analysis(mint, at_ms)) for mint in both]
    assert len(one) == len(other) == len(both)
    return len(both)


@pytest.mark.parametrize("kind", ["memory", "open", "packed"])
async def test_contract_a_book_that_recalls_a_recording_measures_as_one_that_lived_through_it(
    kind: str, tmp_path: Path
) -> None:
    told = market()
    middle, end_ms = first_of_its_moment(told, len(told) // 2), told[-1].seen_at_ms + 1
    mints = {event.mint for event in told}
    with trio.fail_after(DEADLINE_S):
        if kind == "memory":
            book = await _begun_anew(MemoryRecording(), told, middle)
        else:
            async with open_recording(tmp_path, KEEP) as recording:
                book = await _begun_anew(recording, told, middle, packs=kind == "packed")
            assert bool(Layout(tmp_path).parquet()) is (kind == "packed")
        whole = await lived(told, middle)
        assert await seen_alike(book, whole, mints, end_ms) > 50
    creators = {event.creator for event in told if isinstance(event, TokenLaunch)}
    assert known(book, creators) == known(whole, creators)
    assert max(past.launches for past in known(book, creators).values()) > 1


def known(book: AnalysisBook, creators: set[str]) -> dict[str, object]:
    return {creator: past for creator, past in book._creators.known() if creator in creators}


async def _begun_anew(
    recording: MarketRecording, told: list[LaunchpadEvent], middle: int, *, packs: bool = False
) -> AnalysisBook:
    """The book of a second life: what came before `middle` is on the disk, and some of the rest comes while that is read."""
    await recording.append([*told[:middle], snapshot()], told[0].seen_at_ms)
    if packs:
        await recording.tidy(told[middle].seen_at_ms + 100 * KEEP.roll_ms)
    book = AnalysisBook()
    book.expect_past()
    soon = middle + MEANWHILE
    for event in told[middle:soon]:
        book.launched(event) if isinstance(event, TokenLaunch) else book.traded(event)
    await book.recall(await recording.past(told[middle].seen_at_ms))
    await book.refresh(told[soon].seen_at_ms)
    for event in told[soon:]:
        book.launched(event) if isinstance(event, TokenLaunch) else book.traded(event)
    return book


async def test_what_is_older_than_a_day_is_not_recalled(tmp_path: Path) -> None:
    told = market()[:100]
    with trio.fail_after(DEADLINE_S):
        async with open_recording(tmp_path, KEEP) as recording:
            for one in (recording, MemoryRecording()):
                await one.append(told, told[0].seen_at_ms)
                assert await one.past(told[-1].seen_at_ms + PAST_MS + 1) == PastMarket()
            assert (await one.past(told[0].seen_at_ms + PAST_MS)).creators


async def test_a_recording_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with trio.fail_after(DEADLINE_S):
        async with open_recording(tmp_path, KEEP) as recording:
            await recording.append(market()[:3], 1)
            (segment,) = Layout(tmp_path).left_open()
            segment.unlink()
            segment.mkdir()
            with pytest.raises(RecordingUnavailable, match="past"):
                await recording.past(PAST_MS)


async def test_of_all_tokens_those_with_the_newest_trades_are_recalled(monkeypatch: pytest.MonkeyPatch) -> None:
    told = market()
    monkeypatch.setattr("bot.execution.past_market.TRADES_MAX", 100)
    past = await past_of(told, told[-1].seen_at_ms + 1)
    newest = told[-1]
    assert isinstance(newest, CurveTrade)
    assert sum(len(token.trades) for token in past.tokens) <= 100
    assert newest in past.tokens[-1].trades


def test_creators_of_before_are_older_than_those_who_launched_since() -> None:
    before, since = CreatorBook(), CreatorBook()
    one = next(event for event in market() if isinstance(event, TokenLaunch))
    for creator in ("a", "b"):
        before.launched(replace(one, creator=creator))
    for creator in ("c", "a"):
        since.launched(replace(one, creator=creator))
    since.recall(before.known())
    assert [(creator, past.launches) for creator, past in since.known()] == [("b", 1), ("c", 1), ("a", 2)]
