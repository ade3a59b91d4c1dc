"""What of an earlier life of the bot its measurements begin with: creators, and the tokens that were traded when it ended."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.launch import CurveTrade, TokenLaunch


@dataclass(frozen=True, slots=True)
class PastCreator:
    """What became of the tokens that a creator made; `best_peak` is a price against that of its launch, as a fraction."""

    creator: str
    launches: int
    quick_exits: int
    graduated: int
    best_peak: float


@dataclass(frozen=True, slots=True)
class PastToken:
    """A token with all its trades, oldest first. `has_left` and `has_graduated` are counted for its creator already.

    `before` is what its creator had made before it.
    """

    launch: TokenLaunch
    trades: tuple[CurveTrade, ...]
    has_left: bool
    has_graduated: bool
    before: PastCreator


@dataclass(frozen=True, slots=True)
class PastMarket:
    """The creators in the order of their last launches, and the tokens in that of their last trades."""

    creators: tuple[PastCreator, ...] = ()
    tokens: tuple[PastToken, ...] = ()
