"""Offers: the same order however often confirmed, nobody else's, and only until they expire."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.trading import offer as offers_module
from bot.trading.offer import OFFER_MS, Offer, Offers, offer_code, offer_key
from tests.trading.trading_samples import request

CODE = offer_code("1a2b3c4d-0000-4000-8000-000000000000")


def an_offer(user_id: str = "u-ada", code: str = CODE, *, made_at_ms: int = 0) -> Offer:
    shown = replace(request(), user_id=user_id, key=offer_key(user_id, code))
    return Offer(code, shown, made_at_ms + OFFER_MS)


@given(st.lists(st.integers(0, 2 * OFFER_MS), min_size=1))
def test_an_offer_is_the_same_request_until_its_minute_is_over(moments: list[int]) -> None:
    offers, offer = Offers(), an_offer()
    offers.put(offer, 0)
    for at_ms in moments:
        assert offers.take("u-ada", CODE, at_ms) == (offer.request if at_ms < OFFER_MS else None)


def test_a_code_is_worth_nothing_to_somebody_else() -> None:
    offers = Offers()
    offers.put(an_offer(), 0)
    assert offers.take("u-eve", CODE, 1) is None
    assert not offers.cancel("u-eve", CODE)
    assert offers.take("u-ada", CODE, 1) is not None


def test_what_is_cancelled_is_gone_and_what_is_confirmed_cannot_be_cancelled() -> None:
    offers = Offers()
    offers.put(an_offer(), 0)
    assert offers.cancel("u-ada", CODE)
    assert offers.take("u-ada", CODE, 1) is None
    assert not offers.cancel("u-ada", CODE)
    offers.put(an_offer(), 2)
    assert offers.take("u-ada", CODE, 3) is not None
    assert not offers.cancel("u-ada", CODE)


def test_what_was_confirmed_in_vain_can_be_cancelled_unless_another_confirmation_is_under_way() -> None:
    offers = Offers()
    offers.put(an_offer(), 0)
    assert offers.take("u-ada", CODE, 1) is not None
    assert offers.take("u-ada", CODE, 1) is not None
    offers.answered("u-ada", CODE, nothing_came=True)
    assert not offers.cancel("u-ada", CODE)
    offers.answered("u-ada", CODE, nothing_came=True)
    assert offers.cancel("u-ada", CODE)
    assert offers.take("u-ada", CODE, 2) is None


def test_a_confirmation_under_way_is_known_beyond_the_minute_of_its_card() -> None:
    offers = Offers()
    offers.put(an_offer(), 0)
    assert offers.take("u-ada", CODE, OFFER_MS - 1) is not None
    offers.put(an_offer(code="ffffffff", made_at_ms=OFFER_MS), OFFER_MS)
    assert offers.is_taken("u-ada", CODE)
    offers.answered("u-ada", CODE, nothing_came=True)
    assert not offers.is_taken("u-ada", CODE)


@given(st.lists(st.tuples(st.sampled_from(["put", "take", "cancel"]), st.integers(0, 9), st.integers(0, OFFER_MS))))
def test_no_more_is_kept_than_is_open(acts: list[tuple[str, int, int]]) -> None:
    offers, now_ms = Offers(), 0
    for act, number, wait_ms in acts:
        now_ms += wait_ms
        code = f"{number:08x}"
        if act == "put":
            offers.put(an_offer(code=code, made_at_ms=now_ms), now_ms)
        elif act == "take":
            if offers.take("u-ada", code, now_ms) is not None:
                offers.answered("u-ada", code, nothing_came=False)
        else:
            offers.cancel("u-ada", code)
        assert set(offers._taken) <= set(offers._open)
    offers.put(an_offer(code="ffffffff", made_at_ms=now_ms + 2 * OFFER_MS), now_ms + 2 * OFFER_MS)
    assert len(offers._open) == 1


def test_the_oldest_offers_give_way(monkeypatch) -> None:
    monkeypatch.setattr(offers_module, "OFFERS_MAX", 2)
    offers = Offers()
    for code in ("00000001", "00000002", "00000003"):
        offers.put(an_offer(code=code), 0)
    assert [offers.take("u-ada", f"{number:08x}", 1) is not None for number in (1, 2, 3)] == [False, True, True]
