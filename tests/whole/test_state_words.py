"""The short words of a state's sentence."""

from __future__ import annotations

from bot.state_words import WHY_LENGTH, shortened


def test_a_long_reason_ends_with_a_whole_word() -> None:
    why = "orders of 3 coins among the latest 5 orders there failed with errors that are not known here (36)"
    told = shortened(why)
    assert told == "orders of 3 coins among the latest 5 orders..."
    assert len(told) <= WHY_LENGTH
    assert shortened("x" * 200) == "x" * (WHY_LENGTH - 3) + "..."
    assert shortened("no words are lost") == "no words are lost"
