"""Whether several followed wallets that buy the same token are a reason to buy it, and how good a one. Pure, integers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.trading.units import BPS, LAMPORTS_PER_SOL, counted, format_sol, span
from bot.trading.wallet_score import MOST

TRUST_BPS = 7_000  # how sure the best wallet, a moment ago, makes anybody: nobody is right always
REST_BPS = 5_000  # what is left of that at the end of the window
DUST_LAMPORTS = LAMPORTS_PER_SOL // 100  # a buy below says nothing: it costs nothing to make


@dataclass(frozen=True, slots=True)
class AutoPlan:
    """What a user's automated trader does. `epoch` counts his starts: one entry exists per user, token and epoch.

    It spends `entry_lamports` where at least `min_wallets` followed wallets bought a token within `window_s` and the confidence
    is `min_confidence_bps` or more, `max_daily` times within 24 hours.
    """

    user_id: str
    is_on: bool = False
    entry_lamports: int = LAMPORTS_PER_SOL // 20
    min_confidence_bps: int = 6_500
    window_s: int = 600
    min_wallets: int = 2
    max_daily: int = 10
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Vote:
    """A followed wallet's latest buy of a token, or a sale after it: who, with which score (0 to 100), when and for how much.

    `name` is what its follower calls it. Times in seconds since 1970.
    """

    wallet: str
    name: str
    points: int
    at_s: int
    slot: int
    lamports: int
    is_sale: bool = False


@dataclass(frozen=True, slots=True)
class Opportunity:
    """What votes come to: how many wallets speak for a token, how sure that makes, in basis points, and the reasons."""

    wallets: int
    confidence_bps: int
    reasons: tuple[str, ...]


def opportunity(votes: Sequence[Vote], plan: AutoPlan, now_s: int) -> Opportunity:
    """Weigh the votes on one token.

    Each buy counts by its wallet's score and by how long ago it was, and what several say adds up as independent words do. Of
    buys in one slot the weightiest alone counts, because one hand may hold several wallets. A wallet that has sold since takes
    away what its buy had given, once more.
    """
    fresh = [one for one in votes if 0 <= now_s - one.at_s <= plan.window_s and one.lamports >= DUST_LAMPORTS]
    buys = sorted(
        (one for one in fresh if not one.is_sale), key=lambda one: (-_weight_bps(one, plan, now_s), one.wallet)
    )
    counted_slots: set[int] = set()
    doubt_bps, speak, reasons = BPS, 0, []
    for one in buys:
        weight_bps = _weight_bps(one, plan, now_s)
        if one.slot in counted_slots:
            reasons.append(f"{one.name} bought in the same slot as another and does not count")
            continue
        counted_slots.add(one.slot)
        speak += 1
        doubt_bps = doubt_bps * (BPS - weight_bps) // BPS
        reasons.append(
            f"{one.name}, score {one.points}, bought for {format_sol(one.lamports)} SOL {span(now_s - one.at_s)} ago"
        )
    confidence_bps = BPS - doubt_bps
    sales = [one for one in votes if one.is_sale and 0 <= now_s - one.at_s <= plan.window_s]
    for one in sorted(sales, key=lambda sale: (-_weight_bps(sale, plan, now_s), sale.wallet)):
        confidence_bps = confidence_bps * (BPS - _weight_bps(one, plan, now_s)) // BPS
        reasons.append(f"{one.name}, score {one.points}, has sold since")
    return Opportunity(speak, confidence_bps, tuple(reasons))


def why_passed(seen: Opportunity, plan: AutoPlan, entered: int) -> str:
    """Why an opportunity is not taken, in a few words; empty where it is. `entered` counts entries of the last 24 hours."""
    if seen.wallets < plan.min_wallets:
        return f"{counted(seen.wallets, 'wallet')} that count, you ask for {plan.min_wallets}"
    if seen.confidence_bps < plan.min_confidence_bps:
        return f"confidence {seen.confidence_bps // 100} %, you ask for {plan.min_confidence_bps // 100} %"
    if entered >= plan.max_daily:
        return f"{counted(entered, 'entry') if entered == 1 else f'{entered} entries'} in 24 hours, which is the most"
    return ""


def _weight_bps(vote: Vote, plan: AutoPlan, now_s: int) -> int:
    """How much one vote says: its wallet's score, whole for one of now and half at the end of the window."""
    points = min(max(vote.points, 0), MOST)
    age_s = min(max(now_s - vote.at_s, 0), plan.window_s)
    fresh_bps = BPS - (BPS - REST_BPS) * age_s // max(plan.window_s, 1)
    return TRUST_BPS * points * fresh_bps // (MOST * BPS)
