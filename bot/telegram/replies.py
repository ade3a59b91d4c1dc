"""Words for facts: what a user reads. Every message carries its mode; amounts are exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.ports import OrderStory, OutboxMessage, Preview, PricePoint
from bot.telegram import copy_text, halt_text, security_words, standing_text, warning_text
from bot.telegram.book_text import reason_text, report_text
from bot.telegram.opinion_text import signal_text
from bot.telegram.outside_words import adjustment, away, outflow, outflow_was_ours
from bot.telegram.words import FOLLOWS, MOVED, int_of, mode_label, short
from bot.trading.curve import Fees, QuoteError
from bot.trading.failures import program_failure
from bot.trading.intent import Intent, IntentState, Side
from bot.trading.offer import Offer
from bot.trading.own_impact import worth
from bot.trading.position import Position, PositionState
from bot.trading.risk_gate import PROGRAM_RENT_MAX_LAMPORTS, TOKEN_ACCOUNT_RENT_LAMPORTS
from bot.trading.units import counted, format_percent, format_sol, format_tokens

_DEPOSITS = {
    "paper": "It is virtual: what it holds is play money from the start, and SOL sent there is not seen.",
    "dry_run": "It is virtual: its orders are signed and never sent, and what it holds is play money; send no SOL there.",
    "live": "Deposit SOL there.",
}


def deposit_words(mode: str) -> str:
    """What a user of this mode is told about putting SOL into his wallet."""
    return _DEPOSITS.get(mode, "Nothing is traded with it; send no SOL there.")


def message_text(message: OutboxMessage) -> str:
    """The text of an outbox message; raises KeyError for a kind that this version does not know."""
    return _TEXTS[message.kind](message.payload)


def _order(facts: Mapping[str, object]) -> str:
    """What an order is called: its side and token, or how much was to go where."""
    if "to" in facts:
        return f"withdrawal of {format_sol(int_of(facts, 'lamports'))} SOL to {short(str(facts['to']))}"
    return f"{facts['side']} of {short(str(facts['mint']))}"


def moved_text(message: OutboxMessage, lead: str) -> str:
    """What the earlier message of an order says once its news has come as a message of its own; `lead` is what stood there."""
    if lead:
        return lead.replace(FOLLOWS, MOVED)
    facts = message.payload
    return f"{mode_label(str(facts['mode']))} The {_order(facts)} was sent. {MOVED}"


def _fill(facts: Mapping[str, object]) -> str:
    label, mint, tokens = (
        mode_label(str(facts["mode"])),
        short(str(facts["mint"])),
        format_tokens(int_of(facts, "token_raw")),
    )
    if facts["side"] == "buy":
        cost = format_sol(int_of(facts, "cost_lamports"))
        return f"{label} Bought {tokens} tokens of {mint} for {cost} SOL, all fees included."
    text = (
        f"{label} Sold {tokens} tokens of {mint} for {format_sol(int_of(facts, 'proceeds_lamports'))} SOL net,"
        f" result {format_sol(int_of(facts, 'realized_lamports'), signed=True)} SOL ({reason_text(str(facts['reason']))})."
    )
    if facts.get("evidence"):
        text += f" The reason: {facts['evidence']}."
    if facts["position_closed"]:
        text += (
            f" Position closed at {format_sol(int_of(facts, 'position_realized_lamports'), signed=True)} SOL in all."
        )
    return text


def _failed(facts: Mapping[str, object]) -> str:
    if "brought_token_raw" in facts:
        return _brought(facts)
    return (
        f"{mode_label(str(facts['mode']))} The {_order(facts)} landed with an error and traded"
        f" nothing; the network kept its fee. {_why_failed(facts)} {facts.get('advice', '')}".rstrip()
    )


def _brought(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} The buy of {short(str(facts['mint']))} landed, but not as the trade that it was"
        f" signed for, and is no trade in your books. It brought {format_tokens(int_of(facts, 'brought_token_raw'))} tokens for"
        f" {format_sol(int_of(facts, 'brought_for_lamports'))} SOL all the same (transaction {facts['signature']}). They are a"
        " position now, with your exits, and /positions shows it."
    )


def _why_failed(facts: Mapping[str, object]) -> str:
    """Rows of older versions have the chain's own words in `failure`, which nobody can read."""
    code, failure = facts.get("program_error"), str(facts["failure"])
    if isinstance(code, int):
        return f"The reason: {program_failure(code)}."
    if "{" in failure:
        return f"The reason: {program_failure(None)}."
    return f"The reason: {failure.removeprefix('landed with an error: ')}."


def _expired(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} The {_order(facts)} never landed; this is proven,"
        " nothing was traded or charged."
    )


def _unknown(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} The {_order(facts)} is sent, not yet proven: it is"
        " too late for it to land, and the chain is asked whether it did. What it reserved stays reserved until then."
    )


def _awaits_pool(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} {short(str(facts['mint']))} has left its curve and waits for its pool. Until that"
        " opens, mostly within a minute, nobody can sell it. Your position is kept, and its exits count again from then on."
    )


def _awaits_router(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} A sale of {short(str(facts['mint']))} waits: {facts['reason']}. The position is kept"
        " and the sale is tried again by itself; you hear the next time when one has left and it waits once more."
    )


def _exit_stuck(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} Your position in {short(str(facts['mint']))} could not be sold {facts['tries']}"
        f" times, the last time because {facts['reason']}. It is tried again twice a minute for as long as you hold it."
    )


def _rolled_back(facts: Mapping[str, object]) -> str:
    what = f"{_order(facts)} (transaction {short(str(facts['signature']))})"
    label = mode_label(str(facts["mode"]))
    if not facts["itself"]:
        return (
            f"{label} The {what} came after one that the network has taken back. It is booked again as the chain shows it,"
            " and you are told."
        )
    held = "open again" if facts["position_open"] else "as it was before"
    undone = f" The books have undone it and your position is {held}." if facts["token_raw"] else ""
    return (
        f"{label} The network has taken back the {what}: the block that it was in did not become final.{undone} It may land"
        " again; then it is booked again and you are told. If it does not, you are told that as well."
    )


def _landed_after_all(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} The {_order(facts)} (transaction"
        f" {short(str(facts['signature']))}) was told to have traded nothing. It has landed after all: the network shows it now."
        " It is booked as what it did, and you are told."
    )


def _monitor_lost(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} The monitor of your position in {short(str(facts['mint']))} is out of order. A"
        " simpler one keeps its stop-loss and time exit; take-profit is off. To leave now: /sell"
        f" {facts.get('position_id', facts['mint'])} all"
    )


def _breaker(facts: Mapping[str, object]) -> str:
    return (
        f"What buys for you by itself is paused: {facts['why']}. Your positions keep their exits, and you can trade by hand"
        " within your limits. /resume lets it go on."
    )


def _loss_flatten(facts: Mapping[str, object]) -> str:
    positions = int_of(facts, "positions")
    sold = (
        f"Everything that you hold is being sold ({counted(positions, 'position')})"
        if positions
        else "You hold nothing"
    )
    return (
        f"{sold}, and nothing is bought for you: {facts['why']}, as flatten_at_loss of /settings, or the operator's, says."
        " /resume opens your entries again and keeps what you buy then, whatever the rest of this day brings."
    )


def _overtaken(facts: Mapping[str, object]) -> str:
    return (
        f"Your {facts['command']} of {facts['at']} was not carried out by the bot that took over after it; send it again if you"
        " still want it."
    )


def _broadcast(facts: Mapping[str, object]) -> str:
    return f"From whoever runs this bot: {facts['text']}"


def _role_given(facts: Mapping[str, object]) -> str:
    return (
        f"Your role here is {facts['role']} from now on; it was {facts['was']}. /help lists what you may use, and /settings"
        " your limits."
    )


_TEXTS = {
    "broadcast": _broadcast,
    "role_given": _role_given,
    "report": report_text,
    "halted": halt_text.halted,
    "flattened": halt_text.flattened,
    "program_flattened": halt_text.program_flattened,
    "overtaken": _overtaken,
    "rearmed": halt_text.rearmed,
    "outflow": outflow,
    "outflow_was_ours": outflow_was_ours,
    "monitor_lost": _monitor_lost,
    "breaker": _breaker,
    "loss_flatten": _loss_flatten,
    "away": away,
    "fill": _fill,
    "withdrawn": security_words.withdrawn,
    "address_allowed": security_words.address_allowed,
    "safe_address": security_words.safe_address,
    "swept": security_words.swept,
    "key_demanded": security_words.key_demanded,
    "key_exported": security_words.key_exported,
    "order_failed": _failed,
    "order_expired": _expired,
    "order_unknown": _unknown,
    "exit_stuck": _exit_stuck,
    "awaits_pool": _awaits_pool,
    "awaits_router": _awaits_router,
    "adjustment": adjustment,
    "signal": signal_text,
    "copy_left": copy_text.left,
    "share_set": copy_text.share_set,
    "day_loss": warning_text.day_loss,
    "wallet_low": warning_text.wallet_low,
    "vault_freeze": warning_text.vault_freeze,
    "copied_sale_left": warning_text.copied_sale_left,
    "standing_fired": standing_text.fired,
    "standing_waits": standing_text.waits,
    "standing_ended": standing_text.ended,
    "rolled_back": _rolled_back,
    "landed_after_all": _landed_after_all,
}
MESSAGE_KINDS = frozenset(_TEXTS)


def taken_back_line(position: Position, *, may_land: bool) -> str:
    """A position whose only buy the network took back: it has no result, and may be there again."""
    ends = "it may land again, see the order above" if may_land else "it never landed again; nothing was traded"
    return (
        f"{mode_label(position.mode.value)} {short(position.mint)}: the network took its buy back, so nothing of it is held;"
        f" {ends}"
    )


def was_taken_back(position: Position, stories: Sequence[OrderStory]) -> bool:
    """Whether a position closed because the network took its only buy back."""
    landed = [story.landed for story in stories if story.landed is not None]
    return bool(stories) and all(one.position_id != position.id for one in landed)


def swept_line(position: Position) -> str:
    """A position that closed because its wallet was frozen, with nothing sold."""
    label = mode_label(position.mode.value)
    return f"{label} {short(position.mint)}: its tokens were swept to your safe address; nothing of it was won or lost"


def position_line(position: Position, point: PricePoint | None, fees: Fees | None, *, by_id: bool = False) -> str:
    """One position; an open one with what a sale of everything would bring at the last known reserves.

    Its sale names it `by_id` where its token alone could mean another one.
    """
    label, mint = mode_label(position.mode.value), short(position.mint)
    if position.state is PositionState.CLOSED:
        return f"{label} {mint} closed, result {format_sol(position.realized_lamports, signed=True)} SOL"
    text = f"{label} {mint} {format_tokens(position.token_raw)} tokens, cost {format_sol(position.cost_lamports)} SOL"
    rent_lamports = position.cost_lamports - position.basis_lamports
    if rent_lamports:
        text += f" ({format_sol(rent_lamports)} SOL of it rent, which stops do not count)"
    if point is None or fees is None:
        return f"{text}, its price is not known now"
    try:
        brings = worth(position, point.venue, fees)
    except QuoteError as error:
        return f"{text}, cannot be sold now: {error}"
    change = brings - position.cost_lamports
    named = position.id if by_id else position.mint
    return (
        f"{text}, a sale now brings {format_sol(brings)} SOL ({format_sol(change, signed=True)})\n  /sell {named} all"
    )


def order_line(intent: Intent) -> str:
    """An order whose outcome is not proven yet; unknown is never told as failed."""
    label, mint, side = mode_label(intent.request.mode.value), short(intent.request.mint), intent.request.side.value
    sent = intent.state in {IntentState.SENT, IntentState.UNKNOWN}
    text = f"{label} {mint} {side}: {'sent, not yet proven' if sent else 'being made'}"
    if intent.state is IntentState.UNKNOWN:
        text += "; it is too late to land, and the chain is asked whether it did"
    if intent.reserved_lamports:
        text += f"; {format_sol(intent.reserved_lamports)} SOL stay reserved"
    return text


def offer_card(offer: Offer, preview: Preview, now_ms: int) -> str:
    """An order that waits for its user's word: what it trades, what it costs, what is the least that comes out."""
    request, quote = offer.request, preview.quote
    buys = request.side is Side.BUY
    told = f"trading fees {format_sol(quote.fees_lamports)} SOL"
    fees = told if preview.fees_are_known else "the fees of the markets where it trades"
    network = format_sol(preview.network_fee_lamports)
    if preview.tip_lamports:
        network += f" SOL, the tip of a block engine {format_sol(preview.tip_lamports)}"
    if buys:
        trade = f"Buy {request.mint} for {format_sol(request.spend_lamports)} SOL"
        result = f"about {format_tokens(quote.token_raw)} tokens, at least {format_tokens(preview.limit_raw)}"
        costs = (
            f"{fees} are in it; on top come the network fee {network} SOL and the rent of accounts that"
            f" are not there yet: {format_sol(TOKEN_ACCOUNT_RENT_LAMPORTS)} SOL that the last sale gives back, and at most"
            f" {format_sol(PROGRAM_RENT_MAX_LAMPORTS)} SOL once that the launchpad keeps. Stops do not count rent"
        )
    else:
        trade = f"Sell {format_tokens(quote.token_raw)} tokens of {request.mint}"
        brings = format_sol(max(quote.received_lamports, 0))
        result = f"about {brings} SOL, at least {format_sol(preview.limit_raw)} SOL at this price"
        costs = f"{fees} are off already; network fee {network} SOL"
    lines = [
        f"{mode_label(request.mode.value)} {trade}, wallet {short(preview.wallet_address)}",
        f"  {result}; price impact {format_percent(preview.impact_bps)}",
        f"  {costs}",
        *(f"  Warning: {warning}" for warning in preview.warnings),
        f"Nothing is sent yet. Within {(offer.expires_at_ms - now_ms) // 1000} s:",
        f"  /confirm {offer.code}",
        f"  /cancel {offer.code}",
    ]
    return "\n".join(lines)


def safety_line(hazards: tuple[str, ...], cautions: tuple[str, ...] = ()) -> str:
    """What a token's mint lets somebody do to its holders, and below it what a buyer should know."""
    line = f"Not safe: {'; '.join(hazards)}." if hazards else "Nobody can freeze, tax, take back or mint more of it."
    return "\n".join([line, *(f"Beware: {caution}." for caution in cautions)])
