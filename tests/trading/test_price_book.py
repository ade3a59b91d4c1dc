"""The order in which old prices are read again, against a list that is sorted anew each time."""

from __future__ import annotations

from contextlib import AbstractContextManager

import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.execution.price_book import PriceBook
from bot.ports import PricePoint
from bot.trading.curve import Curve

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
