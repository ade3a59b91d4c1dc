"""The contract of `CommunityStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import Store
from bot.storage.community_rules import DAY_MS
from bot.trading.community import BETWEEN_MS, RATINGS_A_DAY, Flag, Rating
from bot.trading.intent import Mode
from tests.storage.books import audited
from tests.storage.storage_samples import NOW_MS, bought, enrol
from tests.storage.test_contract_books import BLOCK_MS

MINT = "MintOne"


def rating(user_id: str, points: int = 7, mint: str = MINT, at_ms: int = NOW_MS, **changed) -> Rating:
    return replace(Rating(user_id, mint, points, None, "", at_ms), **changed)


async def test_there_is_one_rating_of_each_user_and_token_and_the_newest_comes_first(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    assert await store.rate(rating(ada.user_id, 3, flag=Flag.RUG, comment="it \0 fell")) is None
    assert await store.rate(rating(bob.user_id, 9, at_ms=NOW_MS + 1)) is None
    assert await store.rate(rating(bob.user_id, 9, "Other", NOW_MS + 1 + BETWEEN_MS)) is None
    again = rating(ada.user_id, 4, at_ms=NOW_MS + BETWEEN_MS, comment="no")
    assert await store.rate(again) is None
    voices = await store.voices(MINT, 9)
    assert [one.rating for one in voices] == [again, rating(bob.user_id, 9, at_ms=NOW_MS + 1)]
    assert [(one.first_trade_ms, one.trades, one.paid_lamports, one.hidden_why) for one in voices] == [
        (None, 0, 0, "")
    ] * 2
    assert await store.voices(MINT, 1) == voices[:1]
    assert await store.voices("Nothing", 9) == []
    with pytest.raises(LookupError):
        await store.rate(rating("u-nobody"))


async def test_pace_and_number_of_a_users_ratings_are_bounded(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    for number in range(RATINGS_A_DAY):
        assert await store.rate(rating(ada.user_id, mint=f"M-{number}", at_ms=NOW_MS + number * BETWEEN_MS)) is None
    last_ms = NOW_MS + (RATINGS_A_DAY - 1) * BETWEEN_MS
    assert "try again shortly" in (await store.rate(rating(ada.user_id, at_ms=last_ms + 1)) or "")
    assert "which is the most" in (await store.rate(rating(ada.user_id, at_ms=last_ms + BETWEEN_MS)) or "")
    assert await store.voices(MINT, 9) == []
    assert await store.rate(rating(bob.user_id, at_ms=last_ms)) is None
    assert await store.rate(rating(ada.user_id, at_ms=NOW_MS + DAY_MS + 1)) is None


async def test_a_voice_weighs_by_live_trades_alone(store: Store) -> None:
    ada = await enrol(store)
    await bought(store, "b-1", ada)
    await store.rate(rating(ada.user_id))
    [voice] = await store.voices(MINT, 9)
    assert (voice.first_trade_ms, voice.trades, voice.paid_lamports) == (None, 0, 0)
    await bought(store, "b-2", ada, mode=Mode.LIVE, position_id="p-2")
    await bought(store, "b-3", ada, mode=Mode.LIVE, mint="Other", position_id="p-3")
    [voice] = await store.voices(MINT, 9)
    assert (voice.first_trade_ms, voice.trades, voice.paid_lamports) == (BLOCK_MS, 2, 410)


async def test_what_is_hidden_stays_so_when_it_is_written_again(store: Store) -> None:
    ada = await enrol(store)
    await store.rate(rating(ada.user_id, comment="an insult"))
    [remark] = await store.remarks(9)
    assert await store.hide_rating(remark.number, "an insult \0", "u-admin", NOW_MS) == MINT
    assert await store.rate(rating(ada.user_id, at_ms=NOW_MS + BETWEEN_MS, comment="another")) is None
    [remark] = await store.remarks(9)
    assert (remark.rating.comment, remark.hidden_why) == ("another", "an insult \ufffd")
    [voice] = await store.voices(MINT, 9)
    assert (voice.number, voice.hidden_why) == (remark.number, remark.hidden_why)
    assert await store.hide_rating(remark.number, "", "u-admin", NOW_MS) == MINT
    assert [one.hidden_why for one in await store.voices(MINT, 9)] == [""]
    assert await store.hide_rating(remark.number + 1, "why", "u-admin", NOW_MS) is None
    acts = [(one.by, one.action, one.detail["mint"]) for one in await audited(store)]
    assert acts == [("u-admin", "rating hidden", MINT), ("u-admin", "rating shown", MINT)]


async def test_remarks_say_more_than_a_number(store: Store) -> None:
    ada, bob, eve = await enrol(store, "ada"), await enrol(store, "bob"), await enrol(store, "eve")
    await store.rate(rating(ada.user_id, flag=Flag.SCAM))
    await store.rate(rating(bob.user_id))
    await store.rate(rating(eve.user_id, comment="fine", at_ms=NOW_MS + 1))
    assert [one.rating.user_id for one in await store.remarks(9)] == [eve.user_id, ada.user_id]
    assert len(await store.remarks(1)) == 1


async def test_a_rating_is_taken_back_and_goes_with_its_user(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    for wallet in (ada, bob):
        await store.rate(rating(wallet.user_id))
    assert await store.take_rating_back(bob.user_id, MINT)
    assert not await store.take_rating_back(bob.user_id, MINT)
    assert [one.rating.user_id for one in await store.voices(MINT, 9)] == [ada.user_id]
    await store.close_account(ada.user_id, NOW_MS)
    assert await store.voices(MINT, 9) == []
