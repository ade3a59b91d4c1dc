"""Warnings in words: a day's loss that closed entries, a wallet that cannot pay or sign, and a sale that is left undone."""

from __future__ import annotations

from collections.abc import Mapping

from bot.telegram.words import int_of, mode_label, short
from bot.trading.units import counted, format_sol


def day_loss(facts: Mapping[str, object]) -> str:
    """The limit of a day's loss was reached."""
    return (
        f"{mode_label(str(facts['mode']))} Nothing is bought for you for now: {facts['why']}. Your positions keep their exits,"
        " and you can sell. /settings daily_loss shows the limit."
    )


def wallet_low(facts: Mapping[str, object]) -> str:
    """A wallet has less than the sales of its positions may cost."""
    held, missing = int_of(facts, "lamports"), int_of(facts, "missing_lamports")
    return (
        f"{mode_label(str(facts['mode']))} Your wallet {facts['address']} has {format_sol(held)} SOL left. Selling its"
        f" {counted(int_of(facts, 'positions'), 'position')} may cost {format_sol(held + missing)} SOL in fees, so that a stop"
        f" may come too late or not at all. Send at least {format_sol(missing)} SOL there, or sell now: /positions"
    )


def vault_freeze(facts: Mapping[str, object]) -> str:
    """The vault remembers a freeze that this bot did not know of."""
    return (
        f"{mode_label(str(facts['mode']))} Your wallet {facts['name']} ({facts['address']}) is frozen: the vault, which signs,"
        " remembers a freeze that I did not know of. Nothing is bought, sold or sent from it, your stops and take-profits"
        f" neither; what was due waits. /unfreeze CODE {facts['name']} ends that, with a code of your second factor."
    )


def copied_sale_left(facts: Mapping[str, object]) -> str:
    """A sale that was to be copied is not tried any more."""
    return (
        f"{mode_label(str(facts['mode']))} {short(str(facts['mint']))} was to be sold ({facts['reason']}), and I do not try it"
        f" any more: {facts['why']}. You still hold it, and your own exits of it are watched on; /sell {facts['mint']} all"
        " sells it."
    )
