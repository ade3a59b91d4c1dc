"""Rings of objects go soon after they were dropped, what lives is looked at once, and old rings go when memory has doubled."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from bot import garbage


class Ring:
    """An object that refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """The collector as it is in the bot, for one test."""
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    garbage.relax_collector()
    garbage.relax_collector()  # a second time changes nothing
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks
    gc.enable()


def ring_dropped() -> weakref.ref[Ring]:
    return weakref.ref(Ring())


async def test_a_ring_goes_soon_after_it_was_dropped(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(garbage.collect_often)
        ring = ring_dropped()
        await trio.sleep(0.5)
        assert ring() is None
        nursery.cancel_scope.cancel()


async def test_what_lives_is_set_aside_and_looked_at_no_more(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(garbage.collect_often)
        living = [Ring() for _ in range(100)]
        await trio.sleep(0.5)
        looked_at = {id(one) for generation in range(3) for one in gc.get_objects(generation)}
        assert not looked_at & {id(one) for one in living}
        nursery.cancel_scope.cancel()


async def test_a_ring_that_outlived_a_look_goes_when_memory_has_doubled(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "STARTS_WITHIN_S", 5.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(garbage.collect_often)
        living = Ring()
        old = weakref.ref(living)
        await trio.sleep(0.5)
        del living
        await trio.sleep(60)
        assert old() is not None, "nobody looks at what was set aside"
        monkeypatch.setattr(garbage, "GROWTH", 0.5)
        await trio.sleep(15)
        assert old() is None
        nursery.cancel_scope.cancel()


async def test_nothing_is_looked_at_while_there_is_no_time_for_it(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(garbage.collect_often)
        garbage.pause_collector()
        ring = ring_dropped()
        await trio.sleep(60)
        assert ring() is not None
        garbage.resume_collector()
        await trio.sleep(0.5)
        assert ring() is None
        nursery.cancel_scope.cancel()
