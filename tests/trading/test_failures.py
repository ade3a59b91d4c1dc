"""What users read of a failed order: words, and never an address, an exception's name or the chain's JSON."""

from __future__ import annotations

import pytest

from bot.errors import BotError, ChainUnavailable, Conflict, DecodeError, KeyUnavailable, SendRejected
from bot.trading.failures import (
    LAUNCHPAD_ERRORS,
    NOT_ENOUGH,
    TOKEN_ERRORS,
    after_failed_sale,
    order_failure,
    program_failure,
)

RAW = '127.0.0.1:40311: RemoteProtocolError {"InstructionError":[3,{"Custom":6042}]}'


@pytest.mark.parametrize(
    "error",
    [
        ChainUnavailable(RAW),
        Conflict(RAW),
        DecodeError(RAW),
        KeyUnavailable(RAW),
        SendRejected("simulation", RAW),
        SendRejected("simulation", RAW, program_error=6042),
        SendRejected("expired", RAW),
        SendRejected("invalid", RAW),
    ],
)
def test_a_failure_is_told_without_its_raw_text(error: BotError) -> None:
    told = order_failure(error)
    assert told
    for raw in ("127.0.0.1", "Error", "{", "6042"):
        assert raw not in told


def test_an_error_that_was_written_for_people_keeps_its_words() -> None:
    assert order_failure(BotError("the curve is complete")) == "the curve is complete"


def test_every_code_has_words_and_an_unknown_one_is_named_by_its_number() -> None:
    assert all(program_failure(code) == words for code, (_, words) in LAUNCHPAD_ERRORS.items())
    assert "enough" in program_failure(NOT_ENOUGH)
    assert "6047" in program_failure(6047)
    assert all(program_failure(code) == words for code, words in TOKEN_ERRORS.items())
    assert "nobody can sell it" in after_failed_sale(36)
    assert program_failure(None)
