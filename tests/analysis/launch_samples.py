"""Launches and trades for the tests of features and opinions, on a curve that moves as the program moves it."""

from __future__ import annotations

from dataclasses import replace

from bot.analysis.features import TokenWindow
from bot.trading.curve import (
    INITIAL_REAL_TOKEN_RAW,
    INITIAL_VIRTUAL_QUOTE_LAMPORTS,
    INITIAL_VIRTUAL_TOKEN_RAW,
    Curve,
    Fees,
    quote_buy,
    quote_sell,
)
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.units import LAMPORTS_PER_SOL

CREATOR = "creator"
LAUNCH_SLOT = 100
SLOT_MS = 400
BORN_MS = 1_700_000_000_000


def launch(creator: str = CREATOR, mint: str = "mint", slot: int = LAUNCH_SLOT) -> TokenLaunch:
    curve = Curve(
        INITIAL_VIRTUAL_TOKEN_RAW,
        INITIAL_VIRTUAL_QUOTE_LAMPORTS,
        INITIAL_REAL_TOKEN_RAW,
        0,
        complete=False,
        creator=creator,
        slot=slot,
    )
    return TokenLaunch(mint, "Name", "SYM", "", creator, "program", curve, "launch", slot, BORN_MS, "logs")


class Market:
    """Trades on one launch, each told to its window as the stream would tell it."""

    def __init__(self) -> None:
        self.launch = launch()
        self.window = TokenWindow(self.launch)
        self.curve = self.launch.curve
        self.bags: dict[str, int] = {}
        self.told: list[CurveTrade] = []

    def buy(self, trader: str, sol: float, after_ms: int) -> CurveTrade:
        quote = quote_buy(self.curve, round(sol * LAMPORTS_PER_SOL), Fees(0, 0))
        self.bags[trader] = self.bags.get(trader, 0) + quote.token_raw
        return self._tell(trader, quote.token_raw, quote.quote_lamports, after_ms, is_buy=True)

    def sell(self, trader: str, share: float, after_ms: int) -> CurveTrade:
        token_raw = round(self.bags[trader] * share)
        self.bags[trader] -= token_raw
        quote = quote_sell(self.curve, token_raw, Fees(0, 0))
        return self._tell(trader, token_raw, quote.quote_lamports, after_ms, is_buy=False)

    def _tell(self, trader: str, token_raw: int, quote_lamports: int, after_ms: int, *, is_buy: bool) -> CurveTrade:
        sign = 1 if is_buy else -1
        self.curve = replace(
            self.curve,
            virtual_token_raw=self.curve.virtual_token_raw - sign * token_raw,
            virtual_quote_lamports=self.curve.virtual_quote_lamports + sign * quote_lamports,
            real_token_raw=self.curve.real_token_raw - sign * token_raw,
            real_quote_lamports=self.curve.real_quote_lamports + sign * quote_lamports,
            slot=LAUNCH_SLOT + after_ms // SLOT_MS,
        )
        trade = CurveTrade(
            mint=self.launch.mint,
            trader=trader,
            is_buy=is_buy,
            token_raw=token_raw,
            quote_lamports=quote_lamports,
            curve=self.curve,
            signature=f"trade-{len(self.told)}",
            slot=self.curve.slot,
            seen_at_ms=BORN_MS + after_ms,
        )
        self.told.append(trade)
        assert self.window.add(trade)
        return trade
