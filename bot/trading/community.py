"""What users think of a token, weighed so that many accounts of one person count for little. Pure, integers only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.trading.one_line import one_line
from bot.trading.units import BPS, LAMPORTS_PER_SOL, AmountError

RATING_LEAST, RATING_MOST = 1, 10
COMMENT_MAX = 140
RATINGS_A_DAY = 20
BETWEEN_MS = 30_000  # two ratings of one user

# What a voice is worth: from his first live trade on, by live trades in all, and by what he paid for this very token.
AGE_POINTS, TRADES_POINTS, STAKE_POINTS = 30, 20, 50
TRADES_A_POINT = 2
STAKE_A_POINT_LAMPORTS = LAMPORTS_PER_SOL // 100
DAY_MS = 86_400_000
WEIGHT_MAX = AGE_POINTS + TRADES_POINTS + STAKE_POINTS

VOICES_LEAST = 3  # with a weight; fewer say nothing
WEIGHT_LEAST = 60  # of all together

_LINK = re.compile(
    r"(?:\w+://|www\.|t\.me/|\b[\w-]+\.(?:com|net|org|io|xyz|me|fun|app|gg|co|ru|info|dev|site)\b)\S*", re.IGNORECASE
)
# What is left of domains: a chat knows more of their endings than stand above.
_DOMAIN = re.compile(r"(?<=\w)\.(?=[^\W\d_])")
_KEY = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,}")
# What a chat makes a button, a mention or a layout of; the rest of the comment is only words.
_MARKUP = re.compile(r"[<>{}\[\]()*_~`|\\/@#$^=]+")


class Flag(StrEnum):
    """What somebody warns of."""

    SCAM = "scam"
    RUG = "rug"
    HONEYPOT = "honeypot"
    COPYCAT = "copycat"


@dataclass(frozen=True, slots=True)
class Rating:
    """What one user says of one token; `comment` is cleaned already. There is one for each user and token."""

    user_id: str
    mint: str
    points: int
    flag: Flag | None
    comment: str
    rated_at_ms: int


@dataclass(frozen=True, slots=True)
class Voice:
    """A rating and what its weight is made of: live trades alone, `paid_lamports` for this token.

    `number` is what an admin names it by; one that an admin has hidden says why and counts nothing.
    """

    number: int
    rating: Rating
    hidden_why: str
    first_trade_ms: int | None
    trades: int
    paid_lamports: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """What all voices say together: the mean by weight in hundredths of a point, and how many of which weight.

    `flags` has by warning the share of the weight behind it. It is not `known` while too few voices weigh anything.
    """

    known: bool = False
    hundredths: int = 0
    voices: int = 0
    weight: int = 0
    flags_bps: Mapping[Flag, int] = field(default_factory=dict)

    @property
    def warning_bps(self) -> int:
        """The share of the weight behind the warning that most give."""
        return max(self.flags_bps.values(), default=0)


def weight_of(voice: Voice, now_ms: int) -> int:
    """0 to 100: 0 for whoever never traded live, whatever he says."""
    if voice.first_trade_ms is None or voice.hidden_why:
        return 0
    age = min(max(now_ms - voice.first_trade_ms, 0) // DAY_MS, AGE_POINTS)
    practice = min(voice.trades // TRADES_A_POINT, TRADES_POINTS)
    stake = min(voice.paid_lamports // STAKE_A_POINT_LAMPORTS, STAKE_POINTS)
    return age + practice + stake


def crowd_of(voices: Sequence[Voice], now_ms: int) -> Crowd:
    """All voices of one token together; nobody counts for more than all others do."""
    weights = [weight_of(voice, now_ms) for voice in voices]
    whole = sum(weights)
    counted = [
        (voice.rating, kept)
        for voice, weight in zip(voices, weights, strict=True)
        if (kept := min(weight, whole - weight)) > 0
    ]
    total = sum(weight for _, weight in counted)
    if len(counted) < VOICES_LEAST or total < WEIGHT_LEAST:
        return Crowd(voices=sum(weight > 0 for weight in weights), weight=whole)
    flags = {flag: sum(weight for rating, weight in counted if rating.flag is flag) for flag in Flag}
    return Crowd(
        known=True,
        hundredths=sum(rating.points * 100 * weight for rating, weight in counted) // total,
        voices=len(counted),
        weight=total,
        flags_bps={flag: weight * BPS // total for flag, weight in flags.items() if weight},
    )


def points_of(typed: str) -> int:
    """A typed rating; raises AmountError for anything but a whole number from 1 to 10."""
    if not (typed.isascii() and typed.isdecimal() and len(typed) <= 2 and RATING_LEAST <= int(typed) <= RATING_MOST):
        raise AmountError(f"{typed[:20]!r} is no rating; give a whole number from {RATING_LEAST} to {RATING_MOST}")
    return int(typed)


def cleaned(comment: str) -> str:
    """A comment that can be shown to others: on one line, without links, addresses, markup or commands, and short."""
    text = _DOMAIN.sub(". ", _KEY.sub("…", _LINK.sub("…", one_line(comment))))
    return one_line(_MARKUP.sub(" ", text))[:COMMENT_MAX].rstrip()


def refuse_rating(latest_ms: int | None, of_the_last_day: int, now_ms: int) -> str | None:
    """Why a user may not rate now; None where he may. `latest_ms` is when he last rated anything."""
    if latest_ms is not None and now_ms - latest_ms < BETWEEN_MS:
        return f"between two ratings there are {BETWEEN_MS // 1000} s; try again shortly"
    if of_the_last_day >= RATINGS_A_DAY:
        return f"you have rated {RATINGS_A_DAY} tokens within a day, which is the most"
    return None
