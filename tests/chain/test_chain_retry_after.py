"""Retry-After in its forms, and whatever else a server writes there."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.execution.retry_after import MOST_S, retry_after_s

NOON = "Sun, 06 Nov 1994 12:00:00 GMT"
NOON_MS = 784_123_200_000


@pytest.mark.parametrize(
    ("value", "told_s"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("007", 7.0),
        ("86401", MOST_S),
        ("9" * 5_000, MOST_S),
        ("Sun, 06 Nov 1994 12:01:30 GMT", 90.0),
        ("Sunday, 06-Nov-94 12:01:30 GMT", 90.0),
        ("Sun Nov  6 12:01:30 1994", 90.0),
        ("Sun, 06 Nov 1994 11:59:59 GMT", 0.0),
        ("Mon, 06 Nov 2034 12:00:00 GMT", MOST_S),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("\u0663", None),
        ("soon", None),
    ],
)
def test_a_wait_is_whole_seconds_or_a_date_of_any_form(value: str, told_s: float | None) -> None:
    assert retry_after_s(value, NOON, 0) == told_s
    assert retry_after_s(value, "", NOON_MS) == told_s


def test_a_date_is_held_against_the_clock_of_whoever_wrote_it() -> None:
    an_hour_late_ms = NOON_MS + 3_600_000
    assert retry_after_s("Sun, 06 Nov 1994 12:01:30 GMT", NOON, an_hour_late_ms) == 90.0


@given(value=st.text(max_size=40), answered_on=st.text(max_size=40))
@example(value="Sun, 06 Nov 99999999999 12:01:30 GMT", answered_on="06 Nov 1994 12:00:00 +9999999")
@example(value="0 0 0 0 0", answered_on=", ,")
def test_any_text_is_a_wait_within_a_day_or_none(value: str, answered_on: str) -> None:
    wait_s = retry_after_s(value, answered_on, NOON_MS)
    assert wait_s is None or 0 <= wait_s <= MOST_S
