"""How much of a token a user might buy by an opinion: what he set for one buy, and less where a limit of his binds. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.limits import Ceilings, UserSettings, exposure_limit, position_limit, trade_limit
from bot.trading.signal import Action, Opinion
from bot.trading.sizing import snipe_size
from bot.trading.strategy import Strategy
from bot.trading.units import format_sol


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`lamports` is 0 where nothing is suggested; `less` says why it is less than `wished_lamports`, empty where it is not."""

    lamports: int
    wished_lamports: int
    less: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """What a user has at risk already, in lamports: in this token, and in all of them."""

    token_lamports: int
    all_lamports: int


def suggested(
    opinion: Opinion, settings: UserSettings, ceilings: Ceilings, held: Held, depth_lamports: int
) -> Suggestion:
    """What his sniper would spend, within every limit that a buy of his by hand meets.

    `depth_lamports` is the side of SOL that the price is made of. Nothing is suggested unless the opinion is a buy, nor what
    the operator's least trade is above.
    """
    wished = settings.snipe_max_lamports
    by_sniper = snipe_size(settings, depth_lamports, opinion.edge)
    if opinion.action is not Action.BUY:
        return Suggestion(0, wished, f"the opinion is {opinion.action}, not a buy")
    trade, position = trade_limit(settings, ceilings, Strategy.MANUAL), position_limit(settings, ceilings)
    exposure = exposure_limit(settings, ceilings)
    bounds = [
        (by_sniper.lamports, "; ".join(by_sniper.why_less)),
        (trade.value, f"{trade.rule} is {format_sol(trade.value)} SOL"),
        (
            position.value - held.token_lamports,
            f"{position.rule} is {format_sol(position.value)} SOL, and you have {format_sol(held.token_lamports)} in it",
        ),
        (
            exposure.value - held.all_lamports,
            f"{exposure.rule} is {format_sol(exposure.value)} SOL, and you have {format_sol(held.all_lamports)} at risk",
        ),
    ]
    least, why = min(bounds, key=lambda bound: bound[0])
    if least < ceilings.min_trade_lamports:
        return Suggestion(0, wished, why or f"the least trade is {format_sol(ceilings.min_trade_lamports)} SOL")
    return Suggestion(least, wished, why)
