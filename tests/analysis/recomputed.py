"""What an analysis must say, worked out from all trades at once: slow, plain, and with nothing of the code that it judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.trading.launch import CurveTrade, TokenLaunch


@dataclass(frozen=True, slots=True)
class Told:
    """A trade and the moment that it counts at: never before one that was told earlier."""

    trade: CurveTrade
    at_ms: int
    price: float


def in_order(launch: TokenLaunch, trades: Sequence[CurveTrade]) -> list[Told]:
    latest_ms, told = launch.seen_at_ms, []
    for trade in trades:
        latest_ms = max(latest_ms, trade.seen_at_ms)
        price = trade.curve.virtual_quote_lamports * 1_000_000 / trade.curve.virtual_token_raw
        told.append(Told(trade, latest_ms, price))
    return told


def flow(told: Sequence[Told], at_ms: int, period_ms: int, periods: int) -> tuple[int, int, int, int]:
    """Buys, sales, lamports bought and sold in the period of `at_ms` and those before it."""
    now = at_ms // period_ms
    found = [one.trade for one in told if now - periods < one.at_ms // period_ms <= now]
    buys, sells = [one for one in found if one.is_buy], [one for one in found if not one.is_buy]
    paid, taken = sum(one.quote_lamports for one in buys), sum(one.quote_lamports for one in sells)
    return len(buys), len(sells), paid, taken


def candles(told: Sequence[Told], period_ms: int, at_ms: int) -> list[tuple[float, float, float]]:
    """High, low and close of every period from the first trade to `at_ms`, those without a trade included."""
    if not told:
        return []
    traded: dict[int, list[float]] = {}
    for one in told:
        traded.setdefault(one.at_ms // period_ms, []).append(one.price)
    found, close = [], told[0].price
    for period in range(told[0].at_ms // period_ms, at_ms // period_ms + 1):
        prices = [close, *traded.get(period, [])]
        close = prices[-1]
        found.append((max(prices), min(prices), close))
    return found


def indicators(bars: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Trend, relative strength and range of candles, by the books: the first span is a plain mean, then Wilder's."""
    fast = slow = bars[0][2]
    spans, gains, losses = [bars[0][0] - bars[0][1]], [], []
    for (_, _, before), (high, low, close) in pairwise(bars):
        fast += (close - fast) * 2 / 13
        slow += (close - slow) * 2 / 27
        spans.append(max(high, before) - min(low, before))
        gains.append(max(close - before, 0.0))
        losses.append(max(before - close, 0.0))
    gain, loss = _wilder(gains), _wilder(losses)
    strength = float("nan") if len(gains) < 3 else 100 * gain / (gain + loss) if gain + loss else 50.0
    return fast / slow - 1, strength, _wilder(spans) / bars[-1][2]


def _wilder(values: Sequence[float]) -> float:
    first = values[:14]
    if not first:
        return 0.0
    mean = sum(first) / len(first)
    for value in values[14:]:
        mean = (13 * mean + value) / 14
    return mean


def change(told: Sequence[Told], at_ms: int, period_ms: int, periods: int) -> float:
    """The last price of these periods against the one that stood as they began, or the first of all."""
    now = at_ms // period_ms
    inside = [one.price for one in told if now - periods < one.at_ms // period_ms <= now]
    before = [one.price for one in told if one.at_ms // period_ms <= now - periods]
    return inside[-1] / (before[-1] if before else inside[0]) - 1 if inside else 0.0


def bags(told: Sequence[Told]) -> dict[str, int]:
    """What each trader holds, raw."""
    held: dict[str, int] = {}
    for one in told:
        sign = 1 if one.trade.is_buy else -1
        held[one.trade.trader] = max(held.get(one.trade.trader, 0) + sign * one.trade.token_raw, 0)
    return held
