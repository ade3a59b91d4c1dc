"""The story of a position in plain words: why it was bought and sold, what became of each order, where each lamport went."""

from __future__ import annotations

from collections.abc import Sequence

from bot.clock import rfc3339_s
from bot.execution.story import costs_of
from bot.ports import OrderStory, SnipeRun
from bot.telegram.words import mode_label, short
from bot.trading.intent import Intent, IntentState, Side
from bot.trading.ledger import Account, Entry, EntryKind
from bot.trading.position import Position, PositionState
from bot.trading.units import counted, format_sol, format_tokens

ORDERS_SHOWN = 12  # a chat shows a message of 4,096 characters; the latest orders are shown
RUNS_SHOWN = 3
UNFILLED = {
    IntentState.FAILED: "landed with an error and traded nothing",
    IntentState.EXPIRED: "never landed, which is proven",
    IntentState.CANCELLED: "was given up before anything was sent",
}


def story_text(position: Position, stories: Sequence[OrderStory]) -> str:
    """What happened to a position, the first order first."""
    lines = [f"{mode_label(position.mode.value)} {position.mint}, position {position.id}"]
    groups = _alike(stories)
    if (left_out := sum(len(group) for group in groups[:-ORDERS_SHOWN])) > 0:
        lines.append(f"The first {counted(left_out, 'order')} {'is' if left_out == 1 else 'are'} left out.")
    for group in groups[-ORDERS_SHOWN:]:
        lines += _order_lines(group[0]) if len(group) == 1 else [_several_line(group)]
    result = format_sol(position.realized_lamports, signed=True)
    if position.state is PositionState.CLOSED:
        lines.append(f"Closed; result {result} SOL, all fees included.")
    else:
        lines.append(
            f"Open: {format_tokens(position.token_raw)} tokens at a cost of {format_sol(position.cost_lamports)} SOL;"
            f" result of what was sold {result} SOL."
        )
    return "\n".join([*lines, *_beside_orders(position, stories)])


def _beside_orders(position: Position, stories: Sequence[OrderStory]) -> list[str]:
    """What no order of this bot made or lost, and the rent that did not come back."""
    lines = []
    by_orders = sum(story.landed.realized_lamports for story in stories if story.landed is not None)
    if outside := position.realized_lamports - by_orders:
        lines.append(
            f"Of that result {format_sol(outside, signed=True)} SOL is of tokens that left the wallet without an order of"
            " this bot: what they had cost, less what came in for them."
        )
    was_swept = any(story.intent.request.is_sweep and story.booked for story in stories)
    if was_swept and position.state is PositionState.CLOSED:
        lines.append("What was swept to your safe address left at what it had cost: that is no part of the result.")
    legs = [leg for story in stories for booked in story.booked for leg in booked.entry.legs]
    rent = sum(leg.lamports for leg in legs if leg.account is Account.RENT)
    was_closed = any(story.intent.request.side is Side.CLOSE for story in stories if story.booked)
    if rent > 0 and position.state is PositionState.CLOSED and not was_closed:
        lines.append(
            f"{format_sol(rent)} SOL of rent is still in the token account, which may hold what others sent; it is no part of"
            " the result. An account that stays empty is closed after a while, and the rent comes back; the next trade of this"
            " token uses it otherwise."
        )
    return lines


def _alike(stories: Sequence[OrderStory]) -> list[list[OrderStory]]:
    """Orders in a row that ended without a trade in the same way and for the same reason, as one group; others alone."""
    groups: list[list[OrderStory]] = []
    for story in stories:
        if groups and _ended_as(story) is not None and _ended_as(story) == _ended_as(groups[-1][0]):
            groups[-1].append(story)
        else:
            groups.append([story])
    return groups


def _ended_as(story: OrderStory) -> tuple[str, ...] | None:
    """What makes orders alike; None for one that traded, cost something, or is still on its way."""
    request, state = story.intent.request, story.intent.state
    if story.landed is not None or story.booked or state not in UNFILLED:
        return None
    return request.side, request.context, request.reason, state, story.intent.failure or ""


def _several_line(group: Sequence[OrderStory]) -> str:
    """Orders that are alike, in one line: how many, between when, and why."""
    first, last = group[0].intent, group[-1].intent
    request = first.request
    return (
        f"{len(group)} times a {request.side} ({_because(first)}) {UNFILLED[first.state]}{_reason(first)}, from"
        f" {rfc3339_s(first.created_at_ms)} to {rfc3339_s(last.created_at_ms)}."
    )


def _because(intent: Intent) -> str:
    request = intent.request
    evidence = f", because {request.evidence}" if request.evidence else ""
    return f"{request.context.replace('_', ' ')}: {request.reason}{evidence}"


def _reason(intent: Intent) -> str:
    """Why an order ended without a trade, where its state does not say so; a further part of the sentence."""
    failure = (intent.failure or "").removeprefix("landed with an error: ")
    return f": {failure}" if failure and intent.state is not IntentState.EXPIRED else ""


def _order_lines(story: OrderStory) -> list[str]:
    request, landed = story.intent.request, story.landed
    verb = "Bought" if request.side is Side.BUY else "Sold"
    because = _because(story.intent)
    if request.side is Side.CLOSE and story.intent.state is IntentState.FILLED:
        others = len(request.closes) - 1
        beside = f", with {counted(others, 'other')} of this wallet" if others else ""
        lines = [f"The emptied token account was closed{beside}, and its rent came back."]
    elif request.is_sweep and story.intent.state is IntentState.FILLED:
        lines = [f"{format_tokens(request.token_raw)} tokens were swept to your safe address {request.to_address}."]
    elif landed is not None:
        lines = [f"{verb} {format_tokens(landed.token_raw)} tokens ({because}), transaction {short(landed.signature)}."]
    elif story.intent.state in UNFILLED:
        at = rfc3339_s(story.intent.created_at_ms)
        lines = [f"A {request.side} of {at} ({because}) {UNFILLED[story.intent.state]}{_reason(story.intent)}."]
    else:
        lines = [f"A {request.side} ({because}) is on its way: {len(story.attempts)} times signed, not yet proven."]
    if story.run is not None:
        lines.append(f"  The sniper's reason: {story.run.reason}.")
        lines += _parts(story.run)
    for booked in story.booked:
        if booked.entry.kind is EntryKind.REVERSAL:
            lines.append(
                f"  The network took transaction {short(booked.entry.signature or '')} back, so this was undone:"
                f" {format_sol(booked.entry.wallet_lamports, signed=True)} SOL. The proof: {booked.entry.evidence}."
            )
            continue
        of = "" if landed is None or booked.entry.signature == landed.signature else _by_another(booked.entry)
        lines.append(f"  Your wallet{of}: {format_sol(booked.entry.wallet_lamports, signed=True)} SOL; of it")
        lines += [f"    {line}" for line in costs_of(booked.entry)]
    return lines


def _parts(run: SnipeRun) -> list[str]:
    """What the opinion was made of."""
    if not run.components:
        return []
    parts = [f"    {part.name.replace('_', ' ')} {part.bps // 100}/100: {part.evidence}" for part in run.components]
    return [f"  What was measured of it then, by {run.version}:", *parts]


def _measures(run: SnipeRun) -> str:
    """The parts of an opinion without their evidence, at the end of a line."""
    parts = [f"{part.name.replace('_', ' ')} {part.bps // 100}" for part in run.components]
    return f" ({', '.join(parts)}; of 100 each)" if parts else ""


def _by_another(entry: Entry) -> str:
    """The fee of an attempt that landed with an error beside the one that filled the order."""
    return f", for another attempt, {short(entry.signature or '')}, which landed and traded nothing"


def not_bought_text(word: str, runs: Sequence[SnipeRun]) -> str:
    """Why there is no position of a token."""
    if not runs:
        return f"You never held {short(word)}, and your sniper did not look at it."
    looks = [f"  {run.status.lower()}: {run.reason}{_measures(run)}" for run in runs[-RUNS_SHOWN:]]
    return "\n".join([f"You never held {short(word)}. Your sniper looked at it:", *looks])
