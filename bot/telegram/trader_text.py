"""What is said of traders who show their results: losses, count, period and mode beside every gain."""

from __future__ import annotations

from collections.abc import Sequence

from bot.clock import day_of
from bot.execution.trader_book import DAYS, Standing
from bot.ports import FollowerCounts, ShareSums
from bot.telegram.words import mode_label
from bot.trading.intent import Mode
from bot.trading.reputation import Reputation, TraderSums
from bot.trading.tiers import POINTS_MAX
from bot.trading.units import counted, format_percent, format_sol

SHOWN = 20
PERIOD = f"closed positions of the last {DAYS} days, net of fees"
PROMISE = "What somebody made says nothing about what he will make."


def rated(reputation: Reputation) -> str:
    """`gold, 63 of 100`, or that there is too little to say."""
    if reputation.tier is None:
        return "not rated yet"
    return f"{reputation.tier.value}, {reputation.points} of {POINTS_MAX}"


def sums_line(sums: TraderSums) -> str:
    """Result, count, gains and losses."""
    if not sums.trades:
        return "nothing closed"
    return (
        f"{format_sol(sums.result_lamports, signed=True)} SOL in {counted(sums.trades, 'position')}:"
        f" {sums.won} won {format_sol(sums.won_lamports, signed=True)},"
        f" {sums.lost} lost {format_sol(sums.lost_lamports, signed=True)}"
    )


def leaderboard_text(standings: Sequence[Standing], mode: Mode) -> str:
    """The ranking, the first of it; who is rated comes first."""
    label = mode_label(mode.value)
    lines = [
        f"{place}. {one.trader.handle} ({rated(one.reputation)}): {sums_line(one.sums)}{_followed(one.followers)}"
        for place, one in enumerate(standings[:SHOWN], 1)
    ]
    more = len(standings) - len(lines)
    other = Mode.PAPER if mode is Mode.LIVE else Mode.LIVE
    return "\n".join(
        [
            f"{label} Traders who show their results, {PERIOD}:",
            *(lines or ["nobody yet"]),
            *([f"and {more} more"] if more else []),
            f"{PROMISE} /trader HANDLE shows one with the reasons, /trader on HANDLE shows you too;"
            f" /leaderboard {other.value} has those of mode {other.value}.",
        ]
    )


def _followed(followers: int) -> str:
    return f"; {counted(followers, 'follower')}" if followers else ""


def shares_text(sums: Sequence[ShareSums], reader_id: str, leader_id: str) -> list[str]:
    """To a leader what all of his followers made by copying him, to a follower what he made; nobody hears of the others."""
    told = [one for one in sums if reader_id in {leader_id, one.follower_id}]
    if not told:
        return []
    sales, result, share = (
        sum(one.sales for one in told),
        sum(one.result_lamports for one in told),
        sum(one.share_lamports for one in told),
    )
    who = f"{counted(len(told), 'follower')} made" if reader_id == leader_id else "You made"
    whose = "your" if reader_id == leader_id else "his"
    return [
        f"{who} {format_sol(result, signed=True)} SOL by copies in {counted(sales, 'live sale')};"
        f" {whose} share, a figure alone, is {format_sol(share)} SOL."
    ]


def counts_text(counts: FollowerCounts, traders: int, delisted: int) -> str:
    """Traders and how followers stay, for an admin."""
    kept = f"{counts.old_copying * 100 // counts.old} %" if counts.old else "nothing yet"
    return (
        f"{counted(traders, 'user')} shown to others, {delisted} of them delisted."
        f" {counted(counts.copying, 'live copy rule')} for users of this bot now, {counts.ever} ever; of {counts.old} that began"
        f" {counts.days} days ago or earlier {counts.old_copying} copy still ({kept})."
    )


def trader_text(standing: Standing, mode: Mode, *, is_mine: bool) -> str:
    """One trader with the parts of his reputation."""
    trader, reputation = standing.trader, standing.reputation
    lines = [
        f"{mode_label(mode.value)} {trader.handle} ({rated(reputation)}), shown since {day_of(trader.opened_at_ms)}"
        f"{_followed(standing.followers)}",
        f"{PERIOD}: {sums_line(standing.sums)}",
        *(f"  {part.name} {part.points} of {part.most}: {part.why}" for part in reputation.parts),
    ]
    if reputation.points is None:
        lines.append(f"A reputation needs more: there are {reputation.lacks}.")
    if trader.delisted_why:
        lines.append(f"Not on the leaderboard, an admin has delisted it: {trader.delisted_why}")
    if trader.share_bps:
        lines.append(
            f"Counts {format_percent(trader.share_bps)} of what a follower gains above his best so far; only written"
            " down, no money moves by it."
        )
    lines.append(_may_copy(standing, is_mine=is_mine))
    lines.append("This is you: /trader off shows you no more." if is_mine else PROMISE)
    return "\n".join(lines)


def _may_copy(standing: Standing, *, is_mine: bool) -> str:
    """Whether he lets himself be copied, and how, to himself and to others."""
    handle = standing.trader.handle
    if is_mine:
        return (
            f"Others may copy you by {handle}; /settings copyable off ends that."
            if standing.copyable
            else f"Nobody may copy you by {handle}; /settings copyable on allows it."
        )
    if standing.copyable:
        return f"He may be copied: /copy_trader {handle} SOL shows what that may cost."
    return "He does not let himself be copied."
