"""Up to where a connection has told everything: never further than the slots that are told whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.chain.stream_gap import COMPLETE_BEHIND_SLOTS, OPEN_SLOTS_MAX, ToldUpTo


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), max_size=80))
def test_a_mark_stands_behind_the_newest_slot_and_never_goes_back(turns: list[tuple[bool, int]]) -> None:
    told, newest, before = ToldUpTo(), 0, 0
    for number, (is_transaction, slot) in enumerate(turns):
        newest = max(newest, slot)
        told.reached(slot)
        if is_transaction:
            told.told(f"{number}", slot)
        assert told.proven is None or before <= told.proven[1] <= newest - COMPLETE_BEHIND_SLOTS
        before = 0 if told.proven is None else told.proven[1]


def test_where_no_slot_is_told_whole_it_begins_with_the_first_that_was_told() -> None:
    told = ToldUpTo()
    assert told.mark is None
    told.told("b", 9)
    told.told("a", 8)
    told.told("c", 8)
    assert told.mark == ("a", 8)


def test_what_the_connections_before_told_whole_counts_for_the_next_one() -> None:
    told = ToldUpTo(("old", 5))
    told.told("a", 8)
    assert told.mark == ("old", 5)
    told.reached(10)
    assert told.mark == ("a", 8)


def test_slots_that_never_become_complete_are_bounded() -> None:
    told = ToldUpTo()
    for slot in range(10 * OPEN_SLOTS_MAX):
        told.told("a", slot)
    assert len(told._open) == OPEN_SLOTS_MAX
