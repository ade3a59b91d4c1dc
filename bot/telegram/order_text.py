"""Orders on their way in words: what each is, how far it is, and what happens next."""

from __future__ import annotations

from collections.abc import Sequence

from bot.telegram.book_text import reason_text
from bot.telegram.token_text import age
from bot.telegram.words import mode_label, short
from bot.trading.intent import Attempt, Intent, IntentState, Side
from bot.trading.units import BPS, counted, format_percent, format_sol, format_tokens

_STATES = {
    IntentState.PLANNED: "being made, nothing is signed yet",
    IntentState.SIGNED: "signed, about to leave",
    IntentState.SENT: "sent, not yet proven",
    IntentState.UNKNOWN: "sent, not yet proven, and too late to land",
}
_NEXT = {
    IntentState.PLANNED: "it is priced, signed and sent; where that cannot be done it ends and nothing is traded",
    IntentState.SIGNED: "its bytes leave; the same bytes may leave again and can trade only once",
    IntentState.SENT: "the same bytes go out again until the chain shows it or it is proven that it never lands",
    IntentState.UNKNOWN: "the chain is asked whether it landed; it never counts as failed before that is proven",
}
_RESULTS = {
    IntentState.FILLED: "It is filled; /positions shows what it left.",
    IntentState.FAILED: "It landed with an error and traded nothing.",
    IntentState.EXPIRED: "It never landed; nothing was traded or charged.",
    IntentState.CANCELLED: "It was given up before anything was sent.",
}


def order_lines(intent: Intent, attempts: Sequence[Attempt], now_ms: int) -> list[str]:
    """One order: what it trades and why, its state with what it holds, and what comes next."""
    request = intent.request
    facts = [_STATES.get(intent.state, intent.state.value)]
    if attempts:
        facts.append(f"signed {_times(len(attempts))}, last {short(attempts[-1].signature)}")
    if request.side is Side.BUY and intent.reserved_lamports:
        facts.append(f"{format_sol(intent.reserved_lamports)} SOL reserved")
    following = _NEXT.get(intent.state, "it ends")
    if request.side is Side.SELL and intent.state in {IntentState.SENT, IntentState.UNKNOWN}:
        following += "; a sale of everything is signed again with a higher fee meanwhile, and only one can trade"
    return [
        f"{mode_label(request.mode.value)} {_what(intent)} ({reason_text(request.reason)}), {age(now_ms - intent.created_at_ms)}"
        " old",
        f"  {'; '.join(facts)}.",
        f"  Next: {following}.",
    ]


def order_result(intent: Intent) -> str:
    """What became of an order that was confirmed before."""
    request = intent.request
    what = f"{request.side.value} of {short(request.mint)}"
    if request.spend_lamports:
        what += f" for {format_sol(request.spend_lamports)} SOL"
    result = ended_words(intent) or "It is on its way; the result follows when the chain shows it."
    return f"{mode_label(request.mode.value)} You confirmed that before: {what}. {result}"


def ended_words(intent: Intent) -> str | None:
    """How an order ended that was given before; None for one that is on its way."""
    if (intent.request.side, intent.state) == (Side.WITHDRAW, IntentState.FILLED):
        return "It has left; /history shows it."
    return _RESULTS.get(intent.state)


def _what(intent: Intent) -> str:
    request = intent.request
    if request.side is Side.CLOSE:
        return f"closing of {counted(len(request.closes), 'emptied token account')}"
    if request.side is Side.WITHDRAW:
        what = (
            f"{format_tokens(request.token_raw)} tokens of {short(request.mint)}"
            if request.mint
            else f"{format_sol(request.spend_lamports)} SOL"
        )
        return f"withdrawal of {what} to {short(request.to_address)}"
    if request.side is Side.BUY:
        return f"buy of {short(request.mint)} for {format_sol(request.spend_lamports)} SOL"
    if request.share_bps == BPS:
        return f"sale of all of {short(request.mint)}"
    amount = format_percent(request.share_bps) if request.share_bps else f"{format_tokens(request.token_raw)} tokens"
    return f"sale of {amount} of {short(request.mint)}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
