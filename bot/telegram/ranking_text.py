"""What is said of other people's wallets: one line for each in a list, and what the score of one is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.execution.wallet_standings import Standing
from bot.pictures.plain import Ranked, RankingPicture
from bot.telegram.words import short
from bot.trading.tiers import POINTS_MAX, tier_of
from bot.trading.units import counted, format_sol, span

NO_PROMISE = (
    "A score says what was, over the rounds that this bot saw, with 1.25 % of fees a side. It promises nothing."
)
UNREAD = "not read yet"
MILLI_SOL = 1_000_000  # lamports; what is below is of no use to who compares


def about_sol(lamports: int) -> str:
    """SOL to the thousandth, with its sign, towards zero."""
    return format_sol(int(lamports / MILLI_SOL) * MILLI_SOL, signed=True)


def named(address: str, labels: Mapping[str, str]) -> str:
    """A wallet by the reader's own label, or by the ends of its address."""
    label = labels.get(address, "")
    return short(address) if label in {"", short(address)} else f"{label} ({short(address)})"


def standing_line(name: str, standing: Standing | None) -> str:
    """A wallet in a list."""
    if standing is None:
        return f"{name}: {UNREAD}"
    results = standing.record.results
    if not results.swaps:
        return f"{name}: score 0, has not traded since it is followed"
    line = f"{name}: score {standing.score.points}, {about_sol(results.realized_lamports)} SOL"
    if not results.rounds:
        return f"{line}, no round is over yet"
    return f"{line}, {results.won} of {counted(results.rounds, 'round')} won, held {span(results.held_s // results.rounds)}"


def standing_text(name: str, standing: Standing, now_s: int) -> str:
    """All about one wallet: the parts of its score, and its sums."""
    record, score = standing.record, standing.score
    results = record.results
    lines = [
        f"{name}",
        f"{record.address}",
        f"Score {score.points} of {POINTS_MAX}, {tier_of(score.points)}:",
        *(f"- {part.name} {part.points} of {part.most}: {part.why}" for part in score.parts),
    ]
    if results.swaps:
        rested_s = max(now_s - record.last_at_s, 0)
        lines += [
            f"- fresh {score.fresh_bps / 100:.0f} %: it traded {span(rested_s)} ago",
            f"Result {format_sol(results.realized_lamports, signed=True)} SOL over {counted(record.tokens, 'token')}, of which it"
            f" holds {record.open}: {counted(results.swaps, 'swap')}, {format_sol(results.bought_lamports)} SOL bought,"
            f" {format_sol(results.sold_lamports)} SOL sold; rounds won {format_sol(results.won_lamports)} and lost"
            f" {format_sol(results.lost_lamports)} SOL.",
        ]
        if results.unseen:
            lines.append(
                f"{counted(results.unseen, 'sale')} of what it had bought before it was followed count for nothing."
            )
    return "\n".join([*lines, NO_PROMISE])


def ranking_picture(title: str, standings: Sequence[Standing], labels: Mapping[str, str]) -> RankingPicture:
    """The same wallets as a picture."""
    rows = tuple(
        Ranked(
            labels.get(one.record.address) or short(one.record.address),
            one.score.points,
            one.record.results.realized_lamports,
            one.record.results.rounds,
            one.record.results.won,
        )
        for one in standings
    )
    return RankingPicture(title, rows)
