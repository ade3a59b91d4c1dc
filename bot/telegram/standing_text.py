"""What is said of standing orders: when one is placed, in /orders, and when it is sent, waits or ends."""

from __future__ import annotations

from collections.abc import Mapping

from bot.clock import minute_of
from bot.telegram.words import FOLLOWS, int_of, mode_label, short
from bot.trading.standing import StandingKind, StandingOrder
from bot.trading.units import format_sol, format_tokens, span

_COUNTS = "Your limits, pauses and budgets count when it is sent"
_ENDS = {
    "done": "is done: its order is filled",
    "lapsed": "has ended: its time is over, and its price had not come or could not be had",
    "cancelled": "is cancelled",
    "given_up": "is given up",
}


def placed_text(order: StandingOrder, now_lamports: int | None, zone: str) -> str:
    """A standing order that is kept from now on; `now_lamports` is what a million tokens cost it at this moment."""
    now = "Nobody quotes it now."
    if now_lamports is not None:
        now = f"Now it would be {format_sol(now_lamports)} SOL."
    lasts = "it waits for as long as it takes"
    if order.lapses_at_ms is not None:
        lasts = f"it waits until {minute_of(order.lapses_at_ms, zone)}"
    return f"{_kept(order)} {now} {_COUNTS}; {lasts}.\n{_taken_back(order)}"


def repeated_text(order: StandingOrder) -> str:
    """A repeated buy that begins now."""
    return (
        f"{_kept(order)} The first is sent at once, each at the price of its moment and with your slippage. {_COUNTS}; one that"
        f" cannot be sent waits, and what was missed meanwhile is not made up.\n{_taken_back(order)}"
    )


def _kept(order: StandingOrder) -> str:
    return f"{mode_label(order.mode.value)} Kept: {condition(order)}."


def _taken_back(order: StandingOrder) -> str:
    return f"/cancel {order.code} takes it back, /orders lists it."


def cancelled_text(order: StandingOrder) -> str:
    """A standing order that its user took back."""
    told = f"{mode_label(order.mode.value)} Cancelled, it waits no more: {condition(order)}."
    if order.is_firing:
        told += (
            " Its order was being made: if that is on its way it goes on, see /orders, and you are told of its result."
        )
    return told


def standing_lines(order: StandingOrder, zone: str) -> list[str]:
    """One open standing order: what it waits for, and what came in between."""
    facts = []
    if not order.is_by_price:
        facts.append(f"{order.filled} of {order.turns} done")
    if order.is_firing:
        facts.append("its order is being made or on its way")
    elif order.why:
        facts.append(f"tried last: {order.why}")
    elif not order.is_by_price:
        facts.append(f"the next from {minute_of(order.due_at_ms, zone)} on")
    if order.lapses_at_ms is not None:
        facts.append(f"until {minute_of(order.lapses_at_ms, zone)}")
    state = "; ".join(facts) or "waits"
    return [f"{mode_label(order.mode.value)} {condition(order)}", f"  {state}. /cancel {order.code}"]


def condition(order: StandingOrder) -> str:
    """What is traded and when."""
    if order.kind is StandingKind.DCA:
        spend, whole = format_sol(order.spend_lamports), format_sol(order.spend_lamports * order.turns)
        return (
            f"buy {short(order.mint)} for {spend} SOL every {span(order.interval_ms / 1000)}, {order.turns} times, {whole} SOL"
            " in all"
        )
    price = f"{format_sol(order.price_lamports)} SOL for a million tokens, fees and what it does to the price included"
    if order.kind is StandingKind.LIMIT_BUY:
        return f"buy {short(order.mint)} for {format_sol(order.spend_lamports)} SOL once that costs at most {price}"
    if order.kind is StandingKind.BREAKOUT_BUY:
        return (
            f"buy {short(order.mint)} for {format_sol(order.spend_lamports)} SOL once that costs at least {price}; then at the"
            " price of that moment, with your slippage"
        )
    amount = "all" if order.sells_all else f"{format_tokens(order.token_raw)} tokens"
    return f"sell {amount} of {short(order.mint)} once that brings at least {price}"


def fired(facts: Mapping[str, object]) -> str:
    if facts["what"] == StandingKind.DCA.value:
        turn = f"{int_of(facts, 'filled') + 1} of {int_of(facts, 'turns')}"
        return f"{_of(facts)}: buy {turn} is sent. {FOLLOWS}"
    return f"{_of(facts)} is sent: its price is there. {FOLLOWS}"


def waits(facts: Mapping[str, object]) -> str:
    return (
        f"{_of(facts)} could not be sent: {facts['why']}. It waits and is tried again; /cancel {facts['code']} ends it."
    )


def ended(facts: Mapping[str, object]) -> str:
    why = f": {facts['why']}" if facts["why"] else ""
    if facts["what"] == StandingKind.DCA.value:
        end = "is done" if facts["state"] == "done" else _ENDS[str(facts["state"])]
        return f"{_of(facts)} {end}{why}. {int_of(facts, 'filled')} of {int_of(facts, 'turns')} buys are filled."
    return f"{_of(facts)} {_ENDS[str(facts['state'])]}{why}."


def _of(facts: Mapping[str, object]) -> str:
    """The order by its code, as the beginning of a sentence."""
    label, mint = mode_label(str(facts["mode"])), short(str(facts["mint"]))
    if facts["what"] == StandingKind.DCA.value:
        what = f"repeated buy of {mint} for {format_sol(int_of(facts, 'spend_lamports'))} SOL"
    elif facts["what"] == StandingKind.BREAKOUT_BUY.value:
        what = f"breakout buy of {mint} for {format_sol(int_of(facts, 'spend_lamports'))} SOL"
    elif facts["what"] == StandingKind.LIMIT_BUY.value:
        what = f"limit buy of {mint} for {format_sol(int_of(facts, 'spend_lamports'))} SOL"
    else:
        amount = "all" if facts["sells_all"] else f"{format_tokens(int_of(facts, 'token_raw'))} tokens"
        what = f"limit sale of {amount} of {mint}"
    return f"{label} Your {what} ({facts['code']})"
