"""`Retry-After` as RFC 9110 has it in section 10.2.3: whole seconds, or a date in one of its three forms. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MOST_S = 86_400.0  # who wants to be left alone for longer is asked again after a day
MOST_DIGITS = 20


def retry_after_s(value: str, answered_on: str, now_ms: int) -> float | None:
    """How many seconds the sender of this header wants to be left alone; None for a text that is neither form.

    A date is held against the sender's own clock, which is the header `Date` of the same answer, `answered_on`; where that
    is no date it is held against ours, `now_ms`. One that is over means 0.
    """
    if value.isascii() and value.isdecimal():
        return min(float(value), MOST_S) if len(value) <= MOST_DIGITS else MOST_S
    until = _date(value)
    if until is None:
        return None
    since = _date(answered_on) or datetime.fromtimestamp(now_ms / 1000, UTC)
    return min(max(0.0, (until - since).total_seconds()), MOST_S)


def _date(text: str) -> datetime | None:
    try:
        told = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):  # whatever the library makes of a text that is none
        return None
    return told.replace(tzinfo=UTC) if told.tzinfo is None else told
