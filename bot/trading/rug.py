"""When a position is left because its token is being emptied by those who made it, whatever the price still says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.trading.curve import TOKEN_SUPPLY_RAW
from bot.trading.exits import Exit, ExitReason
from bot.trading.pool import Pool
from bot.trading.position import Position
from bot.trading.token_check import MintPowers
from bot.trading.units import BPS, counted, format_percent, format_sol
from bot.trading.venue import Venue

# Sales of less than this share of the supply are not looked at: a flood of them must cost nobody a question. It is below
# the least share that a user can name.
LEAST_SALE_RAW = TOKEN_SUPPLY_RAW * 2 // BPS
# The part of a pool's liquidity that is taken out before that counts. Trades never take any: fees only add to it.
LIQUIDITY_TAKEN_BPS = 2_000
# A pool that has grown by this much is what a later look is held against.
LIQUIDITY_GROWN_BPS = 500
SIGNATURES_NAMED = 3


@dataclass(frozen=True, slots=True)
class CreatorSale:
    """What the creator of a token sold in one transaction, in raw units, and when that was first told."""

    signature: str
    token_raw: int
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class PowersChanged:
    """The powers over a token passed to others at some moment; both looks are borne out."""

    before: MintPowers
    after: MintPowers
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class RugNews:
    """What is proven of a token since somebody watches it. `pool` is the fullest that its own pool was, None before any."""

    creator: str = ""
    sales: tuple[CreatorSale, ...] = ()
    powers: PowersChanged | None = None
    pool: Pool | None = None


def rug_exit(position: Position, news: RugNews) -> Exit | None:
    """The exit of a position for what is proven of its token; None where nothing is, or its plan does not ask for it."""
    if position.plan.rug_share_bps is None:
        return None
    changed = news.powers
    if changed is not None and changed.seen_at_ms >= position.opened_at_ms:
        return Exit(ExitReason.AUTHORITY_CHANGED, BPS, 0, evidence=_passed_on(changed))
    return _creator_left(position, position.plan.rug_share_bps, news)


def liquidity_exit(position: Position, pool: Pool | None, now: Venue) -> Exit | None:
    """The exit of a position whose token's pool holds much less than `pool`, the fullest that it was, and not by trades.

    A trade in a constant product pool leaves the product of both sides as it was, or greater by its fees. So what makes it
    smaller is somebody who takes his share of both sides out. `now` is one's word like every price.
    """
    if position.plan.rug_share_bps is None or pool is None or not isinstance(now, Pool):
        return None
    if now.virtual_quote_lamports != pool.virtual_quote_lamports or not is_emptied(pool, now):
        return None
    evidence = (
        f"liquidity was taken out of its pool: at slot {pool.slot} it held {format_sol(pool.quote_lamports)} SOL and"
        f" {format_percent(pool.token_raw * BPS // TOKEN_SUPPLY_RAW)} of the supply, at slot {now.slot}"
        f" {format_sol(now.quote_lamports)} SOL and {format_percent(now.token_raw * BPS // TOKEN_SUPPLY_RAW)}"
    )
    return Exit(ExitReason.LIQUIDITY_REMOVED, BPS, 0, evidence=evidence)


def is_emptied(before: Pool, now: Pool) -> bool:
    """Whether at least LIQUIDITY_TAKEN_BPS of a pool are gone; the product grows with the square of what is in it."""
    return _product(now) * BPS * BPS <= _product(before) * (BPS - LIQUIDITY_TAKEN_BPS) ** 2


def has_grown(before: Pool | None, now: Pool) -> bool:
    """Whether later looks are held against this one: it is the first, another formula's, or fuller by LIQUIDITY_GROWN_BPS."""
    if before is None or before.virtual_quote_lamports != now.virtual_quote_lamports:
        return True
    return _product(now) * BPS * BPS >= _product(before) * (BPS + LIQUIDITY_GROWN_BPS) ** 2


def lesser(one: Pool, other: Pool) -> Pool:
    """The one of two looks with less in it."""
    return one if _product(one) <= _product(other) else other


def has_passed_on(before: MintPowers, after: MintPowers) -> bool:
    """Whether somebody else holds a power than before; one that was given up has passed to nobody."""
    return (after.mint_authority not in {"", before.mint_authority}) or (
        after.freeze_authority not in {"", before.freeze_authority}
    )


def _product(pool: Pool) -> int:
    return max(pool.priced_lamports, 0) * pool.token_raw


def _passed_on(changed: PowersChanged) -> str:
    """Which power passed from whom to whom."""
    powers = (
        ("to make more of it", changed.before.mint_authority, changed.after.mint_authority),
        ("to freeze its holders", changed.before.freeze_authority, changed.after.freeze_authority),
    )
    passed = [
        f"the power {what} passed from {before or 'nobody'} to {after}"
        for what, before, after in powers
        if after != before
    ]
    return "; ".join(passed)


def _creator_left(position: Position, share_bps: int, news: RugNews) -> Exit | None:
    """Whether the creator sold the share that the plan names within the time that it names.

    Only sales since the position was opened count: who bought later knew, or could know. Each span of that length counts,
    however long ago, so that an exit that did not land is decided again.
    """
    since = sorted(
        (sale for sale in news.sales if sale.seen_at_ms >= position.opened_at_ms), key=lambda sale: sale.seen_at_ms
    )
    first, sold_raw = 0, 0
    for place, sale in enumerate(since):
        sold_raw += sale.token_raw
        while sale.seen_at_ms - since[first].seen_at_ms > position.plan.rug_within_s * 1000:
            sold_raw -= since[first].token_raw
            first += 1
        if sold_raw * BPS >= share_bps * TOKEN_SUPPLY_RAW:
            evidence = _sold(news.creator, since[first : place + 1], sold_raw)
            return Exit(ExitReason.CREATOR_SOLD, BPS, 0, evidence=evidence)
    return None


def _sold(creator: str, sales: Sequence[CreatorSale], sold_raw: int) -> str:
    """Who sold how much, how fast, and where anybody can read it."""
    share = format_percent(sold_raw * BPS // TOKEN_SUPPLY_RAW)
    within_s = (sales[-1].seen_at_ms - sales[0].seen_at_ms + 999) // 1000
    span = "at once" if len(sales) == 1 else f"in {counted(len(sales), 'sale')} within {within_s} s"
    named = ", ".join(sale.signature for sale in sales[-SIGNATURES_NAMED:])
    return f"the token's creator {creator} sold {share} of the supply {span}: {named}"
