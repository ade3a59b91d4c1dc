"""How much to spend on one entry: what the user allows, less where that would pay for its own impact or stands on little."""

from __future__ import annotations

from dataclasses import dataclass

from bot.trading.limits import UserSettings
from bot.trading.units import BPS, bps_floor, format_percent, format_sol
from bot.trading.weight import FULL, Weight

# A buy of this share of the virtual SOL moves the price by about twice as much; more would pay for its own impact.
IMPACT_SHARE_BPS = 100

# Kelly's stake grows capital fastest if chances and payoffs are known; they are only estimated, so a quarter of it is taken,
# and a stake of a tenth of the capital is as much as anybody is told to take.
KELLY_PART_BPS = 2_500
KELLY_CAP_BPS = 1_000


@dataclass(frozen=True, slots=True)
class Edge:
    """What is expected of an entry in basis points.

    How often it gains, and how much it gains or loses on average, of what is spent and net of all costs.
    """

    gain_bps: int
    won_bps: int
    lost_bps: int


@dataclass(frozen=True, slots=True)
class Size:
    """What is suggested, and in a sentence each what made it less than the user's amount."""

    lamports: int
    why_less: tuple[str, ...] = ()


def kelly_bps(edge: Edge) -> int:
    """The share of one's capital to stake by Kelly's rule, a part of it and capped; 0 without an edge or with absurd numbers."""
    if not 0 <= edge.gain_bps <= BPS or edge.won_bps <= 0 or edge.lost_bps <= 0:
        return 0
    gains, losses = edge.gain_bps * edge.won_bps, (BPS - edge.gain_bps) * edge.lost_bps
    whole_bps = BPS * (gains - losses) // (edge.won_bps * edge.lost_bps)
    return min(max(bps_floor(max(whole_bps, 0), KELLY_PART_BPS), 0), KELLY_CAP_BPS)


def snipe_size(
    settings: UserSettings, virtual_quote_lamports: int, edge: Edge | None = None, weight: Weight = FULL
) -> Size:
    """What one snipe spends: the user's amount, never above his limit per trade nor 1 % of the curve's virtual SOL.

    With an `edge` his amount is what he spends on the best of them: it stands for the cap of Kelly's stake, and a smaller
    stake is that part of it. A `weight` below the whole is what the sniper's own results left of it. What he is suggested is
    never more than his amount.
    """
    lamports, why = settings.snipe_max_lamports, list[str]()
    if settings.max_trade_lamports < lamports:
        lamports = settings.max_trade_lamports
        why.append(f"your limit per trade is {format_sol(lamports)} SOL")
    if edge is not None and (stake_bps := kelly_bps(edge)) < KELLY_CAP_BPS:
        lamports = lamports * stake_bps // KELLY_CAP_BPS
        chance = (
            f"a net gain in {format_percent(edge.gain_bps)} of entries, of {format_percent(edge.won_bps)} or a loss of"
        )
        why.append(
            f"{chance} {format_percent(edge.lost_bps)}, is worth {format_sol(lamports)} SOL by a quarter of Kelly"
        )
    if weight.bps < BPS:
        lamports = bps_floor(lamports, max(weight.bps, 0))
        why.append(weight.why)
    impact = bps_floor(virtual_quote_lamports, IMPACT_SHARE_BPS)
    if impact < lamports:
        lamports = impact
        why.append(f"1 % of the curve's virtual SOL is {format_sol(impact)} SOL")
    return Size(max(lamports, 0), tuple(why))
