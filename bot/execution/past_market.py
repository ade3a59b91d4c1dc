"""What rows of the past tell of creators and of the tokens that are still traded, by the measurements of a running bot."""

from __future__ import annotations

from collections.abc import Iterable

from bot.execution.analysis_book import AnalysisBook
from bot.ports import PastMarket
from bot.trading.launch import CurveTrade, LaunchpadEvent, TokenLaunch

PAST_MS = 86_400_000
ROWS_MAX = 200_000  # some seconds of work
TRADES_MAX = 50_000  # of all tokens that are still traded, which a bot that starts measures anew
ROUND_MS = 600_000  # of the market, in which it is looked at who graduated and who is quiet


async def past_of(events: Iterable[LaunchpadEvent], before_ms: int) -> PastMarket:
    """Go through events, oldest first; of tokens with the newest trades come as many as have `TRADES_MAX` together."""
    book, trades, next_ms = AnalysisBook(), dict[str, list[CurveTrade]](), 0
    for event in events:
        if event.seen_at_ms >= next_ms:
            next_ms = event.seen_at_ms + ROUND_MS
            await book.refresh(event.seen_at_ms)
            trades = {mint: told for mint, told in trades.items() if book.of(mint) is not None}
        if isinstance(event, TokenLaunch):
            book.launched(event)
        else:
            book.traded(event)
            trades.setdefault(event.mint, []).append(event)
    await book.refresh(before_ms)
    past = book.remember(trades)
    left, kept = TRADES_MAX, []
    for token in reversed(past.tokens):
        left -= len(token.trades)
        if left < 0:
            break
        kept.append(token)
    return PastMarket(past.creators, tuple(reversed(kept)))
