"""How much of a token a user might buy by an opinion: what he set for one buy, and less where a limit of his binds. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.limits import Ceilings, UserSettings, exposure_limit, position_limit, trade_limit
from bot.trading.signal import Action, Opinion
from bot.trading.sizing import IMPACT_SHARE_BPS
from bot.trading.strategy import Strategy
from bot.trading.units import bps_floor, format_percent, format_sol


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
    """What he set for one snipe, within every limit that a buy of his by hand meets, and 1 % of the market's depth.

    `depth_lamports` is the side of SOL that the price is made of. Nothing is suggested unless the opinion is a buy, nor what
    the operator's least trade is above.
    """
    wished = settings.snipe_max_lamports
    if opinion.action is not Action.BUY:
        return Suggestion(0, wished, f"the opinion is {opinion.action}, not a buy")
    trade, position = trade_limit(settings, ceilings, Strategy.MANUAL), position_limit(settings, ceilings)
    exposure = exposure_limit(settings, ceilings)
    bounds = [
        (wished, ""),
        (trade.value, f"{trade.rule} is {format_sol(trade.value)} SOL"),
        (
            position.value - held.token_lamports,
            f"{position.rule} is {format_sol(position.value)} SOL, and you have {format_sol(held.token_lamports)} in it",
        ),
        (
            exposure.value - held.all_lamports,
            f"{exposure.rule} is {format_sol(exposure.value)} SOL, and you have {format_sol(held.all_lamports)} at risk",
        ),
        (
            bps_floor(depth_lamports, IMPACT_SHARE_BPS),
            f"more than {format_percent(IMPACT_SHARE_BPS)} of the {format_sol(depth_lamports)} SOL that make its price would"
            " pay for its own impact",
        ),
    ]
    least, why = min(bounds, key=lambda bound: bound[0])
    if least < ceilings.min_trade_lamports:
        return Suggestion(0, wished, why or f"the least trade is {format_sol(ceilings.min_trade_lamports)} SOL")
    return Suggestion(least, wished, why)
