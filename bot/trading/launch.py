"""What the launch stream tells: a new token, each trade on its curve, and that its curve has ended."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.curve import Curve


@dataclass(frozen=True, slots=True)
class TokenLaunch:
    """A new launchpad token, whatever source told of it. Keys are base58; `curve` is the state right after creation."""

    mint: str
    name: str
    symbol: str
    uri: str
    creator: str
    token_program: str
    curve: Curve
    signature: str
    slot: int
    seen_at_ms: int
    source: str


@dataclass(frozen=True, slots=True)
class CurveTrade:
    """One trade on a bonding curve; `curve` is its state right after, `quote_lamports` is without fees."""

    mint: str
    trader: str
    is_buy: bool
    token_raw: int
    quote_lamports: int
    curve: Curve
    signature: str
    slot: int
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class CurveLeft:
    """Somebody says that a token has left its curve for its pool. Nothing follows from it but a look at the chain."""

    mint: str
    signature: str
    seen_at_ms: int


LaunchpadEvent = TokenLaunch | CurveTrade
StreamEvent = LaunchpadEvent | CurveLeft
