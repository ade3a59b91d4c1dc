"""What users think of a token: bounded weights, no voice above all others together, and comments that can do nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.trading.community import (
    BETWEEN_MS,
    COMMENT_MAX,
    DAY_MS,
    RATINGS_A_DAY,
    WEIGHT_MAX,
    Crowd,
    Flag,
    Rating,
    Voice,
    cleaned,
    crowd_of,
    points_of,
    refuse_rating,
    weight_of,
)
from bot.trading.units import LAMPORTS_PER_SOL, AmountError

NOW_MS = 1_790_000_000_000
MINT = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"


def voice(
    points: int = 5,
    *,
    days: int | None = 30,
    trades: int = 40,
    paid: int = LAMPORTS_PER_SOL,
    flag: Flag | None = None,
    hidden: str = "",
) -> Voice:
    first_ms = None if days is None else NOW_MS - days * DAY_MS
    return Voice(1, Rating("u", MINT, points, flag, "", NOW_MS), hidden, first_ms, trades, paid)


VOICES = st.lists(
    st.builds(
        voice,
        st.integers(1, 10),
        days=st.none() | st.integers(-5, 4_000),
        trades=st.integers(0, 2**40),
        paid=st.integers(-(2**40), 2**60),
        flag=st.none() | st.sampled_from(Flag),
        hidden=st.sampled_from(["", "why"]),
    ),
    max_size=12,
)


@given(VOICES)
def test_the_mean_lies_between_the_ratings_that_count_and_no_weight_is_beyond_its_bounds(voices: list[Voice]) -> None:
    crowd = crowd_of(voices, NOW_MS)
    assert all(0 <= weight_of(one, NOW_MS) <= WEIGHT_MAX for one in voices if one.paid_lamports >= 0)
    counted = [one.rating.points for one in voices if weight_of(one, NOW_MS) > 0]
    assert crowd.voices <= len(counted)
    if crowd.known:
        assert min(counted) * 100 <= crowd.hundredths <= max(counted) * 100
        assert sum(crowd.flags_bps.values()) <= 10_000
    else:
        assert (crowd.hundredths, crowd.flags_bps) == (0, {})


@given(VOICES, st.integers(1, 500))
def test_any_number_of_accounts_that_never_traded_changes_nothing(voices: list[Voice], many: int) -> None:
    assert crowd_of([*voices, *[voice(10, days=None, trades=0, paid=0)] * many], NOW_MS) == crowd_of(voices, NOW_MS)


def test_weight_grows_with_time_trades_and_stake_up_to_its_most() -> None:
    assert weight_of(voice(days=None), NOW_MS) == 0
    assert weight_of(voice(days=0, trades=1, paid=0), NOW_MS) == 0
    assert weight_of(voice(days=7, trades=9, paid=LAMPORTS_PER_SOL // 10), NOW_MS) == 7 + 4 + 10
    assert weight_of(voice(days=999, trades=999, paid=999 * LAMPORTS_PER_SOL), NOW_MS) == WEIGHT_MAX
    assert weight_of(voice(hidden="an insult"), NOW_MS) == 0


def test_one_heavy_voice_counts_no_more_than_all_others_together() -> None:
    light = voice(8, days=20, trades=0, paid=0)
    crowd = crowd_of([voice(1), light, light], NOW_MS)
    assert crowd == Crowd(True, 450, 3, 80)
    assert not crowd_of([voice(1), voice(1)], NOW_MS).known
    assert not crowd_of([voice(1, days=5, trades=0, paid=0)] * 3, NOW_MS).known


def test_warnings_are_shares_of_the_weight() -> None:
    crowd = crowd_of([voice(1, flag=Flag.RUG), voice(1, flag=Flag.SCAM), voice(9), voice(9)], NOW_MS)
    assert crowd.flags_bps == {Flag.RUG: 2_500, Flag.SCAM: 2_500}
    assert crowd.warning_bps == 2_500


@pytest.mark.parametrize("typed", ["0", "11", "5.5", "-1", "", "x", "٣", "1" * 99])
def test_what_is_no_rating_is_refused(typed: str) -> None:
    with pytest.raises(AmountError, match="is no rating"):
        points_of(typed)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("good  one", "good one"),
        ("see https://evil.example/x now", "see … now"),
        ("join t.me/pump_it or pump.fun/coin", "join … or …"),
        ("sol-airdrop.top and claim.gifts/now, п.рф", "sol-airdrop. top and claim. gifts now, п. рф"),
        ("2.5 times... fine.", "2.5 times... fine."),
        (f"buy {MINT} instead", "buy … instead"),
        ("tap /panic or /sell@bot", "tap panic or sell bot"),
        ("<b>*bold*</b> [x](y) `z` @admin #tag", "b bold b x y z admin tag"),
        ("up\u202edown\u200b\x00\n\tthere", "updown there"),
    ],
)
def test_a_comment_keeps_its_words_and_loses_what_does_something(typed: str, kept: str) -> None:
    assert cleaned(typed) == kept


@given(st.text(max_size=400))
def test_no_comment_is_long_or_has_anything_that_a_chat_would_act_on(typed: str) -> None:
    kept = cleaned(typed)
    assert len(kept) <= COMMENT_MAX
    assert not set(kept) & set("<>[]()*_~`|\\/@#\n\u202e\x00")
    assert kept == kept.strip()


def test_ratings_are_held_back_by_pace_and_by_number() -> None:
    assert refuse_rating(None, 0, NOW_MS) is None
    assert refuse_rating(NOW_MS - BETWEEN_MS, RATINGS_A_DAY - 1, NOW_MS) is None
    assert "try again shortly" in (refuse_rating(NOW_MS - BETWEEN_MS + 1, 0, NOW_MS) or "")
    assert "which is the most" in (refuse_rating(NOW_MS - BETWEEN_MS, RATINGS_A_DAY, NOW_MS) or "")
