"""The steps of one order in the order of the road, each with its moment, from its rows alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bot.ports import Landed, OrderStory
from bot.trading.intent import Side
from bot.trading.ledger import Account, Entry, EntryKind
from bot.trading.units import format_sol, format_tokens

# What a person calls the accounts that an order of his touched; a positive amount went there.
ACCOUNTS = {
    Account.TOKENS: "for the tokens",
    Account.MARKET: "to the market",
    Account.RESULT: "lost on the tokens",
    Account.PROTOCOL_FEE: "protocol fee",
    Account.CREATOR_FEE: "creator fee",
    Account.LP_FEE: "fee for liquidity",
    Account.NETWORK_FEE: "network fee",
    Account.PRIORITY_FEE: "priority fee",
    Account.TIP: "tip to the block engine",
    Account.RENT: "account rent",
    Account.PROGRAM_RENT: "rent that the launchpad keeps",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to an order; `at_ms` in milliseconds since 1970, a block's time in whole seconds."""

    at_ms: int
    what: str
    detail: str


def steps_of(story: OrderStory) -> list[Step]:
    """Every step in the order of the road; what has not happened is not there.

    A block has a clock of its own, in whole seconds, which may stand behind ours or ahead of it: what follows from another
    step is never told to be earlier than that, and nothing is earlier than the first.
    """
    steps = [*_wish(story), *_attempts(story), *_end(story), *_told(story)]
    return [replace(step, at_ms=max(step.at_ms, steps[0].at_ms)) for step in steps]


def _landed_ms(story: OrderStory, landed: Landed) -> int:
    """The block's time, but neither before its bytes left nor after they were settled."""
    sent_ms = next((one.sent_at_ms for one in story.attempts if one.attempt.signature == landed.signature), None)
    settled = [one.at_ms for one in story.booked if one.entry.signature == landed.signature]
    return max(min([landed.block_time_ms, *settled]), sent_ms or 0)


def _wish(story: OrderStory) -> Iterator[Step]:
    intent, run = story.intent, story.run
    if run is not None:
        if run.seen_at_ms is not None:
            yield Step(run.seen_at_ms, "seen", f"launch of {run.mint} by {run.launch_signature}")
        yield Step(run.created_at_ms, "signal", f"run {run.id}: {run.reason}")
    request = intent.request
    if request.side is Side.CLOSE:
        accounts = f"the emptied accounts of {', '.join(request.closes)}"
        yield Step(intent.created_at_ms, "admitted", f"close {accounts}: {request.reason}; intent {intent.id}")
        return
    if request.side is Side.WITHDRAW:
        amount = f"{format_sol(request.spend_lamports)} SOL"
        if request.mint:
            amount = f"{format_tokens(request.token_raw)} tokens of {request.mint}"
        what = f"withdraw {amount} to {request.to_address}"
        yield Step(intent.created_at_ms, "admitted", f"{what}: {request.reason}; intent {intent.id}")
        return
    if request.side is Side.BUY:
        amount = f"for {format_sol(request.spend_lamports)} SOL"
    else:
        amount = f"{request.share_bps / 100:g} %" if request.share_bps else f"{format_tokens(request.token_raw)} tokens"
    because = f"{request.reason}, because {request.evidence}" if request.evidence else request.reason
    yield Step(
        intent.created_at_ms,
        "admitted",
        f"{request.side} {amount} of {request.mint} by {request.context}: {because}; intent {intent.id}",
    )


def _attempts(story: OrderStory) -> Iterator[Step]:
    for one in story.attempts:
        attempt = one.attempt
        valid = f"valid to height {attempt.last_valid_block_height}"
        yield Step(attempt.created_at_ms, "signed", f"attempt {attempt.number}, {attempt.signature}, {valid}")
        if one.sent_at_ms is not None:
            final = ", final" if attempt.final else ""
            yield Step(one.sent_at_ms, "sent", f"attempt {attempt.number}, now {attempt.state}{final}")


def _end(story: OrderStory) -> Iterator[Step]:
    landed, intent = story.landed, story.intent
    if landed is not None:
        detail = f"slot {landed.slot}, {format_tokens(landed.token_raw)} tokens, position {landed.position_id}"
        yield Step(_landed_ms(story, landed), "landed", detail)
    for booked in story.booked:
        wallet = f"wallet {format_sol(booked.entry.wallet_lamports, signed=True)} SOL"
        if booked.entry.kind is EntryKind.REVERSAL:
            yield Step(booked.at_ms, "reversed", f"{wallet}: {booked.entry.evidence}")
        else:
            yield Step(booked.at_ms, "settled", wallet)
    if story.closed_at_ms is not None and landed is None:
        yield Step(story.closed_at_ms, str(intent.state), intent.failure or "")


def _told(story: OrderStory) -> Iterator[Step]:
    for told in story.told:
        yield Step(told.at_ms, "message", told.kind)
        if told.delivered_at_ms is not None:
            yield Step(told.delivered_at_ms, "told", told.kind)


def costs_of(entry: Entry) -> list[str]:
    """Where the lamports of an order went, one account a line; they sum to what its wallet changed."""
    lines = []
    for leg in entry.legs:
        if entry.kind is EntryKind.CLOSING and leg.account is Account.OUTSIDE:
            lines.append(f"{format_sol(-leg.lamports)} SOL of rent back that no order of this bot had paid")
        elif leg.account is Account.RESULT and leg.lamports < 0:
            lines.append(f"{format_sol(-leg.lamports)} SOL gained on the tokens")
        elif leg.account in ACCOUNTS:
            from_there = " back" if leg.lamports < 0 else ""
            lines.append(f"{format_sol(abs(leg.lamports))} SOL {ACCOUNTS[leg.account]}{from_there}")
    return lines
