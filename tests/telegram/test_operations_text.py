"""What the chat shows of the log: one message, nothing to tap on, nothing secret, and what repeats once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.telegram.gateway_cards import MAX_UNITS, units
from bot.telegram.operations_text import log_text
from tests.leaks.detect import MARK

KEY = "4wBqpZM9xaSheZzJSMawUKKwhdpChKbZ5eu5ky4Vigw2mYGkLCmHZTnrBXt5ZVpnRKbTgXDGCu1nB6ovLqDkcEcH"


def event(name: str = "something", level: str = "warning", **fields: Any) -> dict[str, Any]:
    return {"event": name, "level": level, "timestamp": "2026-11-22T09:08:07.123Z", **fields}


@pytest.mark.parametrize(
    "said",
    [
        f"POST https://user:{MARK}@host.example/",
        f"https://host.example/v2/{MARK}?api-key={MARK}",
        f"https://host.example?x={MARK}",
        f"refused bot123456:AA{MARK}BBBBBBBBBB",
        KEY,
        f"[{', '.join(str(number) for number in range(64))}]",
    ],
)
def test_what_has_the_shape_of_a_secret_is_left_out(said: str) -> None:
    told = log_text([event(reason=said)], errors_only=False)
    assert "(left out)" in told
    assert MARK not in told
    assert KEY not in told
    assert "11, 12" not in told


def test_what_repeats_is_told_once_with_its_count_and_a_crash_says_where_its_traceback_is() -> None:
    events = [event(), event(), event(), event("crash", "error", exc_info=True), event()]
    assert log_text(events, errors_only=False).splitlines()[1:] == [
        "09:08:07 warning something (3 times)",
        "09:08:07 ERROR crash its traceback is in the log",
        "09:08:07 warning something",
    ]
    assert log_text(events, errors_only=True).splitlines()[1:] == ["09:08:07 ERROR crash its traceback is in the log"]
    assert log_text([], errors_only=False) == "No warning and no error has been logged since this process began."


@given(st.lists(st.tuples(st.text(max_size=400), st.text(max_size=9_000)), max_size=60))
def test_it_is_one_message_of_one_line_for_each(said: list[tuple[str, str]]) -> None:
    told = log_text([event(name, reason=reason) for name, reason in said], errors_only=False)
    assert units(told) <= MAX_UNITS
    assert len(told.splitlines()) <= len(said) + 1


def test_the_newest_is_always_there() -> None:
    told = log_text([event(str(number), reason="x" * 5_000) for number in range(200)], errors_only=False)
    assert " 199 " in told.splitlines()[-1]
