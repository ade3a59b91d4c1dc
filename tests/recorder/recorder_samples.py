"""Rows for the tests of the recording."""

from __future__ import annotations

from bot.ports import Snapshot
from bot.trading.curve import Curve
from bot.trading.launch import CurveTrade, TokenLaunch
from bot.trading.pool import Pool, PoolFees

NOW_MS = 1_795_262_400_000  # 2026-11-21T12:00:00Z
HOUR_MS = 3_600_000
CURVE = Curve(1_073_000_000_000_000, 30_000_000_000, 793_100_000_000_000, 0, False, "Creator", 7)
POOL = Pool(5_000_000, 80_000_000_001, 1_000, 10**15, PoolFees(20, 5, 5), "Creator", 9)


def launch(number: int = 1, *, name: str = "A token", at_ms: int = NOW_MS) -> TokenLaunch:
    return TokenLaunch(
        mint=f"Mint{number}",
        name=name,
        symbol=f"T{number}",
        uri="https://example.invalid/t",
        creator="Creator",
        token_program="Program",
        curve=CURVE,
        signature=f"launch-{number}",
        slot=7,
        seen_at_ms=at_ms,
        source="logs",
    )


def trade(number: int = 1, *, is_buy: bool = True, at_ms: int = NOW_MS + 5) -> CurveTrade:
    after = Curve(1_072_000_000_000_000, 30_027_985_075, 792_100_000_000_000, 27_985_075, False, "Creator", 8)
    signature = f"trade-{number}"
    return CurveTrade(f"Mint{number}", "Trader", is_buy, 10**12, 27_985_075, after, signature, 8, at_ms)


def snapshot(number: int = 1, *, at_ms: int = NOW_MS + 9) -> Snapshot:
    return Snapshot(f"Mint{number}", POOL, at_ms)
