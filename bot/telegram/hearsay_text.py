"""What aggregators say of a token, a line for each thing: marked by whose word it is and how old, and never in place of ours.

Figures and names are strangers' words: numbers are within bounds, texts are shown so that nothing in them can be tapped.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.execution.hearsay_book import Said
from bot.ports import Hearsay, MintWord, Span
from bot.telegram.foreign import foreign
from bot.telegram.token_text import age
from bot.trading.price_change import Price, change_bps
from bot.trading.units import LAMPORTS_PER_SOL, TOKEN_DECIMALS, counted, format_percent, format_sol

FAR_BPS = 2_000  # how far a teller's price may be from ours before that is told
MARKETS_MAX, MARKET_LETTERS_MAX, LINK_LETTERS_MAX = 4, 20, 80
MILLION_RAW = 10 ** (6 + TOKEN_DECIMALS)


def hearsay_lines(
    said: Sequence[Said[Hearsay]],
    ours: Price | None,
    micro_usd_per_sol: int | None,
    now_ms: int,
    *,
    mint_is_read: bool,
    holders_are_read: bool,
) -> list[str]:
    """Everybody's word; nothing where nobody is configured.

    `ours` is the price that we read, `mint_is_read` and `holders_are_read` say whether the chain told us of both: then
    what others say of them adds nothing.
    """
    lines = []
    for one in said:
        if one.age_ms is None:
            lines.append(f"{one.teller} says nothing now.")
        elif one.hearsay is None:
            lines.append(f"{one.teller} has nothing about it, as of {age(one.age_ms)} ago.")
        elif one.hearsay.mint is not None:
            powers = _powers(one.hearsay.mint, mint_is_read=mint_is_read, holders_are_read=holders_are_read)
            lines += [f"{one.teller}, {age(one.age_ms)} ago: {'; '.join(powers)}."] if powers else []
        else:
            lines += _market_lines(one.teller, one.age_ms, one.hearsay, now_ms)
            lines += _doubts(one.teller, one.age_ms, one.hearsay, ours, micro_usd_per_sol)
    return lines


def _market_lines(teller: str, age_ms: int, hearsay: Hearsay, now_ms: int) -> list[str]:
    spans = [
        f"last {name} {told}" for name, one in (("hour", hearsay.hour), ("day", hearsay.day)) if (told := _span(one))
    ]
    things = [*spans, *_things(hearsay, now_ms)]
    lines = [f"{teller} says, {age(age_ms)} ago: {'; '.join(things)}."] if things else []
    if hearsay.impossible:
        lines.append(
            f"{teller} tells figures of {counted(hearsay.impossible, 'pair')} that cannot be; they are left out."
        )
    if hearsay.links:
        links = ", ".join(foreign(link, LINK_LETTERS_MAX) for link in hearsay.links)
        lines.append(f"{teller} passes on {links}; look there at your own risk.")
    return lines


def _span(span: Span) -> str:
    """What is told of an hour or a day; empty where nothing is."""
    told = []
    if span.volume_usd is not None:
        told.append(f"{span.volume_usd:,} USD")
    if span.buys is not None and span.sells is not None:
        told.append(f"{span.buys:,} buys and {span.sells:,} sells")
    if span.change_bps is not None:
        told.append(f"price {'+' if span.change_bps > 0 else ''}{format_percent(span.change_bps)}")
    return ", ".join(told)


def _things(hearsay: Hearsay, now_ms: int) -> list[str]:
    told = []
    if hearsay.liquidity_usd is not None:
        told.append(f"liquidity {hearsay.liquidity_usd:,} USD")
    if hearsay.markets:
        pairs = sum(count for _, count in hearsay.markets)
        names = [foreign(name, MARKET_LETTERS_MAX) or "nameless" for name, _ in hearsay.markets[:MARKETS_MAX]]
        more = ", ..." if len(hearsay.markets) > MARKETS_MAX else ""
        told.append(f"{counted(pairs, 'pair')} in all ({', '.join(names)}{more})")
    if hearsay.opened_at_ms is not None:
        told.append(f"the first opened {age(now_ms - hearsay.opened_at_ms)} ago")
    if hearsay.holders is not None:
        told.append(f"{hearsay.holders:,} holders")
    return told


def _doubts(teller: str, age_ms: int, hearsay: Hearsay, ours: Price | None, micro_usd_per_sol: int | None) -> list[str]:
    """That its price is far from ours, where both are known."""
    theirs = _lamports_per_million(hearsay, micro_usd_per_sol)
    far = None if theirs is None else change_bps(ours, (theirs, MILLION_RAW))
    if theirs is None or far is None or abs(far) <= FAR_BPS:
        return []
    beside = f"{format_percent(abs(far))} {'above' if far > 0 else 'below'} ours"
    return [
        f"Doubt: {teller} told a price of {format_sol(theirs)} SOL per million tokens {age(age_ms)} ago, {beside}; one of"
        " them is old or wrong. This bot goes by what the chain shows."
    ]


def _lamports_per_million(hearsay: Hearsay, micro_usd_per_sol: int | None) -> int | None:
    """Its price in lamports for a million tokens; that in dollars counts where a SOL's is known."""
    if hearsay.lamports_per_million is not None:
        return hearsay.lamports_per_million
    if hearsay.pico_usd is None or not micro_usd_per_sol:
        return None
    return hearsay.pico_usd * LAMPORTS_PER_SOL // micro_usd_per_sol


def _powers(word: MintWord, *, mint_is_read: bool, holders_are_read: bool) -> list[str]:
    """What it says that the chain did not tell us."""
    told = ["whoever made it can change its name and picture"] if word.can_rename else []
    if not mint_is_read:
        told += ["somebody can mint more of it"] if word.can_mint else []
        told += ["somebody can freeze its holders"] if word.can_freeze else []
        told += ["its transfers cost a fee"] if word.takes_fee else []
    if not holders_are_read and word.top_bps is not None:
        told.append(f"its largest holders have {format_percent(word.top_bps)} of it")
    return told
