"""Pictures in a chat: they follow the answer, which never waits for them, and what cannot be drawn is said in a line."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from actors.picture_drawer import RESTING, SLOW
from bot.pictures.plain import PNG_MAGIC, Dot, Mark, PositionPicture, PricePicture, ProfitPicture
from bot.ports import PastPrice, Photo
from bot.telegram.gateway_memory import MAX_PHOTO_BYTES, MemoryTelegram
from bot.telegram.words import short
from bot.trading.price_change import price_of
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market


async def test_a_picture_of_results_follows_each_profit(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(301)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        mint = await token_on_the_market(talk)
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying for 0.1 SOL")
        await talk.hears("Bought")
        await talk.orders(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Position closed")
        realized = (await talk.world.store.day(0)).realized_lamports
        for number, (asked, bars) in enumerate((("/profit", 14), ("/profit week", 8), ("/profit month", 12)), 1):
            await talk.asks(asked, "[live] Your result")
            photo = await talk.gets_photo(number)
            assert photo.content.startswith(PNG_MAGIC)
            picture = talk.world.drawings.shown[-1]
            assert isinstance(picture, ProfitPicture)
            assert (picture.mode, len(picture.bars), picture.buys, picture.sells) == ("live", bars, 1, 1)
            assert sum(bar.realized_lamports for bar in picture.bars) == realized
            assert picture.bars[-1].realized_lamports == realized


async def test_a_picture_of_the_price_has_its_history_and_the_readers_trades(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(306)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await talk.agrees()
        mint = await token_on_the_market(talk)
        await talk.asks(f"/price {mint}", "SOL per million tokens")
        await talk.gets_photo()
        await talk.orders(f"/buy {mint} 0.5", "Sent: buying for 0.5 SOL")
        await talk.hears("Bought")
        await trio.sleep(600)
        await talk.orders(f"/sell {mint} 50%", "Sent: selling")
        await talk.hears("Sold")
        await trio.sleep(30)
        for number, command in enumerate(("price", "info"), 2):
            await talk.asks(f"/{command} {mint}", "SOL per million tokens")
            await talk.gets_photo(number)
            picture = talk.world.drawings.shown[-1]
            assert isinstance(picture, PricePicture)
            assert (picture.symbol, picture.mode, picture.mint) == ("T1", "live", mint)
            assert len(picture.dots) > 10
            assert picture.end_ms - picture.start_ms >= 600_000
            assert max(two.at_ms - one.at_ms for one, two in pairwise(picture.dots)) <= picture.gap_ms
            assert [mark.is_buy for mark in picture.marks] == [True, False]
            lowest, highest = (pick(_price(dot) for dot in picture.dots) for pick in (min, max))
            for mark in picture.marks:  # where the price was, whatever fees and rent came on top
                assert lowest * 97 / 100 <= _price(mark) <= highest * 103 / 100
            assert _price(picture.dots[-1]) == Fraction(*price_of(await bot.adapters.chain.venue(mint)) or (0, 1))
        await talk.asks(f"/price {'1' * 32}", "is no token of the launchpad")
        await trio.sleep(5)
        assert len(talk.world.drawings.shown) == 3


def _price(one: Dot | Mark) -> Fraction:
    return Fraction(one.quote_lamports, one.token_raw)


async def test_a_week_of_prices_with_a_hole_is_shown_with_its_hole(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(307)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        mint = await token_on_the_market(talk)
        now_ms = talk.world.clock.now_ms()
        minutes = [*range(400, 300, -1), *range(100, 0, -1)]
        past = [PastPrice(mint, now_ms - minute * 60_000, 10**9 + minute, 10**12, 1) for minute in minutes]
        for start in range(0, len(past), 50):
            await talk.world.store.add_prices(past[start : start + 50])
        await talk.asks(f"/price {mint}", "SOL per million tokens")
        await talk.gets_photo()
        picture = talk.world.drawings.shown[-1]
        assert isinstance(picture, PricePicture)
        assert picture.end_ms - picture.start_ms >= 390 * 60_000
        gaps = [two.at_ms - one.at_ms for one, two in pairwise(picture.dots)]
        assert [gap > picture.gap_ms for gap in gaps].count(True) == 1
        assert max(gaps) >= 190 * 60_000


async def test_a_closed_position_is_shown_by_a_button_with_its_cost_and_its_loss(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(308)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        await talk.asks("/share", "No position of yours has closed yet")
        mint = await token_on_the_market(talk)
        for _ in range(2):
            await talk.orders(f"/buy {mint} 0.1", "Sent: buying for 0.1 SOL")
            await talk.hears("Bought")
        await talk.asks(f"/share {mint}", "is still open; a picture shows what one came to")
        await talk.orders(f"/sell {mint} 50%", "Sent: selling")
        await talk.hears("Sold")
        await talk.orders(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Position closed")
        talk.press(f"Picture of {short(mint)}")
        await talk.hears("Its picture follows; it names the mode and the token")
        await talk.gets_photo()
        picture = talk.world.drawings.shown[-1]
        assert isinstance(picture, PositionPicture)
        [position] = await talk.world.store.recent_positions((await talk.world.store.users())[0].id, 9)
        assert (picture.mode, picture.symbol, picture.buys, picture.sales) == ("live", "T1", 2, 2)
        assert picture.realized_lamports == position.realized_lamports < 0
        spent = 200_000_000  # the fees of the network and rent that the launchpad keeps come on top
        assert spent < picture.cost_lamports < spent * 12 // 10
        assert picture.reason == "by hand"
        await talk.asks(f"/share {position.id}", "Its picture follows")
        await talk.gets_photo(2)
        assert talk.world.drawings.shown[-1] == picture
        await talk.asks("/share a b", "usage: /share [MINT|POSITION]")
        await talk.asks("/share nothing", "No such position of yours has closed")
        await talk.asks(f"/share {'x' * 60}", "No such position of yours has closed")
        other = Talk(talk.world, talk.telegram, person=8)
        await other.agrees()
        await other.asks(f"/share {position.id}", "No such position of yours has closed")
        await other.asks("/share", "No position of yours has closed yet")


async def test_a_drawer_that_hangs_or_ends_delays_no_answer(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(302)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        talk.world.drawings.troubles.extend(["hangs", "ends", "ends"])
        began_s = trio.current_time()
        for _ in range(3):
            await talk.asks("/profit", "Your result", within_s=4)
        assert trio.current_time() - began_s < 5  # the chat's own pace of one message a second
        await talk.hears(f"No picture of it this time: {SLOW}.")
        await talk.hears("No picture of it this time: it could not be made.")
        await talk.hears(f"No picture of it this time: {RESTING}.")
        assert next(one for one in talk.telegram.messages(talk.person) if RESTING in one.text).silent
        assert not [one for one in talk.telegram.messages(talk.person) if one.photo is not None]


async def test_no_picture_follows_while_the_database_is_away(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(303)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        talk.world.database.is_away = True
        await talk.asks("/profit", "the database is away")
        await trio.sleep(10)
        assert not talk.world.drawings.shown
        talk.world.database.is_away = False
        await trio.sleep(10)


async def test_a_picture_waits_when_telegram_asks_for_it_and_goes_to_nobody_who_left(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(304)
    assert isinstance(talk.telegram, MemoryTelegram)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        talk.telegram.ask_to_wait("send_photo", 5)
        await talk.asks("/profit", "Your result")
        await talk.gets_photo()
        talk.telegram.lose("send_photo")
        await talk.asks("/profit", "Your result")
        await talk.gets_photo(2)
        await talk.asks("/profit", "Your result")
        talk.telegram.block(talk.person)
        await trio.sleep(5)
        talk.telegram.unblock(talk.person)
        await talk.asks("/profit", "Your result")
        await talk.gets_photo(3)


async def test_a_picture_that_telegram_refuses_is_told_in_a_line(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(305)
    assert isinstance(talk.telegram, MemoryTelegram)
    huge = Photo("picture.png", PNG_MAGIC + bytes(MAX_PHOTO_BYTES))
    takes = talk.telegram.send_photo

    async def takes_only_huge_ones(chat_id: int, photo: Photo, *, silent: bool = False) -> int:
        return await takes(chat_id, huge, silent=silent)

    monkeypatch.setattr(talk.telegram, "send_photo", takes_only_huge_ones)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        await talk.asks("/profit", "Your result")
        await talk.hears("No picture of it this time: Telegram did not take it.")
