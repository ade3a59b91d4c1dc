"""What a followed wallet bought or sold, as whoever copies it, follows it or judges it hears of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.intent import Side


@dataclass(frozen=True, slots=True)
class LeaderSwap:
    """One side of one token that a confirmed transaction of a wallet traded; unique per wallet, `signature` and `instruction`.

    `instruction` is the place of this swap among the wallet's swaps of the transaction, from 0 on. `lamports` are what went into
    or out of the curve or pool, without fees; `token_raw` and `held_before_raw` are raw units, the latter what the wallet held of
    the mint before the transaction, None where its record does not say it. `failed` transactions moved nothing. `seen_at_ms`
    is when the bot heard of it, by its own clock, `block_time_s` when the chain says that it happened; both since 1970.
    `both_sides` says that the wallet bought and sold the token in this one transaction.
    """

    wallet: str
    signature: str
    instruction: int
    slot: int
    mint: str
    side: Side
    lamports: int
    token_raw: int
    held_before_raw: int | None
    failed: bool
    seen_at_ms: int
    block_time_s: int = 0
    both_sides: bool = False
