"""What the audit holds orders against that trade nothing: closings of emptied accounts, and withdrawals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bot.trading.intent import IN_FLIGHT

if TYPE_CHECKING:
    from tests.whole.audit import Case

FEES_OF_A_WITHDRAWAL = 25_000


def withdrawals_take_what_was_asked(case: Case) -> Iterator[str]:
    """A withdrawal that landed took its amount and a fee, moved no token, is filled, and has an entry; a filled one landed."""
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
            if one.tokens or not 0 < beside <= FEES_OF_A_WITHDRAWAL:
                yield f"withdrawal {one.signature} took {beside} lamports beside what was asked, and {dict(one.tokens)}"


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
