"""What /price and /info say of a token, a line for each thing; what is not known is said to be so."""

from __future__ import annotations

from collections.abc import Sequence

from bot.ports import Token
from bot.telegram.foreign import foreign
from bot.telegram.words import short
from bot.trading.limits import UserSettings
from bot.trading.pool import Pool
from bot.trading.position import Position
from bot.trading.route import Route
from bot.trading.units import LAMPORTS_PER_SOL, TOKEN_DECIMALS, format_percent, format_sol, format_tokens
from bot.trading.venue import Venue

NAME_MAX, SYMBOL_MAX, URI_MAX = 32, 13, 100
MICRO = 1_000_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
# How far back changes are told, and what that is called.
CHANGES = ((MINUTE_MS, "1 m"), (5 * MINUTE_MS, "5 m"), (HOUR_MS, "1 h"))


def venue_line(venue: Venue) -> str:
    """Where a token trades and at what price."""
    if isinstance(venue, Route):
        through = f" through {', '.join(venue.markets)}" if venue.markets else ""
        per_million = venue.quote_lamports * 10 ** (6 + TOKEN_DECIMALS) // max(venue.token_raw, 1)
        return (
            f"{format_sol(per_million)} SOL per million tokens, by Jupiter{through}; no curve and no pool of its own."
        )
    if isinstance(venue, Pool):
        token_raw, priced_lamports = venue.token_raw, venue.priced_lamports
        place = f"{format_sol(venue.quote_lamports)} SOL in its pool, its curve is complete."
    else:
        token_raw, priced_lamports = venue.virtual_token_raw, venue.virtual_quote_lamports
        place = f"{format_sol(venue.real_quote_lamports)} SOL in the curve, {venue.progress_bps / 100:.1f} % sold."
    per_million = priced_lamports * 10 ** (6 + TOKEN_DECIMALS) // max(token_raw, 1)
    return f"{format_sol(per_million)} SOL per million tokens, market cap {format_sol(venue.market_cap_lamports)} SOL, {place}"


def change_line(changes_bps: Sequence[int | None]) -> str:
    """The changes over CHANGES, in their order."""
    if all(one is None for one in changes_bps):
        return (
            "What it cost before is not known here; from now on it is kept for an hour, and longer while you hold it."
        )
    told = [
        f"{name} {'not known' if one is None else ('+' if one > 0 else '') + format_percent(one)}"
        for one, (_, name) in zip(changes_bps, CHANGES, strict=True)
    ]
    return f"Change: {', '.join(told)}."


def dollar_line(market_cap_lamports: int, micro_usd_per_sol: int | None) -> str:
    """The market cap in whole dollars, where it and a fresh price of SOL are known."""
    if not market_cap_lamports:
        return "What all of it is worth is not known."
    if micro_usd_per_sol is None:
        return "What that is in dollars is not known now."
    dollars = market_cap_lamports * micro_usd_per_sol // (LAMPORTS_PER_SOL * MICRO)
    return f"Market cap {dollars:,} USD, at {micro_usd_per_sol / MICRO:,.2f} USD for a SOL."


def name_line(token: Token) -> str:
    """What its maker calls it."""
    if not (token.name or token.symbol):
        return f"{short(token.mint)}: what it is called is not known."
    name, symbol = foreign(token.name, NAME_MAX), foreign(token.symbol, SYMBOL_MAX)
    return f"{short(token.mint)} calls itself {name or 'nothing'} ({symbol or 'no symbol'}); anybody can take any name."


def origin_line(token: Token, now_ms: int) -> str:
    """Who launched it, and how long ago."""
    if not token.creator and token.launched_at_ms is None:
        return "Who launched it, and when, is not known."
    creator = f"by {token.creator}" if token.creator else "by whom is not known"
    if token.launched_at_ms is None:
        return f"Launched {creator}, before this bot listened or while it did not."
    return f"Launched {age(now_ms - token.launched_at_ms)} ago {creator}."


def age(span_ms: int) -> str:
    """A span of time in its largest unit that fits twice, or in seconds."""
    for unit_ms, unit in ((DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min")):
        if span_ms >= 2 * unit_ms:
            return f"{span_ms // unit_ms} {unit}"
    return f"{max(span_ms, 0) // 1000} s"


def position_lines(mine: Sequence[Position]) -> list[str]:
    """What the user holds of it, a line for each position."""
    if not mine:
        return ["You hold no position in it."]
    return [
        f"You hold {format_tokens(one.token_raw)} tokens, which cost {format_sol(one.cost_lamports)} SOL ({one.mode.value})."
        for one in mine
    ]


def preset_lines(mint: str, settings: UserSettings, *, holds: bool) -> list[str]:
    """The orders of the user's presets, a line for each, so that a chat with buttons makes a button of it."""
    buys = [f"  /buy {mint} {format_sol(lamports).replace(',', '')}" for lamports in settings.preset_buys_lamports]
    sells = [f"  /sell {mint} {format_percent(bps).replace(' ', '')}" for bps in settings.preset_sells_bps]
    return [*buys, *(sells if holds else [])]


def uri_lines(token: Token) -> list[str]:
    """Where its maker says more about it, as nothing that can be tapped."""
    return [f"Its maker points to {foreign(token.uri, URI_MAX)}; look there at your own risk."] if token.uri else []
