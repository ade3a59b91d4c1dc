"""A fill follows from the chain's evidence alone, and its legs add up to nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.fill import EvidenceError, Fill, LandedTransaction, TradeEvidence, fill_from
from bot.trading.intent import Side
from bot.trading.ledger import (
    SIGNATURE_FEE_LAMPORTS,
    Account,
    Leg,
    at_cost,
    legs_of_failed,
    legs_of_fill,
    legs_of_lost,
    legs_of_moved,
    legs_of_outside,
)
from tests.trading.trading_samples import fills

sides = st.sampled_from((Side.BUY, Side.SELL))
amounts = st.integers(1, 10**15)


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
            lp_fee_lamports=fill.lp_fee_lamports,
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
    trading_fees = fill.protocol_fee_lamports + fill.creator_fee_lamports + fill.lp_fee_lamports
    fees = trading_fees + fill.network_fee_lamports + fill.other_lamports
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
    by_account = sums(legs_of_failed(fee))
    assert by_account[Account.WALLET] == -fee
    assert by_account[Account.NETWORK_FEE] + by_account[Account.PRIORITY_FEE] == fee
    assert by_account[Account.NETWORK_FEE] == min(fee, SIGNATURE_FEE_LAMPORTS)
    assert sum(by_account.values()) == 0


@given(buys=st.lists(st.tuples(amounts, amounts), min_size=1, max_size=4), shares=st.lists(st.integers(1, 10**15)))
def test_the_tokens_of_a_position_stand_at_cost_until_the_last_is_sold(
    buys: list[tuple[int, int]], shares: list[int]
) -> None:
    """Whatever is sold in whatever parts: cost never falls below zero, and nothing of it is left without tokens."""
    books: dict[Account, int] = defaultdict(int)
    held_raw = 0

    def book(side: Side, token_raw: int, quote_lamports: int) -> None:
        wallet = -quote_lamports if side is Side.BUY else quote_lamports
        moved = (Leg(Account.WALLET, wallet), Leg(Account.MARKET, -wallet))
        legs = at_cost(
            moved if wallet else (),  # as the legs of a fill are: one of no lamports is none
            cost_lamports=books[Account.TOKENS],
            held_raw=held_raw,
            sold_raw=token_raw if side is Side.SELL else 0,
        )
        assert sum(sums(legs).values()) == 0
        for account, lamports in sums(legs).items():
            books[account] += lamports
        assert books[Account.TOKENS] >= 0

    for token_raw, quote_lamports in buys:
        book(Side.BUY, token_raw, quote_lamports)
        held_raw += token_raw
    spent = books[Account.TOKENS]
    assert spent == sum(quote for _, quote in buys)
    for number, share_raw in enumerate([*shares, held_raw]):
        if not held_raw:
            break
        sold_raw = min(share_raw, held_raw)
        book(Side.SELL, sold_raw, 7 * number)
        held_raw -= sold_raw
    if not held_raw:
        assert books[Account.TOKENS] == 0
        assert -books[Account.RESULT] == books[Account.WALLET], "the gain is what the wallet has more than before"


@pytest.mark.parametrize(("legs_of", "account"), [(legs_of_lost, Account.LOST), (legs_of_moved, Account.MOVED)])
@given(cost=amounts, held_raw=amounts, missing_raw=amounts)
def test_tokens_that_are_gone_take_their_share_of_the_cost(
    legs_of: Callable[..., tuple[Leg, ...]], account: Account, cost: int, held_raw: int, missing_raw: int
) -> None:
    by_account = sums(legs_of(cost, held_raw=held_raw, missing_raw=missing_raw))
    assert sum(by_account.values()) == 0
    assert 0 <= by_account.get(account, 0) <= cost
    if missing_raw >= held_raw:
        assert by_account[account] == cost


@given(lamports=st.integers(-(10**15), 10**15))
def test_what_comes_from_outside_is_the_wallets_and_nobody_elses(lamports: int) -> None:
    by_account = sums(legs_of_outside(lamports))
    assert by_account.get(Account.WALLET, 0) == lamports
    assert sum(by_account.values()) == 0


def sums(legs: tuple[Leg, ...]) -> dict[Account, int]:
    """Lamports by account; no account stands twice, and none with nothing."""
    assert all(leg.lamports for leg in legs)
    assert len({leg.account for leg in legs}) == len(legs)
    return defaultdict(int, {leg.account: leg.lamports for leg in legs})
