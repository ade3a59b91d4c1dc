"""A fill follows from the chain's evidence alone, and its legs add up to nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.fill import EvidenceError, Fill, LandedTransaction, TradeEvidence, fill_from
from bot.trading.intent import Side
from bot.trading.ledger import Account, legs_of_failed, legs_of_fill
from tests.trading.trading_samples import fills

sides = st.sampled_from(list(Side))


@st.composite
def proven(draw: st.DrawFn) -> Fill:
    return draw(fills(draw(sides), draw(st.integers(1, 10**15))))


def evidence(fill: Fill) -> LandedTransaction:
    """What the chain shows of a transaction that made this fill."""
    is_buy = fill.side is Side.BUY
    return LandedTransaction(
        signature=fill.signature,
        slot=fill.slot,
        block_time_s=fill.block_time_s,
        error=None,
        program_error=None,
        network_fee_lamports=fill.network_fee_lamports,
        wallet_delta_lamports=fill.wallet_delta_lamports,
        token_delta_raw=fill.token_raw if is_buy else -fill.token_raw,
        rent_delta_lamports=fill.rent_lamports,
        trade=TradeEvidence(
            is_buy=is_buy,
            token_raw=fill.token_raw,
            quote_lamports=fill.quote_lamports,
            protocol_fee_lamports=fill.protocol_fee_lamports,
            creator_fee_lamports=fill.creator_fee_lamports,
        ),
    )


@given(fill=proven())
def test_the_fill_is_what_the_chain_shows(fill: Fill) -> None:
    assert fill_from(evidence(fill), fill.side) == fill


@given(fill=proven())
def test_the_legs_of_a_fill_sum_to_zero_and_the_wallet_has_its_delta(fill: Fill) -> None:
    legs = legs_of_fill(fill)
    by_account = {leg.account: leg.lamports for leg in legs}
    assert sum(by_account.values()) == 0
    assert by_account.get(Account.WALLET, 0) == fill.wallet_delta_lamports
    assert all(leg.lamports for leg in legs)
    assert max(Counter(leg.account for leg in legs).values(), default=0) <= 1


@given(fill=proven())
def test_cost_and_proceeds_leave_the_refundable_rent_out(fill: Fill) -> None:
    fees = fill.protocol_fee_lamports + fill.creator_fee_lamports + fill.network_fee_lamports + fill.other_lamports
    if fill.side is Side.BUY:
        assert fill.cost_lamports == fill.quote_lamports + fees
    else:
        assert fill.proceeds_lamports == fill.quote_lamports - fees


@given(fill=proven(), unexplained=st.integers(1, 10**12))
def test_lamports_that_nothing_explains_are_no_fill(fill: Fill, unexplained: int) -> None:
    landed = evidence(fill)
    richer = replace(landed, wallet_delta_lamports=landed.wallet_delta_lamports + fill.other_lamports + unexplained)
    with pytest.raises(EvidenceError, match=f"left {unexplained} lamports more"):
        fill_from(richer, fill.side)


@given(fill=proven(), off=st.integers(1, 10**15))
def test_tokens_that_do_not_match_the_event_are_no_fill(fill: Fill, off: int) -> None:
    landed = evidence(fill)
    for token_delta_raw in (landed.token_delta_raw + off, landed.token_delta_raw - off, -landed.token_delta_raw, 0):
        with pytest.raises(EvidenceError, match="moved"):
            fill_from(replace(landed, token_delta_raw=token_delta_raw), fill.side)


@given(fill=proven())
def test_the_other_side_of_an_event_is_no_fill(fill: Fill) -> None:
    asked = Side.SELL if fill.side is Side.BUY else Side.BUY
    with pytest.raises(EvidenceError, match="not the"):
        fill_from(evidence(fill), asked)


@given(fill=proven())
def test_a_failed_transaction_and_one_without_a_trade_are_no_fill(fill: Fill) -> None:
    landed = evidence(fill)
    for shown in (replace(landed, error="InstructionError", program_error=6002), replace(landed, trade=None)):
        with pytest.raises(EvidenceError, match="shows no trade"):
            fill_from(shown, fill.side)


@given(fee=st.integers(1, 10**9))
def test_a_failed_transaction_costs_its_network_fee_and_no_more(fee: int) -> None:
    legs = legs_of_failed(fee)
    assert sum(leg.lamports for leg in legs) == 0
    assert {leg.account: leg.lamports for leg in legs} == {Account.WALLET: -fee, Account.NETWORK_FEE: fee}
