"""What a user wants no signal of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.blacklist import ENTRIES_MAX, blacklisted, check_entries, entry_of
from bot.trading.units import AmountError
from tests.analysis.launch_samples import launch

CREATOR = "C" * 43
MINT = "M" * 44
LAUNCH = replace(launch(creator=CREATOR, mint=MINT), name="Elon Coin", symbol="ELON")


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (MINT, "you have blacklisted this token"),
        (CREATOR, "you have blacklisted its creator"),
        ("elon", "you have blacklisted the word elon"),
        ("\uff25lon", "you have blacklisted the word elon"),
        ("Coin", "you have blacklisted the word coin"),
        ("doge", None),
        ("N" * 44, None),
    ],
)
def test_a_token_its_creator_and_a_word_of_its_name_are_kept_away(typed: str, reason: str | None) -> None:
    assert blacklisted(LAUNCH, [entry_of(typed)]) == reason


def test_a_name_that_only_looks_different_is_found_all_the_same() -> None:
    assert blacklisted(replace(LAUNCH, name="E\u200bL\u200dON\u202e"), ["elon"]) is not None
    assert blacklisted(LAUNCH, []) is None


@pytest.mark.parametrize("typed", ["x", "", "\u200b\u200b", "a" * 31, "  "])
def test_what_is_no_entry_says_what_one_is(typed: str) -> None:
    with pytest.raises(AmountError, match="is no entry; it is the address"):
        entry_of(typed)


@given(st.text(max_size=40))
def test_what_is_taken_once_is_kept_as_it_is(typed: str) -> None:
    try:
        entry = entry_of(typed)
    except AmountError:
        return
    assert entry_of(entry) == entry
    check_entries([entry])


def test_a_list_has_an_end() -> None:
    with pytest.raises(ValueError, match="outside"):
        check_entries([f"word{number}" for number in range(ENTRIES_MAX + 1)])
