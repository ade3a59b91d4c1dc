"""What a user reads of what others did to his wallet."""

from __future__ import annotations

from collections.abc import Mapping

from bot.telegram.words import int_of, mode_label, short
from bot.trading.units import counted, format_sol, format_tokens, span


def away(facts: Mapping[str, object]) -> str:
    """The bot was away: for how long, what was checked since, and what was due meanwhile."""
    due = facts["due"]
    tokens = [short(str(mint)) for mint in due] if isinstance(due, list) else []
    positions = int_of(facts, "positions")
    books = (
        "your wallet was compared with your books"
        if facts["compared"]
        else "your books are still being compared with the chain"
    )
    sold = f"Due was the exit of {', '.join(tokens)}: sold, or being sold now." if tokens else "No exit was due."
    return (
        f"The bot was away for {span(int_of(facts, 'away_ms') / 1000)}, and nobody watched your"
        f" {counted(positions, 'open position')} meanwhile. It is back. Checked: your orders on the way were looked up on the"
        f" chain, and {books}. {sold} What is left follows its plan again; see /positions."
    )


def adjustment(facts: Mapping[str, object]) -> str:
    came_raw = int_of(facts, "chain_token_raw") - int_of(facts, "books_token_raw")
    if came_raw > 0:
        by = f" by transaction {facts['signature']}" if facts.get("signature") is not None else ""
        return (
            f"{mode_label(str(facts['mode']))} {format_tokens(came_raw)} tokens of {short(str(facts['mint']))} came into your"
            f" wallet{by}, which is no order of this bot. They are sold with your position."
        )
    lost_lamports = facts.get("cost_lost_lamports")
    cost = f" The missing ones had cost {format_sol(lost_lamports)} SOL." if isinstance(lost_lamports, int) else ""
    if facts.get("swept"):
        return (
            f"{mode_label(str(facts['mode']))} Your position in {short(str(facts['mint']))} has ended: its tokens are at your"
            f" safe address.{cost.replace('missing ones', 'tokens')} They count as moved, and not as a loss."
        )
    signature, lamports = facts.get("signature"), facts.get("lamports")
    by = f" Transaction {signature} did it, which is no order of this bot." if signature is not None else ""
    if isinstance(lamports, int) and lamports > 0:
        by += f" It brought {format_sol(lamports)} SOL, which count in the result."
    frozen = (
        " It was signed with your wallet's key, so the wallet is frozen, your stops too: /ack_outflow if it was you."
        if facts.get("signed")
        else ""
    )
    return (
        f"{mode_label(str(facts['mode']))} The chain shows {format_tokens(int_of(facts, 'chain_token_raw'))} tokens of"
        f" {short(str(facts['mint']))}, the books had {format_tokens(int_of(facts, 'books_token_raw'))}. The books now follow"
        f" the chain.{cost}{by}{frozen} If you did not move them yourself, withdraw your money."
    )


def outflow(facts: Mapping[str, object]) -> str:
    signatures, mints = facts["signatures"], facts["mints"]
    assert isinstance(signatures, list)
    assert isinstance(mints, list)
    lamports = int_of(facts, "lamports")
    what = [f"{format_sol(lamports)} SOL"] if lamports or not mints else []
    what += [f"tokens of {mint}" for mint in mints]
    return (
        f"Your wallet {facts['address']} lost {' and '.join(what)} by {', '.join(signatures)}, which this bot did not sign. The"
        " wallet is frozen: nothing is bought or sold, your stops do not work, and what leaves after this is booked without"
        " another message. If it was you: /ack_outflow. If not, somebody else has the key: deposit"
        " nothing more and tell the operator; /ack_outflow and then /panic sells what you hold, so that you can move it with"
        " your own key."
    )


def outflow_was_ours(facts: Mapping[str, object]) -> str:
    return (
        f"Nobody else has used the key of your wallet {facts['address']}: what left it was sold by this bot, whose records of it"
        " came later. It is not frozen any more, and your stops work again."
    )
