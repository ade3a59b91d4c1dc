"""What the pictures of the leaderboard and of a trader show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.clock import Clock, SpanUnit, spans_until
from bot.execution.trader_book import DAYS, Standing
from bot.pictures.plain import BoardPicture, BoardRow, ProfitPicture
from bot.ports import Store
from bot.telegram.own_pictures import END_MS, SHOWN, profit_picture
from bot.trading.intent import Mode

ROWS_MAX = 10


@dataclass(frozen=True, slots=True)
class TraderPictures:
    """Reads what they show. Days are of UTC: where a trader lives is nobody's business."""

    store: Store
    clock: Clock

    async def of_trader(self, user_id: str, handle: str, mode: Mode) -> ProfitPicture:
        """A bar for each of the latest weeks."""
        unit = SpanUnit.WEEK
        spans = spans_until(self.clock.now_ms(), unit, SHOWN[unit])
        sums = await self.store.period_sums(user_id, mode, [*(span.start_ms for span in spans), END_MS])
        return profit_picture(mode.value, "UTC", unit, [span.first_day for span in spans], sums, whose=handle)


def board_picture(standings: Sequence[Standing], mode: Mode) -> BoardPicture:
    """The first of the leaderboard."""
    return BoardPicture(
        title="Leaderboard",
        mode=mode.value,
        period=f"closed positions of the last {DAYS} days, net of fees",
        rows=tuple(_row(one) for one in standings[:ROWS_MAX]),
    )


def _row(standing: Standing) -> BoardRow:
    tier = standing.reputation.tier
    return BoardRow(
        name=standing.trader.handle,
        badge="" if tier is None else tier.value,
        points=standing.reputation.points,
        realized_lamports=standing.sums.result_lamports,
        won=standing.sums.won,
        lost=standing.sums.lost,
    )
