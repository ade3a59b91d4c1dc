"""Who can freeze, tax, take or dilute a token: the facts of its mint in, the reasons against buying it out.

It judges what a mint allows, not who would do it: a launchpad token gives all of these powers away when it is made.
Exits never ask it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.trading.units import format_percent

UNREADABLE = "its mint cannot be read now, so nobody knows who could freeze or take it"


@dataclass(frozen=True, slots=True)
class MintFacts:
    """What a token's mint account says; every field is a power that somebody still holds over its holders, or an oddity.

    `transfer_fee_bps` is the greatest fee that is set for this or a coming epoch. `unknown_extensions` are the Token-2022
    extension types on the mint that this bot has no rule for.
    """

    can_mint: bool = False
    can_freeze: bool = False
    transfer_fee_bps: int = 0
    can_set_transfer_fee: bool = False
    has_permanent_delegate: bool = False
    has_transfer_hook: bool = False
    frozen_at_birth: bool = False
    can_be_paused: bool = False
    cannot_be_transferred: bool = False
    can_close_mint: bool = False
    can_mint_unseen: bool = False
    hides_transfers: bool = False
    bears_interest: bool = False
    is_scaled: bool = False
    unknown_extensions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MintPowers:
    """Who may make more of a token and who may freeze its holders, as base58 keys; empty for nobody."""

    mint_authority: str
    freeze_authority: str


class Verdict(StrEnum):
    """What one fact does to an entry. What has no row in RULES is fine; no fact ever stops an exit."""

    REFUSED = "refused"
    WARNED = "warned"


@dataclass(frozen=True, slots=True)
class Rule:
    """What is said of a token whose facts have `field`, and why it has that verdict.

    `says` is for the user; `{tax}` and `{types}` stand for the fee and for the unknown extensions.
    """

    field: str
    verdict: Verdict
    says: str
    why: str


# The worst first; a refusal names them in this order.
RULES = (
    Rule(
        "cannot_be_transferred",
        Verdict.REFUSED,
        "it cannot be transferred, so it cannot be sold",
        "a sale is a transfer into the curve or the pool",
    ),
    Rule(
        "frozen_at_birth",
        Verdict.REFUSED,
        "accounts of its holders are frozen from the start",
        "what is bought stays until somebody thaws it",
    ),
    Rule(
        "has_permanent_delegate",
        Verdict.REFUSED,
        "somebody can take it out of any wallet (permanent delegate)",
        "a position can vanish without its wallet signing",
    ),
    Rule(
        "has_transfer_hook",
        Verdict.REFUSED,
        "a program of somebody's decides about each transfer (transfer hook)",
        "it can let buys through and stop sales; a hook that names no program yet can be given one",
    ),
    Rule(
        "can_freeze",
        Verdict.REFUSED,
        "somebody can freeze its holders (freeze authority)",
        "a frozen account cannot sell",
    ),
    Rule(
        "can_be_paused",
        Verdict.REFUSED,
        "somebody can stop all transfers (pausable)",
        "nobody sells while it is paused",
    ),
    Rule(
        "transfer_fee_bps",
        Verdict.REFUSED,
        "each transfer is taxed with {tax} (transfer fee)",
        "it is taken on the way in and on the way out, and no quote counts it",
    ),
    Rule(
        "can_set_transfer_fee",
        Verdict.REFUSED,
        "somebody can set a tax on each transfer (transfer fee authority)",
        "it can become 100 % two epochs later",
    ),
    Rule(
        "can_mint_unseen",
        Verdict.REFUSED,
        "somebody can make more of it without anybody seeing how much (confidential mint)",
        "its supply, and so its price, cannot be known",
    ),
    Rule(
        "can_mint",
        Verdict.REFUSED,
        "somebody can make more of it (mint authority)",
        "what is made is sold into the same market",
    ),
    Rule(
        "can_close_mint",
        Verdict.REFUSED,
        "somebody can close its mint (close authority)",
        "at a supply of nothing the mint can come back with other extensions; no launchpad token has it",
    ),
    Rule(
        "unknown_extensions",
        Verdict.REFUSED,
        "its mint has extensions that are not known here ({types})",
        "what nobody here has read about may do any of the above",
    ),
    Rule(
        "hides_transfers",
        Verdict.WARNED,
        "holders can hide how much they have and move (confidential transfers)",
        "the shares of its holders cannot be trusted; sales are not touched",
    ),
    Rule(
        "bears_interest",
        Verdict.WARNED,
        "wallets show more of it than there is (interest bearing)",
        "the amounts traded here are raw units, which do not change",
    ),
    Rule(
        "is_scaled",
        Verdict.WARNED,
        "wallets show its amounts multiplied, by a number that somebody can change (scaled amounts)",
        "the amounts traded here are raw units, which do not change",
    ),
)


def hazards(facts: MintFacts) -> tuple[str, ...]:
    """Why a token should not be bought, the worst first; nothing for one that nobody has power over."""
    return _said(facts, Verdict.REFUSED)


def cautions(facts: MintFacts) -> tuple[str, ...]:
    """What a buyer should know of a token, and what refuses nothing."""
    return _said(facts, Verdict.WARNED)


def _said(facts: MintFacts, verdict: Verdict) -> tuple[str, ...]:
    tax = format_percent(facts.transfer_fee_bps)
    types = ", ".join(str(number) for number in facts.unknown_extensions)
    return tuple(
        rule.says.format(tax=tax, types=types)
        for rule in RULES
        if rule.verdict is verdict and getattr(facts, rule.field)
    )
