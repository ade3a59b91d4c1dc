"""The fees of coins on the curve, out of the launchpad's tiers by market cap. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chain.layouts import FeeTier
from bot.trading.curve import (
    INITIAL_REAL_TOKEN_RAW,
    INITIAL_VIRTUAL_QUOTE_LAMPORTS,
    INITIAL_VIRTUAL_TOKEN_RAW,
    TOKEN_SUPPLY_RAW,
    Fees,
)

_LEFT_AT_END_RAW = INITIAL_VIRTUAL_TOKEN_RAW - INITIAL_REAL_TOKEN_RAW


def curve_fees(tiers: Sequence[FeeTier]) -> Fees:
    """The highest fees that a coin can meet before it leaves its curve; the real account has one tier up to there.

    A quote with fees that are too high only lowers the least amount out, so the error is on the safe side.
    """
    quote_at_end = INITIAL_VIRTUAL_QUOTE_LAMPORTS * INITIAL_VIRTUAL_TOKEN_RAW // _LEFT_AT_END_RAW
    cap_at_end = quote_at_end * TOKEN_SUPPLY_RAW // _LEFT_AT_END_RAW
    reached = [tier.fees for tier in tiers if tier.market_cap_lamports <= cap_at_end] or [tiers[0].fees]
    return max(reached, key=lambda fees: fees.protocol_bps + fees.creator_bps)
