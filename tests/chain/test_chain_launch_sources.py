"""Several sources of launches as one stream, in virtual time: who counts, who stands in, and what is told twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import pytest
import trio
from trio.testing import MockClock

from bot.chain.launch_sources import FALLBACK_AFTER_S, FRESH_S, LOOK_S, LaunchSources
from bot.chain.pumpfun import launchpad_events
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable
from bot.ports import Listener, SourceLosses
from bot.trading.launch import CurveLeft, CurveTrade, StreamEvent, ToldTwice
from tests.chain.chain_scenario import EPOCH_MS
from tests.chain.test_chain_events import TRADE

[SAMPLE] = launchpad_events([TRADE], signature="s", slot=9, seen_at_ms=0)
assert isinstance(SAMPLE, CurveTrade)


def trade(signature: str, **changes: object) -> CurveTrade:
    return replace(SAMPLE, signature=signature, **changes)


Step = float | StreamEvent | ChainUnavailable
ALIVE = 0.0
LOST = ChainUnavailable("lost")


class Scripts:
    """A source, one script for each time that it is followed; refuses when none is left.

    Its steps are seconds to wait, each ending with a sign of life, events, and what ends it.
    """

    def __init__(self, name: str, *scripts: Sequence[Step], complete: bool = True) -> None:
        self.name, self.complete = name, complete
        self.followed = 0
        self.ended = 0
        self._scripts = scripts

    def losses(self) -> SourceLosses:
        return SourceLosses(gaps=max(self.followed - 1, 0))

    async def follow(self, listener: Listener) -> NoReturn:
        await trio.lowlevel.checkpoint()
        self.followed += 1
        if self.followed > len(self._scripts):
            raise ChainUnavailable(f"{self.name}: refused")
        try:
            for step in self._scripts[self.followed - 1]:
                if isinstance(step, ChainUnavailable):
                    raise step
                if isinstance(step, float):
                    await trio.sleep(step)
                    listener.alive()
                else:
                    await listener.tell(step)
            await trio.sleep_forever()
        finally:
            self.ended += 1
        raise AssertionError


def _sources(*streams: Scripts, fallback: Scripts | None = None) -> LaunchSources:
    return LaunchSources(streams, virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1), fallback)


async def _until_lost(sources: LaunchSources) -> tuple[list[str], str]:
    seen, reason = await _events_until_lost(sources)
    return [event.signature for event in seen], reason


async def _events_until_lost(sources: LaunchSources) -> tuple[list[StreamEvent], str]:
    seen: list[StreamEvent] = []
    with pytest.raises(ChainUnavailable) as raised:
        async with sources.events() as events:
            while True:
                seen.append(await anext(events))
    return seen, str(raised.value)


def _states(sources: LaunchSources) -> dict[str, str]:
    return {one.name: one.state for one in sources.sources()}


async def test_the_first_to_tell_counts_and_the_others_repeat(autojump_clock: MockClock) -> None:
    quick = Scripts("a", [ALIVE, trade("1"), 2.0, trade("3"), LOST])
    slow = Scripts("b", [ALIVE, 1.0, trade("1"), trade("2"), 2.0, trade("3"), LOST])
    seen, told = await _until_lost(_sources(quick, slow))
    assert seen == ["1", "2", "3"]
    assert told in {"a: refused; lost", "lost; a: refused"}


async def test_two_trades_of_one_transaction_are_two_and_a_fork_tells_anew(autojump_clock: MockClock) -> None:
    other = replace(SAMPLE.curve, virtual_token_raw=SAMPLE.curve.virtual_token_raw - 1)
    events: list[Step] = [trade("1"), trade("1", curve=other), trade("1"), trade("1", slot=10), CurveLeft("m", "1", 0)]
    seen, _ = await _until_lost(
        _sources(Scripts("a", [ALIVE, *events, LOST]), Scripts("b", [ALIVE, 1.0, *events, LOST]))
    )
    assert len(seen) == 4


async def test_the_loss_of_one_source_is_no_outage_and_it_is_opened_again(autojump_clock: MockClock) -> None:
    first = Scripts("a", [ALIVE, 3.0, LOST], [ALIVE, 1.0, trade("2")])
    sources = _sources(first, Scripts("b", [ALIVE, trade("1"), *[1.0] * 20]))
    async with sources.events() as events:
        assert (await anext(events)).signature == "1"
        await trio.sleep(3.1)
        assert _states(sources) == {"a": "down", "b": "up"}
        assert (await anext(events)).signature == "2"
        assert _states(sources) == {"a": "up", "b": "up"}
    assert first.followed == 2


async def test_the_door_opens_only_when_a_source_stands(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    async with _sources(Scripts("a"), Scripts("b", [7.0])).events():
        assert trio.current_time() - began_s == 7
    with pytest.raises(ChainUnavailable, match="a: refused; b: refused"):
        async with _sources(Scripts("a"), Scripts("b")).events():
            raise AssertionError("the block was entered")


async def test_who_tells_no_trades_cannot_stand_alone(autojump_clock: MockClock) -> None:
    hints = Scripts("hints", [ALIVE, trade("1"), *[1.0] * 20], complete=False)
    sources = _sources(hints, Scripts("a", [ALIVE, 2.0, LOST]))
    assert await _until_lost(sources) == (["1"], "lost")
    assert _states(sources) == {"hints": "opening", "a": "down"}
    with pytest.raises(ValueError, match="no source"):
        _sources(Scripts("hints", complete=False))


async def test_the_last_source_stands_in_while_every_stream_is_away(autojump_clock: MockClock) -> None:
    streams = Scripts("a", [ALIVE, *[1.0] * 5, LOST], *[[9.0, LOST]] * 2, [ALIVE, trade("3"), *[1.0] * 99])
    last = Scripts("last", [ALIVE, trade("1"), 1.0, trade("2"), *[1.0] * 99])
    sources = _sources(streams, fallback=last)
    began_s = trio.current_time()
    async with sources.events() as events:
        assert _states(sources) == {"a": "up", "last": "waiting"}
        assert (await anext(events)).signature == "1"
        assert trio.current_time() - began_s == 5 + FALLBACK_AFTER_S
        assert _states(sources) == {"a": "down", "last": "up"}
        assert (await anext(events)).signature == "2"
        assert (await anext(events)).signature == "3"
        await trio.sleep(0.1)
        assert _states(sources) == {"a": "up", "last": "waiting"}
    assert (last.followed, last.ended) == (1, 1)


async def test_a_stream_that_stands_and_says_nothing_gets_somebody_beside_it(autojump_clock: MockClock) -> None:
    quiet = Scripts("a", [ALIVE, 30.0, *[1.0] * 99])
    sources = _sources(quiet, fallback=Scripts("last", [ALIVE, *[1.0] * 99]))
    async with sources.events():
        await trio.sleep(FRESH_S - 1)
        assert _states(sources) == {"a": "up", "last": "waiting"}
        await trio.sleep(FALLBACK_AFTER_S + 2 * LOOK_S + 0.1)
        assert _states(sources) == {"a": "up", "last": "up"}
        await trio.sleep(30)
        assert _states(sources) == {"a": "up", "last": "waiting"}


async def test_a_stream_that_is_back_at_once_needs_nobody_in_its_place(autojump_clock: MockClock) -> None:
    last = Scripts("last", [ALIVE])
    async with _sources(Scripts("a", [ALIVE, 5.0, LOST], [ALIVE, *[1.0] * 9]), fallback=last).events():
        await trio.sleep(10)
    assert last.followed == 0


async def test_when_the_last_source_fails_too_the_stream_is_lost(autojump_clock: MockClock) -> None:
    seen, told = await _until_lost(_sources(Scripts("a", [ALIVE, LOST]), fallback=Scripts("last", [ALIVE, 1.0, LOST])))
    assert (seen, told) == ([], "a: refused; lost")


async def test_each_source_says_how_old_its_last_sign_of_life_is(autojump_clock: MockClock) -> None:
    sources = _sources(Scripts("a", [ALIVE, 2.0]), Scripts("b"))
    assert [(one.age_s, one.since_ms) for one in sources.sources()] == [(None, 0), (None, 0)]
    async with sources.events():
        await trio.sleep(5)
        first, second = sources.sources()
    assert (first.state, first.age_s, first.since_ms) == ("up", 3, EPOCH_MS)
    assert (second.state, second.age_s, second.detail) == ("down", None, "b: refused")


def told_by(voice: str, event: CurveTrade) -> CurveTrade:
    return replace(event, curve=replace(event.curve, told_by=voice))


@pytest.mark.parametrize(
    ("first", "second", "borne_out"), [("a", "b", 1), ("a", "", 1), ("a", "a", 0), ("", "b", 0), ("", "", 0)]
)
async def test_what_two_voices_tell_alike_is_no_single_ones_word(
    autojump_clock: MockClock, first: str, second: str, borne_out: int
) -> None:
    one, other = told_by(first, trade("1")), told_by(second, trade("1", seen_at_ms=7))
    seen, _ = await _events_until_lost(
        _sources(Scripts("a", [ALIVE, one, 3.0, LOST]), Scripts("b", [ALIVE, 1.0, other, 2.0, LOST]))
    )
    twice = [event for event in seen if isinstance(event, ToldTwice)]
    assert len(seen) == 1 + borne_out
    assert [(event.event, event.event.curve.told_by, event.seen_at_ms) for event in twice] == [(one, "", 7)] * borne_out


async def test_what_two_voices_tell_otherwise_is_told_as_each_ones_word(autojump_clock: MockClock) -> None:
    true = told_by("a", trade("1"))
    false = told_by("b", trade("1", curve=replace(SAMPLE.curve, virtual_quote_lamports=1)))
    seen, _ = await _events_until_lost(
        _sources(Scripts("a", [ALIVE, true, 3.0, LOST]), Scripts("b", [ALIVE, 1.0, false, 2.0, LOST]))
    )
    assert seen == [true, false]
