"""The mood out of what people write: who counts, who does not, and how little of it reaches an opinion."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.analysis.sentiment import (
    BAD_MOOD_BPS,
    GOOD_MOOD_BPS,
    POSTS_MAX,
    WINDOW_MS,
    Post,
    Sentiment,
    Votes,
    leaning_bps,
    mood_of,
    sentiment_of,
    tempered,
)
from bot.trading.signal import Action, Opinion

NOW_MS = 1_800_000_000_000
MINT = "So1" + "M" * 40
YEAR_MS = 365 * 86_400_000
BUY_BPS, MOST_BPS = 6_000, 9_500
PRAISE = (
    "bought it, solid and organic",
    "strong holders here",
    "real buyers, bullish",
    "love it",
    "good start, growing",
)
BLAME = (
    "this is a scam",
    "rugged already, avoid",
    "the creator is dumping",
    "honeypot, be careful",
    "bundled and dead",
)


def _post(author: str, text: str, *, age_s: int = 60, account_ms: int | None = YEAR_MS) -> Post:
    since_ms = None if account_ms is None else NOW_MS - age_s * 1_000 - account_ms
    return Post(author, text, NOW_MS - age_s * 1_000, since_ms)


def _mood(*posts: Post) -> Sentiment:
    return sentiment_of({"X": posts}, {}, NOW_MS)


def _said(texts: tuple[str, ...], authors: int) -> list[Post]:
    return [
        _post(f"a{number}", f"{texts[number % len(texts)]} {'so ' * (number // len(texts))}")
        for number in range(authors)
    ]


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("looks strong and organic", 1.0),
        ("this is a scam", -1.0),
        ("not a scam", 1.0),
        ("it isn\u2019t safe", -1.0),
        ("strong but bundled", 0.0),
        ("wen moon 100x pump", 0.0),
        ("RUG RUG RUG", -1.0),
        (f"{MINT} https://scam.example/rug @dead $dead", 0.0),
        ("\U0001f680\U0001f680", 1.0),
        ("\u202e\x00\ud83d", 0.0),
        ("", 0.0),
    ],
)
def test_a_text_speaks_by_the_words_of_the_list_and_a_negation_turns_them(text: str, mood: float) -> None:
    assert mood_of(text) == mood


def test_nobody_heard_is_no_mood_and_changes_nothing() -> None:
    nothing = sentiment_of({}, {}, NOW_MS)
    assert not nothing.is_known
    assert math.isnan(nothing.score)
    assert leaning_bps(nothing) == 0


def test_many_people_who_praise_raise_the_score_and_many_who_warn_lower_it() -> None:
    praised, blamed = _mood(*_said(PRAISE, 20)), _mood(*_said(BLAME, 20))
    assert praised.score > 80
    assert blamed.score < 20
    assert 0 < leaning_bps(praised) <= GOOD_MOOD_BPS
    assert -BAD_MOOD_BPS <= leaning_bps(blamed) < -GOOD_MOOD_BPS


def test_few_voices_stay_near_the_middle_and_do_not_help() -> None:
    two = _mood(*_said(PRAISE, 2))
    assert 50 < two.score < 70
    assert leaning_bps(two) == 0


def test_whoever_writes_a_hundred_posts_is_one_voice() -> None:
    loud = _mood(*(_post("shill", f"strong gem {'very ' * number}") for number in range(100)))
    assert loud.voices == 1
    assert leaning_bps(loud) == 0


def test_a_chorus_that_copies_one_text_is_one_voice() -> None:
    chorus = [
        _post(f"b{n}", f"{MINT} strong gem, get in NOW {10 * n}x https://t.example/{n} @friend{n}") for n in range(60)
    ]
    mood = _mood(*chorus)
    assert (mood.voices, mood.repeated) == (1, 59)
    honest = _said(BLAME, 5)
    assert _mood(*chorus, *honest).score < 50, "five people who warn are heard beside sixty copies"


def test_fresh_accounts_are_a_fifth_of_a_voice() -> None:
    fresh = [_post(one.author, one.text, account_ms=86_400_000) for one in _said(PRAISE, 20)]
    mood, old = _mood(*fresh), _mood(*_said(PRAISE, 20))
    assert mood.young == 20
    assert mood.voices == pytest.approx(4)
    assert mood.score < old.score
    assert leaning_bps(mood) == 0


def test_old_posts_and_those_from_the_future_are_about_something_else() -> None:
    old = replace(_post("a", PRAISE[0]), at_ms=NOW_MS - WINDOW_MS - 1)
    ahead = replace(_post("b", PRAISE[1]), at_ms=NOW_MS + 3_600_000)
    assert not _mood(old, ahead).is_known


def test_a_service_that_tells_votes_is_three_voices_whatever_it_claims() -> None:
    voted = sentiment_of({}, {"CoinGecko": Votes(10_000)}, NOW_MS)
    assert voted.voices == 3
    assert voted.heard == (("CoinGecko", -1),)
    assert leaning_bps(voted) == 0, "praise by votes alone helps nothing"
    assert leaning_bps(sentiment_of({}, {"CoinGecko": Votes(0)}, NOW_MS)) < 0
    assert sentiment_of({}, {"CoinGecko": Votes(10**30)}, NOW_MS).score <= 100


def _opinion(action: Action, confidence_bps: int) -> Opinion:
    return Opinion(MINT, action, confidence_bps, ("because",), 1, 1, "rules-1", NOW_MS)


def test_a_bad_mood_ends_a_doubtful_buy_and_says_why() -> None:
    heard = tempered(_opinion(Action.BUY, 6_200), _mood(*_said(BLAME, 20)), buy_bps=BUY_BPS, most_bps=MOST_BPS)
    assert heard.action is Action.NEUTRAL
    assert heard.confidence_bps < BUY_BPS
    assert heard.reasons[0].startswith("people write ill of it")


def test_a_good_mood_makes_no_buy_of_what_was_none_and_lifts_nothing_above_the_most() -> None:
    praised = _mood(*_said(PRAISE, 40))
    almost = _opinion(Action.NEUTRAL, 5_999)
    assert tempered(almost, praised, buy_bps=BUY_BPS, most_bps=MOST_BPS) is almost
    sure = tempered(_opinion(Action.BUY, 9_400), praised, buy_bps=BUY_BPS, most_bps=MOST_BPS)
    assert sure.confidence_bps == MOST_BPS


@given(
    st.lists(
        st.builds(
            Post,
            st.text(max_size=5),
            st.text(max_size=80),
            st.integers(-(10**30), 10**30) | st.integers(NOW_MS - 10_000, NOW_MS),
            st.none() | st.integers(-(10**30), 10**30),
        ),
        max_size=30,
    ),
    st.lists(st.integers(-(10**30), 10**30).map(Votes), max_size=2),
    st.sampled_from(list(Action)),
    st.integers(0, MOST_BPS),
)
def test_whatever_strangers_tell_the_change_is_within_its_bound(
    posts: list[Post], votes: list[Votes], action: Action, confidence_bps: int
) -> None:
    mood = sentiment_of({"X": posts}, {f"v{n}": one for n, one in enumerate(votes)}, NOW_MS)
    assert math.isnan(mood.score) or 0 <= mood.score <= 100
    before = _opinion(action, confidence_bps)
    after = tempered(before, mood, buy_bps=BUY_BPS, most_bps=MOST_BPS)
    assert confidence_bps - BAD_MOOD_BPS <= after.confidence_bps <= confidence_bps + GOOD_MOOD_BPS
    assert 0 <= after.confidence_bps <= MOST_BPS
    assert after.action is before.action or after.action is Action.NEUTRAL
    if not mood.is_known:
        assert after is before


def test_of_a_flood_no_more_than_the_newest_are_read() -> None:
    flood = [_post(f"a{number}", "watching", age_s=number) for number in range(5_000)]
    assert _mood(*flood).posts == POSTS_MAX
