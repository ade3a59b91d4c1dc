"""Which log lines and inner instructions count as the launchpad's own events, and which never do."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from bot.chain import addresses as at
from bot.chain import layouts
from bot.chain.pumpfun import (
    InnerInstruction,
    curve_from,
    events_in_instructions,
    events_in_logs,
    launchpad_events,
)
from bot.errors import DecodeError

PUMP = str(at.PUMP_PROGRAM)
OTHER = str(Pubkey(bytes([7]) * 32))
MINT, USER, CREATOR = (Pubkey(bytes([number]) * 32) for number in (1, 2, 3))


def _numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little") for value in values)


TRADE = (
    layouts.TRADE_EVENT + bytes(MINT) + _numbers(10, 20) + b"\x01" + bytes(USER) + _numbers(0, 31, 41, 11, 21)
    + bytes(USER) + _numbers(95, 1) + bytes(CREATOR) + _numbers(30, 1)
)  # fmt: skip
DATA = "Program data: " + base64.b64encode(TRADE).decode()


def _inside(program: str, *lines: str, depth: int = 1) -> list[str]:
    return [f"Program {program} invoke [{depth}]", *lines, f"Program {program} success"]


def test_an_event_of_the_launchpad_counts() -> None:
    logged = events_in_logs(_inside(PUMP, "Program log: Instruction: BuyV2", DATA))
    assert (logged.payloads, logged.truncated) == ((TRADE,), False)


def test_the_same_bytes_from_another_program_do_not_count() -> None:
    assert events_in_logs(_inside(OTHER, DATA)).payloads == ()


def test_another_program_below_the_launchpad_cannot_speak_for_it() -> None:
    logs = _inside(PUMP, *_inside(OTHER, DATA, depth=2))
    assert events_in_logs(logs).payloads == ()


def test_the_launchpad_below_a_router_counts_before_and_after_its_own_calls() -> None:
    logs = _inside(OTHER, *_inside(PUMP, DATA, *_inside(OTHER, depth=3), DATA, depth=2), DATA)
    assert events_in_logs(logs).payloads == (TRADE, TRADE)


def test_a_programs_text_cannot_forge_a_line() -> None:
    logs = _inside(OTHER, f"Program log: Program {PUMP} invoke [2]", f"Program log: {DATA}", DATA)
    assert events_in_logs(logs).payloads == ()


def test_after_a_cut_nothing_is_believed() -> None:
    """The line that left the launchpad may have been dropped while a short data line of another program still fitted."""
    logs = [f"Program {PUMP} invoke [1]", DATA, "Log truncated", DATA]
    logged = events_in_logs(logs)
    assert (logged.payloads, logged.truncated) == ((TRADE,), True)


@pytest.mark.parametrize(
    "logs",
    [
        [f"Program {PUMP} success"],
        [f"Program {PUMP} invoke [2]"],
        [f"Program {PUMP} invoke [1]", f"Program {OTHER} success"],
        _inside(PUMP, "Program data: not base64!"),
    ],
)
def test_lines_that_do_not_nest_are_refused(logs: list[str]) -> None:
    with pytest.raises(DecodeError):
        events_in_logs(logs)


@given(
    st.lists(
        st.one_of(
            st.text(max_size=60),
            st.sampled_from([DATA, "Log truncated", f"Program {PUMP} success", f"Program {OTHER} failed: no"]),
            st.builds(lambda depth: f"Program {PUMP} invoke [{depth}]", st.integers(0, 5)),
            st.binary(max_size=90).map(lambda data: "Program data: " + base64.b64encode(data).decode()),
        ),
        max_size=12,
    )
)
def test_any_log_is_read_or_refused(logs: list[str]) -> None:
    try:
        payloads = events_in_logs(logs).payloads
        launchpad_events(payloads, signature="s", slot=1, seen_at_ms=1)
    except DecodeError as error:
        assert str(error)


def _call(program: str, data: bytes, *accounts: str) -> InnerInstruction:
    return InnerInstruction(program, accounts, data)


def test_an_event_call_counts_only_from_the_launchpad_to_itself() -> None:
    authority = str(at.EVENT_AUTHORITY)
    calls = [
        _call(PUMP, layouts.EVENT_CPI + TRADE, authority),
        _call(OTHER, layouts.EVENT_CPI + TRADE, authority),
        _call(PUMP, layouts.EVENT_CPI + TRADE, OTHER),
        _call(PUMP, layouts.EVENT_CPI + TRADE),
        _call(PUMP, TRADE, authority),
    ]
    assert events_in_instructions(calls) == (TRADE,)


def test_a_trade_carries_the_reserves_right_after_it() -> None:
    (trade,) = launchpad_events([TRADE], signature="sig", slot=9, seen_at_ms=5)
    assert (trade.mint, trade.trader, trade.signature, trade.slot, trade.seen_at_ms) == (
        str(MINT), str(USER), "sig", 9, 5,
    )  # fmt: skip
    curve = trade.curve
    assert (curve.virtual_quote_lamports, curve.virtual_token_raw) == (31, 41)
    assert (curve.real_quote_lamports, curve.real_token_raw) == (11, 21)
    assert (curve.creator, curve.slot, curve.complete) == (str(CREATOR), 9, False)


def test_the_trade_that_empties_a_curve_completes_it() -> None:
    emptied = TRADE[:121] + _numbers(0) + TRADE[129:]
    (trade,) = launchpad_events([emptied], signature="s", slot=1, seen_at_ms=1)
    assert trade.curve.complete


def test_events_that_are_neither_launch_nor_trade_are_left_out() -> None:
    assert launchpad_events([bytes(200), b"", b"\x01"], signature="s", slot=1, seen_at_ms=1) == []


def test_a_trade_that_is_cut_short_is_refused() -> None:
    with pytest.raises(DecodeError):
        launchpad_events([TRADE[:128]], signature="s", slot=1, seen_at_ms=1)


def _account(**changes: object) -> layouts.CurveAccount:
    values = {
        "virtual_token_raw": 1, "virtual_quote_raw": 2, "real_token_raw": 3, "real_quote_raw": 4, "complete": False,
        "creator": CREATOR, "is_mayhem": False, "quote_mint": at.ZERO_KEY,
    }  # fmt: skip
    return layouts.CurveAccount(**{**values, **changes})


def test_a_curve_in_another_currency_is_refused() -> None:
    with pytest.raises(DecodeError, match="only SOL"):
        curve_from(_account(quote_mint=MINT), 1)


def test_a_coin_quoted_in_wrapped_sol_is_quoted_in_sol() -> None:
    assert curve_from(_account(quote_mint=at.WRAPPED_SOL_MINT), 1).virtual_quote_lamports == 2


def test_a_curve_that_was_emptied_by_its_migration_is_complete_and_an_open_one_is_refused() -> None:
    assert curve_from(_account(virtual_token_raw=0, complete=True), 1).complete
    with pytest.raises(DecodeError):
        curve_from(_account(virtual_token_raw=0), 1)
