"""A fast pure run of launch plans over the curve's arithmetic, slot by slot, with the traders' slippage limits."""

from __future__ import annotations

from dataclasses import dataclass

from bot.localnet.launchpad import Curve
from bot.localnet.market.plan import BPS, CREATOR, LaunchPlan

SLOT_MS = 400
START_MS = 30_000
CROWD = 30
WINDOW_MS = 600_000


@dataclass(frozen=True)
class Outcome:
    """What became of one launch. Prices are relative to the first price."""

    peak: float
    last: float
    trades: int
    failed: int
    trades_after_start: int
    early_buyers: int
    crowd_doubled: bool | None
    crowd_halved: bool | None
    graduated: bool
    lived_ms: int


def price(curve: Curve) -> float:
    return curve.virtual_quote_lamports / curve.virtual_token_raw / (30_000_000_000 / 1_073_000_000_000_000)


def simulate(plan: LaunchPlan) -> Outcome:
    curve = Curve()
    held: dict[int, int] = {}
    track: list[tuple[int, float, int]] = []
    seen: set[int] = set()
    failed = done = after = 0
    early: set[int] = set()
    creator_out_ms = None
    slots: dict[int, list] = {}
    for trade in plan.trades:
        slots.setdefault(trade.at_ms // SLOT_MS, []).append(trade)
    for slot in sorted(slots):
        quoted = curve
        for trade in sorted(slots[slot], key=lambda one: -one.priority_micro_lamports):
            if curve.complete:
                failed += 1
                continue
            if trade.buys:
                tokens = curve.tokens_for(trade.spend_lamports)
                if tokens < quoted.tokens_for(trade.spend_lamports) * (BPS - trade.slippage_bps) // BPS or tokens <= 0:
                    failed += 1
                    continue
                curve = curve.after_buy(tokens)
                held[trade.trader] = held.get(trade.trader, 0) + tokens
                if trade.at_ms <= 5_000 and trade.trader != CREATOR:
                    early.add(trade.trader)
            else:
                tokens = held.get(trade.trader, 0) * trade.share_bps // BPS
                if tokens <= 0:
                    continue
                if curve.quote_to_sell(tokens) < quoted.quote_to_sell(tokens) * (BPS - trade.slippage_bps) // BPS:
                    failed += 1
                    continue
                curve = curve.after_sell(tokens)
                held[trade.trader] -= tokens
                if trade.trader == CREATOR and creator_out_ms is None:
                    creator_out_ms = trade.at_ms
            done += 1
            after += trade.at_ms > START_MS
            seen.add(trade.trader)
            track.append((trade.at_ms, price(curve), len(seen)))
    doubled = halved = None
    start = None
    if creator_out_ms is not None:
        start = next(((at, p) for at, p, n in track if at > creator_out_ms), None)
        earlier = max((n for at, _, n in track if at <= creator_out_ms), default=0)
        start = start if earlier >= CROWD else None
    if start is not None:
        later = [p for at, p, _ in track if start[0] < at <= start[0] + WINDOW_MS]
        doubled = max(later, default=start[1]) >= 2 * start[1]
        halved = min(later, default=start[1]) <= start[1] / 2
    return Outcome(
        peak=max((p for _, p, _ in track), default=1.0),
        last=price(curve),
        trades=done,
        failed=failed,
        trades_after_start=after,
        early_buyers=len(early),
        crowd_doubled=doubled,
        crowd_halved=halved,
        graduated=curve.complete,
        lived_ms=track[-1][0] if track else 0,
    )
