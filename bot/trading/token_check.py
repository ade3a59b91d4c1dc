"""Who can freeze, tax, take or dilute a token: the facts of its mint in, the reasons against buying it out.

It judges what a mint allows, not who would do it: a launchpad token gives all of these powers away when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.units import format_percent

UNREADABLE = "its mint cannot be read now, so nobody knows who could freeze or take it"


@dataclass(frozen=True, slots=True)
class MintFacts:
    """What a token's mint account says; every field is a power that somebody still holds over its holders.

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
    unknown_extensions: tuple[int, ...] = ()


def hazards(facts: MintFacts) -> tuple[str, ...]:
    """Why a token should not be bought, the worst first; nothing for one that nobody has power over."""
    found = {
        "it cannot be transferred, so it cannot be sold": facts.cannot_be_transferred,
        "accounts of its holders are frozen from the start": facts.frozen_at_birth,
        "somebody can take it out of any wallet (permanent delegate)": facts.has_permanent_delegate,
        "a program of somebody's decides about each transfer (transfer hook)": facts.has_transfer_hook,
        "somebody can freeze its holders (freeze authority)": facts.can_freeze,
        "somebody can stop all transfers (pausable)": facts.can_be_paused,
        f"each transfer is taxed with {format_percent(facts.transfer_fee_bps)} (transfer fee)": facts.transfer_fee_bps
        > 0,
        "somebody can set a tax on each transfer (transfer fee authority)": facts.can_set_transfer_fee,
        "somebody can make more of it (mint authority)": facts.can_mint,
        "somebody can close its mint (close authority)": facts.can_close_mint,
        f"its mint has extensions that are not known here ({_types(facts)})": bool(facts.unknown_extensions),
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _types(facts: MintFacts) -> str:
    return ", ".join(str(number) for number in facts.unknown_extensions)
