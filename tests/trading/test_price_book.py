"""The order in which old prices are read again, against a list that is sorted anew each time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.execution.price_book import PriceBook
from bot.execution.sleepers import Sleeper
from bot.ports import PricePoint
from bot.trading.curve import Curve
from bot.trading.curve_line import CurveLine, Stretch
from bot.trading.venue import told_by

MINTS = ["a", "b", "c", "d", "e"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["watch", "let go", "follow", "push", "doubt"]), st.sampled_from(MINTS), st.integers(1, 2_000)
    ),
    max_size=60,
)


def _point(seen_at_ms: int, slot: int) -> PricePoint:
    return PricePoint(Curve(1_073_000_000_000_000, 30_000_000_000, 1, 0, False, "Creator", slot), seen_at_ms)


@given(STEPS, st.integers(0, 2_200))
def test_old_prices_are_told_in_the_order_in_which_they_are_to_be_read(
    steps: list[tuple[str, str, int]], before_ms: int
) -> None:
    async def main() -> None:
        book = PriceBook()
        watching: dict[str, AbstractContextManager[None]] = {}
        seen_ms: dict[str, int] = {}
        doubted: set[str] = set()
        for slot, (what, mint, at_ms) in enumerate(steps):
            if what == "watch" and mint not in watching:
                watching[mint] = book.watching(mint)
                watching[mint].__enter__()
                seen_ms[mint] = 0
                doubted.discard(mint)
            elif what == "let go" and mint in watching:
                watching.pop(mint).__exit__(None, None, None)
            elif what == "follow":
                book.follow(mint)
            elif what == "push":
                book.push(mint, _point(at_ms, slot))
                seen_ms[mint] = at_ms
                doubted.discard(mint)
            elif what == "doubt":
                book.doubt(mint)
                doubted |= {mint} & watching.keys()
        stale = {
            mint: (mint not in doubted, seen_ms[mint])
            for mint in watching
            if mint in doubted or seen_ms[mint] == 0 or seen_ms[mint] < before_ms
        }
        told = book.older_than(before_ms)
        assert sorted(told) == sorted(stale)
        assert [stale[mint] for mint in told] == sorted(stale.values())
        await trio.lowlevel.checkpoint()

    trio.run(main, clock=MockClock())


async def test_what_two_told_counts_where_it_still_stands_and_takes_nothing_newer_away(
    autojump_clock: MockClock,
) -> None:
    book = PriceBook()

    def told(lamports: int, slot: int, by: str) -> PricePoint:
        return PricePoint(Curve(10**15, lamports, 1, 0, False, "Creator", slot, by), 1_000 + slot)

    with book.watching("a"):
        book.push("a", told(1, 7, "one"))
        book.push("a", told(2, 7, "one"))
        book.bear_out("a", told(1, 7, ""))
        assert book.latest("a") == told(2, 7, "one")
        assert book.told_by_all("a") == told(1, 7, "").venue
        assert book.older_than(2_000) == ["a"]
        book.bear_out("a", told(2, 7, ""))
        point = book.latest("a")
        assert point is not None
        assert told_by(point.venue) == ""
        assert book.older_than(1_000) == []
        book.bear_out("a", told(3, 8, ""))
        assert book.latest("a") == told(3, 8, "")


async def test_a_price_of_one_stream_alone_is_read_again_and_gives_way_to_the_read_once_it_is_old(
    autojump_clock: MockClock,
) -> None:
    book = PriceBook()

    def told(slot: int, at_ms: int, by: str) -> PricePoint:
        return PricePoint(Curve(10**15, slot, 1, 0, False, "Creator", slot, by), at_ms)

    with book.watching("a"):
        book.push("a", told(7, 10_000, "two"), outlives_ms=3_000)
        for at_ms in range(10_500, 13_500, 500):
            book.push("a", told(30 + at_ms, at_ms, "one"))
            assert book.older_than(12_000) == ["a"]
            book.push("a", told(8, at_ms, "two"), outlives_ms=3_000)
            assert book.latest("a") != told(8, at_ms, "two")
        book.push("a", told(8, 13_500, "two"), outlives_ms=3_000)
        assert book.latest("a") == told(8, 13_500, "two")
        assert book.otherwise("a", "two", 0) is None


def _state(lamports: int, slot: int, by: str = "") -> PricePoint:
    return PricePoint(Curve(10**15, lamports, 1, 0, False, "Creator", slot, by), 1_000 + slot)


def _stands(book: PriceBook) -> tuple[int, int, str]:
    point = book.latest("a")
    assert point is not None
    assert isinstance(point.venue, Curve)
    return point.venue.slot, point.venue.virtual_quote_lamports, point.venue.told_by


async def test_the_state_of_an_account_never_brings_back_what_was_told_of_its_slot_before(
    autojump_clock: MockClock,
) -> None:
    book = PriceBook()
    book.show("a", _state(1, 5))
    with book.watching("a"):
        book.push("a", _state(30, 5, "rpc-1"))
        book.push("a", _state(20, 5, "rpc-1"))
        book.show("a", _state(30, 5, "rpc-2"))
        assert _stands(book) == (5, 20, "rpc-1"), "an earlier state of the slot, told late"
        book.show("a", _state(20, 5, "rpc-1"))
        assert _stands(book) == (5, 20, "rpc-1"), "one endpoint's word twice is one endpoint's word"
        book.show("a", _state(20, 5, "rpc-2"))
        assert _stands(book) == (5, 20, ""), "two tell it alike, one by its logs and one by the account"
        book.show("a", _state(20, 5, "rpc-1"))
        assert _stands(book) == (5, 20, "")
        book.show("a", _state(10, 5, "rpc-2"))
        assert _stands(book) == (5, 10, "rpc-2"), "a state of the slot that nobody told before is a later one"
        book.show("a", _state(40, 4, "rpc-1"))
        assert _stands(book) == (5, 10, "rpc-2")
        book.show("a", _state(50, 6, "rpc-1"))
        assert _stands(book) == (6, 50, "rpc-1")
        book.show("a", _state(30, 6, "rpc-2"))
        assert _stands(book) == (6, 30, "rpc-2"), "what was told of another slot is no earlier state of this one"
    with book.watching("a"):
        assert book.latest("a") is None


async def test_what_is_held_is_told_apart_from_what_is_only_watched(autojump_clock: MockClock) -> None:
    book = PriceBook()
    with book.watching("a"), book.watching("b", held=True), book.watching("c", held=True), book.watching("c"):
        book.push("b", _state(1, 1))
        assert [mint for mint, _ in book.held()] == ["c", "b"]
        assert [point is None for _, point in book.held()] == [True, False]
    assert book.held() == []


@dataclass(frozen=True, slots=True)
class Each:
    """Has each price weighed by a function."""

    is_wanted: Callable[[PricePoint], bool]

    def matters(self, point: PricePoint) -> bool:
        return self.is_wanted(point)

    def stretch(self, line: CurveLine, point: PricePoint) -> Stretch | None:
        return None

    def now_ms(self) -> int:
        return 0


async def test_who_waits_for_a_price_that_matters_sleeps_through_all_others(autojump_clock: MockClock) -> None:
    book, weighed = PriceBook(), list[int]()

    def matters(point: PricePoint) -> bool:
        weighed.append(point.venue.slot)
        return point.venue.slot == 3

    async with trio.open_nursery() as nursery:
        with book.watching("a"):
            nursery.start_soon(book.told, "a", None, Sleeper(Each(matters)))
            await trio.testing.wait_all_tasks_blocked()
            book.push("a", _state(30, 1))
            book.push("a", _state(31, 2))
            await trio.testing.wait_all_tasks_blocked()
            assert len(nursery.child_tasks) == 1
            book.push("a", _state(32, 3))
            await trio.testing.wait_all_tasks_blocked()
            assert not nursery.child_tasks
            book.push("a", _state(33, 4))
    assert weighed == [1, 2, 3]


async def test_a_price_that_came_while_the_last_one_was_looked_at_is_not_slept_through(
    autojump_clock: MockClock,
) -> None:
    book = PriceBook()
    with book.watching("a"):
        book.push("a", _state(30, 1))
        seen = book.latest("a")
        with trio.move_on_after(5) as unchanged:
            await book.told("a", seen, Sleeper(Each(lambda _: True)))
        assert unchanged.cancelled_caught, "what was seen is nothing new"
        book.push("a", _state(31, 2))
        with trio.fail_after(1):
            await book.told("a", seen, Sleeper(Each(lambda _: True)))


async def test_an_error_while_a_price_is_weighed_is_met_by_the_sleeper_and_not_by_who_told_it(
    autojump_clock: MockClock,
) -> None:
    book = PriceBook()
    async with trio.open_nursery() as nursery:
        with book.watching("a"):
            nursery.start_soon(book.told, "a", None, Sleeper(Each(lambda point: point.seen_at_ms < 1 // 0)))
            await trio.testing.wait_all_tasks_blocked()
            book.push("a", _state(30, 1))
            await trio.testing.wait_all_tasks_blocked()
            assert not nursery.child_tasks


async def test_whoever_sleeps_is_woken_for_what_is_known_beside_the_price(autojump_clock: MockClock) -> None:
    book = PriceBook()
    async with trio.open_nursery() as nursery:
        with book.watching("a"):
            nursery.start_soon(book.told, "a", None, Sleeper(Each(lambda _: False)))
            await trio.testing.wait_all_tasks_blocked()
            book.wake("a")
            await trio.testing.wait_all_tasks_blocked()
            assert not nursery.child_tasks
