"""The points that a user has earned, written when he looks."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock
from bot.commands import Command
from bot.ports import RewardSums, Store
from bot.telegram.chat import Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import wrong_usage
from bot.trading.rewards import MOST_A_DAY, POINTS, TRADE_LEAST_LAMPORTS, RewardedAction
from bot.trading.units import counted, format_sol

FOR = {
    RewardedAction.START: "having begun",
    RewardedAction.TRADE: "tokens bought live",
    RewardedAction.RATING: "ratings of tokens that you bought live",
}


@dataclass(frozen=True, slots=True)
class RewardHandlers:
    """`/rewards`."""

    store: Store
    clock: Clock

    def commands(self) -> dict[str, Handler]:
        """Its handler by the name of its command."""
        return {"rewards": self.rewards}

    async def rewards(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        await self.store.award_due(user.id, self.clock.now_ms())
        return _text(await self.store.reward_sums(user.id))


def _text(sums: list[RewardSums]) -> str:
    trade, rating = RewardedAction.TRADE, RewardedAction.RATING
    return "\n".join(
        [
            f"You have {counted(sum(one.points for one in sums), 'point')}:",
            *(f"  {one.points} for {FOR[one.action]}{_times(one)}" for one in sums),
            f"{POINTS[trade]} points for each token that you buy live on a day for {format_sol(TRADE_LEAST_LAMPORTS)} SOL at"
            f" least, {MOST_A_DAY[trade]} tokens a day; {POINTS[rating]} for rating one that you bought,"
            f" {MOST_A_DAY[rating]} a day. Each is counted two minutes after it.",
            "Points are no money: they buy nothing, nobody can send them, and no limit or fee hangs on them. Do not trade"
            " for them: a trade costs more than a point is worth.",
        ]
    )


def _times(one: RewardSums) -> str:
    """How many of a kind there were; one begins once."""
    return "" if one.action is RewardedAction.START else f", {counted(one.awards, 'time')}"
