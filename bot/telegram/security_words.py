"""What a user reads of what his second factor lets out: addresses, withdrawals, and keys."""

from __future__ import annotations

from collections.abc import Mapping

from bot.telegram.words import int_of, mode_label
from bot.trading.units import format_sol, format_tokens, span


def withdrawn(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} {format_sol(int_of(facts, 'lamports'))} SOL were sent to {facts['to']}, for a fee of"
        f" {format_sol(int_of(facts, 'fee_lamports'))} SOL (transaction {facts['signature']})."
    )


def address_allowed(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} With a code of your authenticator {facts['address']} was allowed: in"
        f" {span(int_of(facts, 'delay_ms') / 1000)} SOL of your wallet {facts['wallet']} can be withdrawn to it. If that was not"
        f" you, send /withdraw remove {facts['address']} {facts['wallet']} now, and then put another key in place with /totp."
    )


def safe_address(facts: Mapping[str, object]) -> str:
    delay, wallet = span(int_of(facts, "delay_ms") / 1000), facts["wallet"]
    return (
        f"{mode_label(str(facts['mode']))} With a code of your authenticator {facts['address']} was registered as the safe"
        f" address of your wallet {wallet}: from {delay} from now on all SOL of that wallet and the tokens of its positions are"
        f" swept there whenever it is frozen. If that was not you, send /sweep cancel {wallet} now, and then put another key in"
        " place with /totp."
    )


def swept(facts: Mapping[str, object]) -> str:
    mode, fee = mode_label(str(facts["mode"])), format_sol(int_of(facts, "fee_lamports"))
    where = f"your safe address {facts['to']}, for a fee of {fee} SOL (transaction {facts['signature']})"
    if not facts["mint"]:
        lamports = int_of(facts, "lamports")
        return f"{mode} {format_sol(lamports)} SOL of your frozen wallet were swept to {where}."
    return (
        f"{mode} All {format_tokens(int_of(facts, 'token_raw'))} tokens of {facts['mint']} in your frozen wallet were sent to"
        f" {where}. The bot neither watches nor sells them there; the position ends, and what it had cost is booked as gone."
    )


def key_demanded(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} With a code of your authenticator the private key of your wallet {facts['wallet']}"
        f" ({facts['address']}) was asked for: in {span(int_of(facts, 'delay_ms') / 1000)} it can be taken with another code, for"
        f" {span(int_of(facts, 'counts_ms') / 1000)}. If that was not you, send /export_keys cancel now, and then put another key"
        " in place with /totp."
    )


def key_exported(facts: Mapping[str, object]) -> str:
    return (
        f"{mode_label(str(facts['mode']))} The private key of your wallet {facts['wallet']} ({facts['address']}) was handed out"
        " as a file, for a code of your authenticator. Whoever has that file and its code has all the money of this wallet, now"
        " and later. If that was not you, tell the operator and move what is in it now."
    )
