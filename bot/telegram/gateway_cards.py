"""What a reply looks like in Telegram: parts that fit into a message, and buttons that spare typing a token's address."""

from __future__ import annotations

import re

from bot.commands import CONSENT_TEXT, PAPER_CONSENT_TEXT
from bot.ports import Button, OutboxMessage, Subject, Topic
from bot.telegram.words import int_of, mode_label, short
from bot.trading.units import format_sol

MAX_UNITS = 4096  # UTF-16 units of one message
MAX_BUTTONS = 12
# What becomes of an order, whose id is the message's `trace_id`. A standing order that fires begins a story; what the network
# takes back or brings late ends one, because what comes after that is news.
_OF_AN_ORDER = frozenset({"fill", "withdrawn", "order_failed", "order_expired", "order_unknown"})
_BEGINS = "standing_fired"
_ENDS = frozenset({"rolled_back", "landed_after_all"})

# The line of a card that asks for the user's word; see `replies.offer_card`.
_CONFIRM_LINE = re.compile(r"^\s*/confirm ([0-9a-f]{8})$", re.MULTILINE)
# A line of a reply that is an order; see `replies.position_line`, `token_text.preset_lines` and `opinion_text`.
_ORDER_LINE = re.compile(r"^\s*/(buy|sell|ai) ([1-9A-HJ-NP-Za-km-z]{32,44}) (all|[0-9.]{1,14}%?)$", re.MULTILINE)


def units(text: str) -> int:
    """The length that Telegram counts: UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def parts(text: str) -> tuple[str, ...]:
    """A text as messages that fit, cut between lines where possible; none for a text without anything to see."""
    found: list[str] = []
    current = ""
    for line in _short_lines(text):
        if units(current) + units(line) > MAX_UNITS:
            found.append(current)
            current = ""
        current += line
    found.append(current)
    return tuple(part.strip("\n") for part in found if part.strip())


def _short_lines(text: str) -> list[str]:
    """Lines with their ends; a line that fits into no message is cut."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        rest = line
        while units(rest) > MAX_UNITS:
            lines.append(rest[: MAX_UNITS // 2])
            rest = rest[MAX_UNITS // 2 :]
        lines.append(rest)
    return lines


def buttons_under(reply: str) -> tuple[Button, ...]:
    """The buttons of a reply: consent to the terms, the word about an order, and each order that stands on a line of it."""
    if reply.endswith((CONSENT_TEXT, PAPER_CONSENT_TEXT)):
        return (Button("I agree", "/start agree"),)
    if offered := _CONFIRM_LINE.search(reply):
        return (Button("Confirm", f"/confirm {offered[1]}"), Button("Cancel", f"/cancel {offered[1]}"))
    return tuple(_order_button(*found) for found in _ORDER_LINE.findall(reply)[:MAX_BUTTONS])


def _order_button(side: str, mint: str, amount: str) -> Button:
    if amount == "all":
        return sell_button(mint)
    label = f"Sell {amount}" if side == "sell" else f"Buy {amount} SOL"
    return Button(label, f"/{side} {mint} {amount}")


def sell_button(mint: str, position_id: str = "", mode: str = "") -> Button:
    """A press is the command; its data stays below Telegram's 64 bytes for every address.

    With a position it sells that one alone: the same token may be held in another mode, or from another wallet.
    """
    label = f"Sell all of {short(mint)}" + (f" {mode_label(mode)}" if mode else "")
    return Button(label, f"/sell {position_id or mint} all")


def buttons_of(message: OutboxMessage) -> tuple[Button, ...]:
    """The buttons of an outbox message: what was bought or lost its monitor can be sold, what has closed can be shown."""
    facts = message.payload
    if message.kind == "monitor_lost" or (message.kind == "fill" and facts["side"] == "buy"):
        return (sell_button(str(facts["mint"]), str(facts.get("position_id", ""))),)
    if message.kind == "signal":
        mint, amount = str(facts["mint"]), format_sol(int_of(facts, "spend_lamports"))
        return (Button(f"Buy {amount} SOL", f"/ai {mint} {amount}"), Button("Opinion", f"/ai {mint}"))
    if message.kind == "fill" and facts.get("position_closed"):
        return (Button(f"Picture of {short(str(facts['mint']))}", f"/share {facts.get('position_id', facts['mint'])}"),)
    return ()


def story_of(message: OutboxMessage) -> Subject | None:
    """The order whose story an outbox message goes on with; None for news of another kind."""
    return Subject(Topic.ORDER, message.trace_id) if message.kind in _OF_AN_ORDER else None


def begun_by(message: OutboxMessage) -> Subject | None:
    """The order whose story an outbox message begins; None for another kind."""
    return Subject(Topic.ORDER, message.trace_id) if message.kind == _BEGINS else None


def ended_by(message: OutboxMessage) -> Subject | None:
    """The order of which whatever comes after this message is told on its own; None for another kind."""
    return Subject(Topic.ORDER, message.trace_id) if message.kind in _ENDS else None


def card_of(message: OutboxMessage) -> Subject | None:
    """The position whose card a message becomes: what was bought is shown from then on where that was told."""
    facts = message.payload
    if message.kind != "fill" or facts["side"] != "buy" or "position_id" not in facts:
        return None
    return Subject(Topic.POSITION, str(facts["position_id"]))
