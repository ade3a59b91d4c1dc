"""How much may be withdrawn, and what a landed transaction must show to be one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.fill import EvidenceError, LandedTransaction
from bot.trading.intent import SWEEP, Context, Mode, Protection, Side, TradeRequest
from bot.trading.ledger import Account, Leg, legs_of_withdrawal
from bot.trading.risk_gate import LEAST_BALANCE_LAMPORTS, kept_for_exits
from bot.trading.withdrawal import FEE_LAMPORTS, check_withdrawn, refuse_withdrawal, withdrawable_lamports

LAMPORTS = st.integers(0, 10**12)
LANDED = LandedTransaction(
    signature="s",
    slot=7,
    block_time_s=1,
    error=None,
    program_error=None,
    network_fee_lamports=25_000,
    wallet_delta_lamports=-1_025_000,
    token_delta_raw=0,
    rent_delta_lamports=0,
    trade=None,
    tip_lamports=1_000_000,
)


@given(LAMPORTS, LAMPORTS, st.integers(0, 50), st.integers(1, 10**12))
def test_what_others_need_stays_and_the_network_takes_what_is_left(
    wallet: int, reserved: int, positions: int, asked: int
) -> None:
    refused = refuse_withdrawal(asked, wallet_lamports=wallet, reserved_lamports=reserved, open_positions=positions)
    left = wallet - asked - FEE_LAMPORTS
    if refused is not None:
        assert left < reserved + (kept_for_exits(positions) if positions else 0) or 0 < left < LEAST_BALANCE_LAMPORTS
        return
    assert left >= reserved
    if positions:
        assert left >= reserved + kept_for_exits(positions)
    elif not reserved:
        assert left == 0 or left >= LEAST_BALANCE_LAMPORTS


@given(LAMPORTS, LAMPORTS, st.integers(0, 50))
def test_all_that_may_leave_is_never_refused(wallet: int, reserved: int, positions: int) -> None:
    most = withdrawable_lamports(wallet, reserved, positions)
    known: dict[str, int] = {"wallet_lamports": wallet, "reserved_lamports": reserved, "open_positions": positions}
    if most > 0:
        assert refuse_withdrawal(most, **known) is None
    refused = refuse_withdrawal(max(most, 0) + 1, **known)
    assert refused is not None
    assert refused.code == "funds"


def test_a_refusal_says_what_is_kept_for_what() -> None:
    refused = refuse_withdrawal(10**9, wallet_lamports=10**9, reserved_lamports=10**8, open_positions=2)
    assert refused is not None
    assert "0.1 SOL for orders on their way and" in refused.reason
    assert "for the exits of 2 positions are kept" in refused.reason


@pytest.mark.parametrize(
    "changes",
    [
        {"error": "it failed"},
        {"wallet_delta_lamports": -1_025_001},
        {"wallet_delta_lamports": -1_000_000},
        {"token_delta_raw": -1},
        {"closed": {"M": 5}},
    ],
)
def test_only_just_this_and_its_fee_is_a_withdrawal(changes: dict[str, Any]) -> None:
    asked = request(spend_lamports=1_000_000)
    check_withdrawn(LANDED, asked)
    with pytest.raises(EvidenceError):
        check_withdrawn(replace(LANDED, **changes), asked)


# The receiver's account was opened for 2,039,280, and the wallet's own was closed with 2,074,080 in it.
SWEPT = replace(
    LANDED,
    wallet_delta_lamports=-25_000 - 2_039_280 + 2_074_080,
    rent_delta_lamports=-2_074_080,
    token_delta_raw=-7,
    closed={"M": 2_074_080},
)


@pytest.mark.parametrize(
    "changes",
    [
        {"error": "it failed"},
        {"token_delta_raw": -6},
        {"token_delta_raw": 0},
        {"wallet_delta_lamports": -25_000 - 5_000_000 + 2_074_080},
        {"wallet_delta_lamports": 2_074_080},
        {"closed": {"M": 2_074_080, "N": 5}},
    ],
)
def test_a_swept_token_takes_the_account_that_receives_it_and_brings_back_its_own(changes: dict[str, Any]) -> None:
    asked = request(reason=SWEEP, mint="M", spend_lamports=0, token_raw=7)
    check_withdrawn(SWEPT, asked)
    kept = replace(SWEPT, wallet_delta_lamports=-25_000, rent_delta_lamports=0, closed={})
    check_withdrawn(kept, asked)
    with pytest.raises(EvidenceError):
        check_withdrawn(replace(SWEPT, **changes), asked)
    assert legs_of_withdrawal(SWEPT) == (
        Leg(Account.WALLET, 9_800),
        Leg(Account.NETWORK_FEE, 5_000),
        Leg(Account.PRIORITY_FEE, 20_000),
        Leg(Account.RENT, -2_074_080),
        Leg(Account.OUTSIDE, 2_039_280),
    )


def test_its_legs_say_what_went_out_and_what_it_cost() -> None:
    assert legs_of_withdrawal(LANDED) == (
        Leg(Account.WALLET, -1_025_000),
        Leg(Account.NETWORK_FEE, 5_000),
        Leg(Account.PRIORITY_FEE, 20_000),
        Leg(Account.OUTSIDE, 1_000_000),
    )


def request(**changes: Any) -> TradeRequest:
    known: dict[str, Any] = {"side": Side.WITHDRAW, "mint": "", "spend_lamports": 5, "to_address": "there"}
    return TradeRequest(
        key="k",
        user_id="u",
        wallet_id="w",
        mode=Mode.LIVE,
        context=Context.MANUAL_COMMAND,
        slippage_bps=0,
        protection=Protection.OPEN,
        causation_id="k",
        **({"reason": "command"} | known | changes),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"to_address": ""},
        {"mint": "M"},
        {"spend_lamports": 0},
        {"spend_lamports": -1},
        {"share_bps": 10_000},
        {"spend_lamports": 0, "share_bps": 5_000},
        {"token_raw": 1},
        {"mint": "M", "spend_lamports": 0, "token_raw": 1},
        {"mint": "M", "reason": SWEEP},
        {"mint": "M", "reason": SWEEP, "spend_lamports": 0},
        {"mint": "M", "reason": SWEEP, "spend_lamports": 0, "token_raw": -1},
        {"mint": "M", "reason": SWEEP, "spend_lamports": 0, "token_raw": 1, "share_bps": 10_000},
        {"mint": "M", "reason": SWEEP, "spend_lamports": 0, "token_raw": 1, "min_lamports": 1},
        {"min_lamports": 1},
        {"side": Side.BUY, "mint": "M"},
        {"side": Side.CLOSE, "spend_lamports": 0, "closes": ("M",)},
    ],
)
def test_a_withdrawal_names_where_it_goes_and_how_much(changes: dict[str, Any]) -> None:
    assert request().to_address == "there"
    assert request(spend_lamports=0, share_bps=10_000).share_bps == 10_000
    assert request(reason=SWEEP, mint="M", spend_lamports=0, share_bps=10_000).is_sweep
    assert request(reason=SWEEP, mint="M", spend_lamports=0, token_raw=1).is_sweep
    with pytest.raises(ValueError, match=r"withdrawal|nothing else|closing"):
        request(**changes)
