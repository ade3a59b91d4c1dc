"""What the audit holds orders against that trade nothing: closings of emptied accounts, and withdrawals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.trading.intent import IN_FLIGHT
from bot.trading.withdrawal import OPENING_MAX_LAMPORTS

if TYPE_CHECKING:
    from tests.whole.audit import Case

FEES_OF_A_WITHDRAWAL = 25_000


def withdrawals_take_what_was_asked(case: Case) -> Iterator[str]:
    """A withdrawal that landed took its amount and a fee, is filled, and has an entry; a filled one landed.

    It moved no token but the one that a sweep names: opening its account there costs rent, closing the own one brings some back.
    """
    landed = {
        case.intent_of[signature]["id"]: one
        for signature, (_, one) in case.signed.items()
        if one.succeeded and signature in case.intent_of and case.intent_of[signature]["side"] == "withdraw"
    }
    entries = {entry["signature"] for entry in case.books.entries if entry["kind"] == "withdrawal"}
    for intent in case.books.intents:
        if intent["side"] != "withdraw" or (case.unresolved and intent["state"] in IN_FLIGHT):
            continue
        one = landed.get(intent["id"])
        if (intent["state"] == "filled") != (one is not None):
            yield f"withdrawal {intent['id']} is {intent['state']}, the chain shows {one}"
        elif one is not None and one.signature not in entries:
            yield f"withdrawal {one.signature} has no entry"
        elif one is not None:
            beside = -one.lamports - intent["spend_lamports"]
            sent = {intent["mint"]: -intent["token_raw"]} if intent["mint"] else {}
            rent = OPENING_MAX_LAMPORTS if intent["mint"] else 0
            if dict(one.tokens) != sent or not -rent < beside <= FEES_OF_A_WITHDRAWAL + rent:
                yield f"withdrawal {one.signature} took {beside} lamports beside what was asked, and {dict(one.tokens)}"


def swept_positions_follow_their_sweeps(case: Case) -> Iterator[str]:
    """What is booked as moved to a safe address was sent there by a sweep of its wallet and token, which landed."""
    positions = {row["id"]: row for row in case.books.positions}
    for row in case.books.adjustments:
        if row.get("sweep_id") is None:
            continue
        sweep, position = case.intents[row["sweep_id"]], positions[row["position_id"]]
        gone = row["before_token_raw"] - row["after_token_raw"]
        is_its = (sweep["wallet_id"], sweep["mint"]) == (position["wallet_id"], position["mint"])
        if sweep["side"] != "withdraw" or sweep["state"] != "filled" or not is_its or gone > sweep["token_raw"]:
            yield f"{gone} tokens of position {position['id']} are booked as swept by {sweep['id']}, which did not"


def closings_bring_back_rent(case: Case) -> Iterator[str]:
    """A closing that landed moved no tokens, brought SOL back, is filled, and has an entry; one that is filled landed."""
    landed = {
        case.intent_of[signature]["id"]: one
        for signature, (_, one) in case.signed.items()
        if one.succeeded and signature in case.intent_of and case.intent_of[signature]["side"] == "close"
    }
    kinds = {entry["signature"]: entry["kind"] for entry in case.books.entries if entry["kind"] == "closing"}
    for intent in case.books.intents:
        if intent["side"] != "close" or (case.unresolved and intent["state"] in IN_FLIGHT):
            continue
        if intent["wallet_id"] in case.virtual:
            continue
        one = landed.get(intent["id"])
        if (intent["state"] == "filled") != (one is not None):
            yield f"closing {intent['id']} is {intent['state']}, the chain shows {one}"
        elif one is not None and (one.tokens or one.lamports <= 0 or one.signature not in kinds):
            yield f"closing {one.signature} moved {dict(one.tokens)} and {one.lamports} lamports, its entry is missing or wrong"
