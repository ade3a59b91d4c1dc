"""What /ai and /top say of opinions: the action with its confidence, why, what it is made of, and what it suggests.

Everything is the bot's own word but names of tokens and what people write, which come as numbers alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.analysis.facts import CreatorPast
from bot.analysis.sentiment import Sentiment
from bot.execution.opinion_book import Judged
from bot.telegram.foreign import foreign
from bot.telegram.token_text import SYMBOL_MAX, age
from bot.telegram.words import int_of, mode_label, short
from bot.trading.one_line import one_line
from bot.trading.signal import Component, Opinion
from bot.trading.suggestion import Suggestion
from bot.trading.units import counted, format_sol

REASONS_SHOWN = 6
EVIDENCE_LETTERS_MAX = 200
MOOD_PART = "sentiment"  # has a line of its own
NO_PROMISE = "An opinion is no advice, and promises nothing: most new tokens lose most of their value."
# From this age on an opinion is told as one of the past.
OLD_MS = 60_000


def head_line(opinion: Opinion, now_ms: int) -> str:
    """What the bot thinks, how sure it is, by which version, and how old that is."""
    old_ms = max(now_ms - opinion.at_ms, 0)
    past = " An opinion of its first moments, not of now." if old_ms > OLD_MS else ""
    return (
        f"{opinion.action.upper()}, confidence {opinion.confidence_bps / 100:.0f} % ({opinion.version}, {age(old_ms)} ago)."
        f"{past}"
    )


def reason_lines(opinion: Opinion) -> list[str]:
    """Why, each with its numbers."""
    told = [f"  {reason}" for reason in opinion.reasons[:REASONS_SHOWN]]
    return ["Why:", *told] if told else []


def part_lines(parts: Sequence[Component], *, is_live: bool) -> list[str]:
    """What was measured of it, each with its numbers; `is_live` says that it is of now."""
    told = [
        f"  {part.name.replace('_', ' ')} {part.bps // 100}/100: {one_line(part.evidence)[:EVIDENCE_LETTERS_MAX]}"
        for part in parts
        if part.name != MOOD_PART
    ]
    return ["Measured now:" if is_live else "Measured then:", *told] if told else []


def mood_line(mood: Sentiment, silent: Sequence[str], *, is_asked: bool) -> str:
    """What people write of it, as numbers."""
    if not is_asked:
        return "What people write of it: nobody is asked; the operator has set no key."
    if not mood.is_known:
        away = f" ({', '.join(silent)} did not answer)" if silent else ""
        return f"What people write of it: nothing was found{away}. That counts neither for it nor against it."
    heard = ", ".join(name if number < 0 else f"{name} {number}" for name, number in mood.heard)
    doubts = [f"{counted(mood.repeated, 'repeat')} left out"] if mood.repeated else []
    doubts += [f"{mood.young} by fresh accounts"] if mood.young else []
    beside = f"; {', '.join(doubts)}" if doubts else ""
    recent = f", {mood.recent} in the last 10 minutes" if mood.posts else ""
    return (
        f"What people write of it: mood {mood.score:.0f} of 100 by {mood.voices:.0f} voices ({heard}{recent}{beside})."
    )


def suggestion_lines(suggestion: Suggestion, mint: str, mode: str) -> list[str]:
    """How much to buy, and why less than the user's own amount; with the line that buys it."""
    wished = format_sol(suggestion.wished_lamports)
    if not suggestion.lamports:
        return [f"{mode_label(mode)} Suggested: nothing, because {suggestion.less}."]
    amount = format_sol(suggestion.lamports)
    less = f", less than your snipe_amount of {wished} SOL: {suggestion.less}" if suggestion.less else ""
    return [
        f"{mode_label(mode)} Suggested: {amount} SOL{less}. To buy by this opinion:",
        f"  /ai {mint} {amount}",
    ]


def signal_text(facts: Mapping[str, object]) -> str:
    """What a sniper that only tells would have bought."""
    mint, amount = str(facts["mint"]), format_sol(int_of(facts, "spend_lamports"))
    return (
        f"{mode_label(str(facts['mode']))} Signal: {mint}, {facts['reason']}. Your sniper would spend {amount} SOL; it only"
        f" tells, as your setting snipe_tells_only says. {NO_PROMISE}"
    )


def top_line(judged: Judged, now_ms: int) -> str:
    """One token of the list."""
    opinion = judged.opinion
    symbol = foreign(judged.launch.symbol, SYMBOL_MAX) or "nameless"
    why = f": {opinion.reasons[0]}" if opinion.reasons else ""
    seen = age(max(now_ms - opinion.at_ms, 0))
    return (
        f"{opinion.action} {opinion.confidence_bps / 100:.0f} % {symbol} {short(opinion.mint)}, {seen} ago{why}\n"
        f"  /ai {opinion.mint}"
    )


def unseen_lines(past: CreatorPast | None) -> list[str]:
    """Of a token whose trades nobody measures: what its creator did, as far as this bot saw it, and what is not known."""
    made = "this bot has seen nothing of its creator"
    if past is not None and past.launches:
        tokens = "1 token" if past.launches == 1 else f"{past.launches} tokens"
        made = f"its creator made {tokens} that this bot saw; {past.quick_exits} he left at once, {past.graduated} graduated"
    return [
        f"Of its past: {made}.",
        "Not known: how it is traded now, and so its momentum, its patterns and whether anybody washes or dumps it; who bought"
        " first, and where their SOL came from.",
    ]
