"""Small builders and strategies for the tests of the money rules: curves, requests, facts, fills."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from bot.trading.curve import (
    INITIAL_REAL_TOKEN_RAW,
    INITIAL_VIRTUAL_QUOTE_LAMPORTS,
    INITIAL_VIRTUAL_TOKEN_RAW,
    Curve,
    Fees,
    Quote,
)
from bot.trading.fill import Fill
from bot.trading.intent import Context, Mode, Protection, Side, TradeRequest
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.position import ExitPlan, Position, open_position
from bot.trading.risk_gate import RiskSnapshot
from bot.trading.units import LAMPORTS_PER_SOL

FRESH = Curve(
    virtual_token_raw=INITIAL_VIRTUAL_TOKEN_RAW,
    virtual_quote_lamports=INITIAL_VIRTUAL_QUOTE_LAMPORTS,
    real_token_raw=INITIAL_REAL_TOKEN_RAW,
    real_quote_lamports=0,
    complete=False,
    creator="creator",
    slot=1,
)

fees = st.builds(Fees, protocol_bps=st.integers(0, 200), creator_bps=st.integers(0, 1_000))
lamports = st.integers(1, 100 * LAMPORTS_PER_SOL)


def after(curve: Curve, side: Side, quote: Quote) -> Curve:
    """The reserves after a trade, as the program moves them."""
    sign = 1 if side is Side.BUY else -1
    return replace(
        curve,
        virtual_token_raw=curve.virtual_token_raw - sign * quote.token_raw,
        virtual_quote_lamports=curve.virtual_quote_lamports + sign * quote.quote_lamports,
        real_token_raw=curve.real_token_raw - sign * quote.token_raw,
        real_quote_lamports=curve.real_quote_lamports + sign * quote.quote_lamports,
        complete=curve.real_token_raw == sign * quote.token_raw,
    )


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    """A fresh curve from which some tokens, never all, have been bought at its price."""
    sold_raw = draw(st.integers(0, INITIAL_REAL_TOKEN_RAW - 1))
    if sold_raw == 0:
        return FRESH
    quote_lamports = sold_raw * FRESH.virtual_quote_lamports // (FRESH.virtual_token_raw - sold_raw) + 1
    return after(FRESH, Side.BUY, Quote(sold_raw, quote_lamports, 0, 0))


def request(side: Side = Side.BUY, **changed: Any) -> TradeRequest:
    """A sniper's buy of 0.1 SOL, or a sale of everything."""
    amounts = {"spend_lamports": LAMPORTS_PER_SOL // 10} if side is Side.BUY else {"share_bps": 10_000}
    values: dict[str, Any] = {
        "key": "key",
        "user_id": "user",
        "wallet_id": "wallet",
        "mode": Mode.LIVE,
        "side": side,
        "mint": "mint",
        "context": Context.SNIPER,
        "slippage_bps": 500,
        "protection": Protection.PROTECTED,
        "causation_id": "run",
        "reason": "a test",
        **amounts,
    }
    return TradeRequest(**{**values, **changed})


def facts(**changed: Any) -> RiskSnapshot:
    """A wallet with 10 SOL and nothing else, whose owner has the default settings."""
    values: dict[str, Any] = {
        "pause_causes": (),
        "settings": UserSettings(),
        "ceilings": Ceilings(),
        "wallet_lamports": 10 * LAMPORTS_PER_SOL,
        "reserved_lamports": 0,
        "open_positions": 0,
        "mint_cost_lamports": 0,
        "exposure_lamports": 0,
        "mint_in_flight": 0,
        "mint_sells_in_flight": 0,
        "mint_held_raw": 0,
        "loss_today_lamports": 0,
        "snipes_today": 0,
        "user_positions": 0,
        "strategy_positions": 0,
        "strategy_spent_lamports": 0,
    }
    return RiskSnapshot(**{**values, **changed})


def fill(side: Side, token_raw: int, quote_lamports: int, **changed: int) -> Fill:
    """A fill whose wallet delta follows from its parts; fees and rent are zero unless given."""
    parts = {
        "protocol_fee_lamports": 0,
        "creator_fee_lamports": 0,
        "network_fee_lamports": 0,
        "rent_lamports": 0,
        "other_lamports": 0,
        **changed,
    }
    gross = -quote_lamports if side is Side.BUY else quote_lamports
    return Fill(
        signature=f"{side}-{token_raw}-{quote_lamports}",
        slot=10,
        block_time_s=1_700_000_000,
        side=side,
        token_raw=token_raw,
        quote_lamports=quote_lamports,
        wallet_delta_lamports=gross - sum(parts.values()),
        **parts,
    )


@st.composite
def fills(draw: st.DrawFn, side: Side, token_raw: int) -> Fill:
    """A fill of so many tokens with arbitrary, possible costs; a sale may give rent back."""
    rent = st.integers(0, 2_100_000) if side is Side.BUY else st.integers(-2_100_000, 0)
    return fill(
        side,
        token_raw,
        draw(st.integers(0, 90 * LAMPORTS_PER_SOL)),
        protocol_fee_lamports=draw(st.integers(0, LAMPORTS_PER_SOL)),
        creator_fee_lamports=draw(st.integers(0, LAMPORTS_PER_SOL)),
        network_fee_lamports=draw(st.integers(5_000, LAMPORTS_PER_SOL // 100)),
        rent_lamports=draw(rent),
        other_lamports=draw(st.sampled_from([0, 890_880, 1_844_400])),
        lp_fee_lamports=draw(st.integers(0, LAMPORTS_PER_SOL)),
    )


def opened(first: Fill, plan: ExitPlan | None = None) -> Position:
    """The position that a first buy opens."""
    return open_position(
        first,
        position_id="position",
        user_id="user",
        wallet_id="wallet",
        mint="mint",
        mode=Mode.LIVE,
        context=Context.SNIPER,
        plan=plan or ExitPlan(2_000, 1_000, 900),
    )
