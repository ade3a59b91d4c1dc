"""Warnings in words: a day's loss that closed entries, and a wallet that cannot pay for its sales."""

from __future__ import annotations

from collections.abc import Mapping

from bot.telegram.words import int_of, mode_label
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
