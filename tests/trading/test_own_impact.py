"""Orders of play money at a curve that has not felt them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.chain.paper_order import PaperOrder
from bot.chain.paper_rules import Purse, carry_out
from bot.trading.curve import (
    INITIAL_REAL_TOKEN_RAW,
    INITIAL_VIRTUAL_QUOTE_LAMPORTS,
    INITIAL_VIRTUAL_TOKEN_RAW,
    Curve,
    Fees,
)
from bot.trading.intent import Mode
from bot.trading.own_impact import as_met, with_own
from bot.trading.units import LAMPORTS_PER_SOL

START_LAMPORTS = 1_000 * LAMPORTS_PER_SOL
FRESH = Curve(
    INITIAL_VIRTUAL_TOKEN_RAW, INITIAL_VIRTUAL_QUOTE_LAMPORTS, INITIAL_REAL_TOKEN_RAW, 0, False, "Creator", slot=1
)


def paper_buy(spend_lamports: int) -> PaperOrder:
    return PaperOrder(
        address="wallet",
        mint="mint",
        is_buy=True,
        spend_lamports=spend_lamports,
        token_raw=0,
        limit_raw=0,
        network_fee_lamports=5_000,
        tip_lamports=0,
        blockhash="hash",
        last_valid_block_height=150,
        nonce="1",
    )


@given(
    spent=st.lists(st.integers(10_000_000, 5 * LAMPORTS_PER_SOL), min_size=1, max_size=4),
    others_raw=st.integers(0, INITIAL_REAL_TOKEN_RAW // 2),
)
def test_play_money_that_is_spent_and_taken_back_while_nobody_trades_is_never_more(
    spent: list[int], others_raw: int
) -> None:
    """However many buys there were: each pays for those of its own wallet that came before it."""
    venue, fees, purse = with_own(FRESH, others_raw), Fees(), Purse(START_LAMPORTS, {})
    for spend_lamports in spent:
        bid = paper_buy(spend_lamports)
        bought = carry_out(bid, purse, as_met(venue, Mode.PAPER, purse.token_raw.get("mint", 0)), fees)
        assert bought is not None
        assert bought.program_error is None
        purse = purse.after("mint", bought)
    token_raw = purse.token_raw["mint"]
    sale = msgspec.structs.replace(paper_buy(0), is_buy=False, token_raw=token_raw)
    sold = carry_out(sale, purse, as_met(venue, Mode.PAPER, token_raw), fees)
    assert sold is not None
    lost_lamports = START_LAMPORTS - purse.after("mint", sold).lamports
    network_lamports = 5_000 * (len(spent) + 1)
    # The venue's fees on both ways and the network's, and nothing else.
    assert 0 < lost_lamports - network_lamports <= sum(spent) * 26 // 1_000


def test_what_live_orders_paid_is_told_with_the_venue() -> None:
    assert as_met(FRESH, Mode.LIVE, 10**12) == FRESH
    assert as_met(FRESH, Mode.DRY_RUN, 10**12) == as_met(FRESH, Mode.PAPER, 10**12) == with_own(FRESH, 10**12)
