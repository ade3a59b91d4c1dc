"""How people write of a token: a score of 0 to 100 out of their posts, in which nobody is loud by repeating himself.

Whoever wants a token to look good writes a thousand posts. So an author is one voice however often he posts, a text that
several authors post is one voice, a young account is a fifth of one, and few voices leave the score near its middle.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from bot.analysis.mood_words import BAD, GOOD, NEGATIONS
from bot.trading.signal import Action, Opinion

WINDOW_MS = 6 * 3_600_000  # older posts are about another market
RECENT_MS = 10 * 60_000
AHEAD_MS = 60_000  # clocks of services may be ahead of ours by so much
POSTS_MAX = 300
TEXT_LETTERS_MAX = 600

YOUNG_ACCOUNT_MS = 14 * 86_400_000
YOUNG_VOICE = 0.2
DOUBT_VOICES = 4.0  # so many indifferent voices are put beside those that were heard
VOTES_VOICES = 3.0  # what a service says of all its users is no more than so many voices

MIDDLE = 50.0
GOOD_MOOD_BPS, BAD_MOOD_BPS = 300, 1_000  # the most that a mood adds to a confidence, and takes from it
GOOD_VOICES_LEAST, BAD_VOICES_LEAST = 5.0, 2.0

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|[\U0001f300-\U0001faff\u2600-\u27bf]")
_ADDRESS = re.compile(r"https?://\S+|[1-9A-HJ-NP-Za-km-z]{32,44}|[@#$]\w+|\d+")


@dataclass(frozen=True, slots=True)
class Post:
    """Somebody's text. `author` tells accounts of one service apart; `since_ms` is when the account was made, None unknown."""

    author: str
    text: str
    at_ms: int
    since_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Votes:
    """What a service says of its users as a whole: how many of them, in basis points, think well of a token."""

    up_bps: int


@dataclass(frozen=True, slots=True)
class Sentiment:
    """The mood about a token at a moment.

    `score` is 0 to 100 with 50 in the middle, and NaN where nobody was heard. `posts` were counted, of them `recent` in the
    last ten minutes; `voices` is what they weigh together. `repeated` posts say what another one says, `young` are of
    accounts of less than two weeks. `heard` are the services with the posts of each, -1 for one that told votes.
    """

    at_ms: int
    score: float = math.nan
    posts: int = 0
    recent: int = 0
    voices: float = 0.0
    repeated: int = 0
    young: int = 0
    heard: tuple[tuple[str, int], ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether anybody was heard."""
        return not math.isnan(self.score)


def sentiment_of(posts: Mapping[str, Sequence[Post]], votes: Mapping[str, Votes], at_ms: int) -> Sentiment:
    """The mood out of what each service told; posts of another time, and those beyond 300, are not counted."""
    counted = [
        (service, post)
        for service, told in posts.items()
        for post in told
        if -AHEAD_MS <= at_ms - post.at_ms <= WINDOW_MS
    ]
    counted = sorted(counted, key=lambda one: -one[1].at_ms)[:POSTS_MAX]
    voices, repeated = _voices(counted)
    opinions = [(YOUNG_VOICE if is_young else 1.0, mood) for is_young, mood in voices]
    opinions += [(VOTES_VOICES, _within(one.up_bps / 5_000 - 1)) for one in votes.values()]
    weight = sum(share for share, _ in opinions)
    if not opinions:
        return Sentiment(at_ms)
    lean = sum(share * mood for share, mood in opinions) / (weight + DOUBT_VOICES)
    heard = {service: sum(one == service for one, _ in counted) for service in posts}
    return Sentiment(
        at_ms=at_ms,
        score=MIDDLE * (1 + lean),
        posts=len(counted),
        recent=sum(at_ms - post.at_ms <= RECENT_MS for _, post in counted),
        voices=weight,
        repeated=repeated,
        young=sum(_is_young(post) for _, post in counted),
        heard=(*((service, number) for service, number in heard.items() if number), *((one, -1) for one in votes)),
    )


def mood_of(text: str) -> float:
    """How a text speaks of something, from -1 to 1; 0 for one without a word of the list. A negation turns the next three."""
    words = _WORD.findall(_ADDRESS.sub(" ", text[:TEXT_LETTERS_MAX].lower().replace("\u2019", "'")))
    found, turned = [], 0
    for word in words:
        value = (word in GOOD) - (word in BAD)
        if value:
            found.append(-value if turned else value)
        turned = 3 if word in NEGATIONS else max(turned - 1, 0)
    return sum(found) / len(found) if found else 0.0


def leaning_bps(sentiment: Sentiment) -> int:
    """What a mood changes of a confidence in a buy: 300 basis points up and 1,000 down at most, and nothing when unknown.

    Praise is cheap, and warnings are rarely paid for: so a good mood needs more voices than a bad one, and gives less.
    """
    if not sentiment.is_known or not 0.0 <= sentiment.score <= 2 * MIDDLE:
        return 0
    lean = sentiment.score / MIDDLE - 1
    if lean > 0:
        return round(lean * GOOD_MOOD_BPS) if sentiment.voices >= GOOD_VOICES_LEAST else 0
    return round(lean * BAD_MOOD_BPS) if sentiment.voices >= BAD_VOICES_LEAST else 0


def tempered(opinion: Opinion, sentiment: Sentiment, *, buy_bps: int, most_bps: int) -> Opinion:
    """An opinion after a mood has been heard, with a reason where that changed anything.

    A good mood makes a buy of nothing that was none; a bad one turns a buy whose confidence falls below `buy_bps` into
    nothing. No confidence rises above `most_bps`.
    """
    lean_bps = leaning_bps(sentiment)
    if lean_bps == 0 or (lean_bps > 0 and opinion.action is not Action.BUY):
        return opinion
    before_bps = opinion.confidence_bps
    confidence_bps = max(min(before_bps + lean_bps, max(most_bps, before_bps)), 0)
    how = "well" if lean_bps > 0 else "ill"
    reason = f"people write {how} of it, {sentiment.score:.0f} of 100 by {sentiment.voices:.0f} voices"
    if opinion.action is Action.BUY and confidence_bps < buy_bps:
        return replace(
            opinion, action=Action.NEUTRAL, confidence_bps=confidence_bps, reasons=(reason, *opinion.reasons)
        )
    return replace(opinion, confidence_bps=confidence_bps, reasons=(*opinion.reasons, reason))


def _voices(counted: Sequence[tuple[str, Post]]) -> tuple[list[tuple[bool, float]], int]:
    """Each voice with whether it is of young accounts alone and its mood, and how many posts were repeats.

    A text counts once, for whoever posted it first.
    """
    said: set[bytes] = set()
    moods: dict[str, list[float]] = {}
    young: dict[str, bool] = {}
    repeated = 0
    for service, post in reversed(counted):
        author, print_of = f"{service} {post.author}", _print_of(post.text)
        if print_of in said:
            repeated += 1
            continue
        said.add(print_of)
        moods.setdefault(author, []).append(mood_of(post.text))
        young[author] = young.get(author, True) and _is_young(post)
    return [(young[author], sum(told) / len(told)) for author, told in moods.items()], repeated


def _print_of(text: str) -> bytes:
    """What two texts share that differ in links, names, numbers and signs alone."""
    words = _WORD.findall(_ADDRESS.sub(" ", text[:TEXT_LETTERS_MAX]).lower())
    return sha256(" ".join(words).encode("utf-8", "replace")).digest()


def _is_young(post: Post) -> bool:
    return post.since_ms is not None and post.at_ms - post.since_ms < YOUNG_ACCOUNT_MS


def _within(mood: float) -> float:
    return min(max(mood, -1.0), 1.0)
