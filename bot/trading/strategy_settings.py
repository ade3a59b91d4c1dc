"""The rows of the table of settings for limits of open positions, and for what each strategy may have of its own. Pure."""

from __future__ import annotations

from bot.trading.setting import Setting, Unit
from bot.trading.strategy import Strategy
from bot.trading.units import LAMPORTS_PER_SOL

_MILLI_SOL = LAMPORTS_PER_SOL // 1_000
_SOL_MOST = 10_000 * LAMPORTS_PER_SOL

# What each strategy buys, in the middle of a sentence.
STRATEGY_BUYS = {
    Strategy.MANUAL: "your buys by hand",
    Strategy.SNIPER: "your sniper's buys",
    Strategy.AUTO: "the buys of your orders that wait and of your automated trader",
    Strategy.COPY: "your copies",
}


def settings_of_strategies() -> tuple[Setting, ...]:
    """The limits that each strategy may have of its own."""
    found = [
        Setting(
            "max_positions",
            "max_positions",
            Unit.COUNT,
            "the most open positions, over all of your wallets of a mode",
            1,
            10_000,
            optional=True,
            ceiling="max_open_positions",
        )
    ]
    for strategy, bought in STRATEGY_BUYS.items():
        if strategy is not Strategy.SNIPER:
            found.append(
                Setting(
                    f"{strategy}_trade",
                    f"{strategy}_max_trade_lamports",
                    Unit.SOL,
                    f"the most that one of {bought} spends",
                    _MILLI_SOL,
                    _SOL_MOST,
                    optional=True,
                    within="max_trade",
                )
            )
        found += [
            Setting(
                f"{strategy}_positions",
                f"{strategy}_max_positions",
                Unit.COUNT,
                f"the most open positions of {bought}",
                1,
                10_000,
                optional=True,
                within="max_positions",
            ),
            Setting(
                f"{strategy}_spend",
                f"{strategy}_daily_spend_lamports",
                Unit.SOL,
                f"the most that {bought} spend in a day",
                _MILLI_SOL,
                _SOL_MOST,
                optional=True,
            ),
        ]
    return tuple(found)
