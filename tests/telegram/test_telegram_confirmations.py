"""Cards of orders by hand: what they show, whom they bind, and every way in which a confirmation can come wrong."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from bot.trading.intent import Side
from bot.trading.units import LAMPORTS_PER_SOL
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.crowd import Crowd
from tests.whole.virtual import bought

EXPIRED = "That offer has expired. Nothing was sent; send the command again."
NO_OFFER = "There is no such offer for you, or not any more"


async def agreed(talk: Talk) -> Talk:
    await talk.agrees()
    return talk


def line_of(card: str, command: str) -> str:
    """The command of a card as its reader would type it."""
    found = re.search(rf"/{command} [0-9a-f]{{8}}", card)
    assert found is not None, card
    return found[0]


async def trades(talk: Talk) -> tuple[int, int]:
    day = await talk.world.store.day(0)
    return day.buys, day.sells


async def test_a_card_shows_what_is_traded_and_what_it_costs(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(11)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        mint = await token_on_the_market(talk)
        await agreed(talk)
        card = await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        for words in (
            "[live] Buy",
            "for 0.1 SOL, wallet",
            "tokens, at least",
            "price impact",
            "trading fees",
            "network fee 0.000055 SOL, the tip of a block engine 0.0001 SOL and the rent",
            "0.00207408 SOL that the last sale gives back",
            "at most 0.00273528 SOL once",
            "Within 60 s",
        ):
            assert words in card, card
        assert await bot.adapters.store.in_flight() == []
        talk.press("Confirm")
        await talk.hears("Bought")
        card = await talk.asks(f"/sell {mint} 50%", "Nothing is sent yet")
        for words in ("[live] Sell", "SOL, at least", "price impact", "trading fees"):
            assert words in card, card
        position = (await bot.adapters.store.open_positions())[0]
        talk.press("Confirm")
        await talk.hears("Sold")
        assert (await bot.adapters.store.open_positions())[0].token_raw == position.token_raw - position.token_raw // 2


async def test_an_order_is_one_message_from_its_card_to_its_result(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(10)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        for order, result in ((f"/buy {mint} 0.1", "Bought"), (f"/sell {mint} all", "Position closed")):
            before = {shown.message_id for shown in talk.telegram.messages(talk.person)}
            await talk.orders(order, "Sent: ")
            await talk.hears(result)
            theirs, ours = [shown for shown in talk.telegram.messages(talk.person) if shown.message_id not in before]
            assert theirs.text == order
            assert result in ours.text
            assert {button.label.split()[0] for button in ours.buttons} <= {"Sell", "Picture"}


async def test_a_cancelled_or_expired_card_can_be_pressed_no_more(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(9)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        for label, wait_s, told in (("Cancel", 0, "Cancelled; nothing was sent"), ("Confirm", 61, EXPIRED)):
            await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
            await trio.sleep(wait_s)
            talk.press(label)
            await talk.hears(told)
            [*_, last] = talk.telegram.messages(talk.person)
            assert told in last.text
            assert last.buttons == ()


async def test_a_confirmation_that_comes_again_and_again_buys_once(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(12)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        card = await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        for _ in range(3):
            talk.press("Confirm")
        talk.say(line_of(card, "confirm"))
        await talk.hears("Bought")
        await talk.asks(line_of(card, "confirm").upper().replace("/CONFIRM", "/confirm"), "You confirmed that before")
        await talk.asks(line_of(card, "cancel"), "You confirmed that before")
        await trio.sleep(70)
        await talk.asks(line_of(card, "confirm"), "You confirmed that before")
        assert await trades(talk) == (1, 0)
        assert await talk.world.books_equal_chain()


async def test_an_offer_ends_with_its_minute(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(13)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        await trio.sleep(61)
        talk.press("Confirm")
        await talk.hears(EXPIRED)
        await trio.sleep(30)
        assert await trades(talk) == (0, 0)


async def test_another_person_cannot_confirm_or_cancel(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(14)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        other = await agreed(Talk(talk.world, talk.telegram, person=8))
        card = await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        await other.asks(line_of(card, "confirm"), NO_OFFER)
        await other.asks(line_of(card, "cancel"), NO_OFFER)
        for strange in ("\0", "a\0b", "\ud800", "1" * 400):
            await other.asks(f"/confirm {strange}", NO_OFFER)
            await other.asks(f"/cancel {strange}", NO_OFFER)
        assert await trades(talk) == (0, 0)
        await talk.asks(line_of(card, "confirm"), "Sent: buying")
        await bought(talk.world, 1)
        await other.asks(line_of(card, "confirm"), NO_OFFER)
        assert {row.user_id for row in await talk.world.store.open_positions()} == {
            user.id for user in await talk.world.store.users() if user.telegram_id == talk.person
        }


async def test_an_offer_that_was_confirmed_in_vain_is_gone_once_it_is_cancelled(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(18)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        card = await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        await talk.asks("/pause", "Your entries are paused")
        await talk.asks(line_of(card, "confirm"), "Not done: entries are paused")
        await talk.asks(line_of(card, "cancel"), "Cancelled; nothing was sent")
        await talk.asks("/resume", "Your pause is over")
        await talk.asks(line_of(card, "confirm"), NO_OFFER)
        assert await trades(talk) == (0, 0)


async def test_an_offer_does_not_outlive_a_restart(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(15)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
    async with bot_on_telegram(talk, monkeypatch):
        talk.press("Confirm")
        await talk.hears(NO_OFFER)
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        await bought(talk.world, 1)


async def test_a_buyer_never_gets_fewer_tokens_than_his_card_promised(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(16)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        Crowd(talk.world.chain).buy(mint, 30, 20 * LAMPORTS_PER_SOL)
        await trio.sleep(3)
        talk.press("Confirm")
        await talk.hears("Not done: the price has risen")
        await trio.sleep(30)
        assert await trades(talk) == (0, 0)


async def test_what_cannot_be_done_shows_no_card(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(17)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.asks(f"/buy {mint} 0.0000009", "Not done: 0.0000009 SOL is below the least of 0.001 SOL")
        await talk.asks(f"/buy {mint} 2", "above your limit per trade of 1 SOL")
        await talk.asks(f"/sell {mint} all", "Not done: you hold no position in this token")
        await talk.asks("/buy So11111111111111111111111111111111111111112 0.1", "is no token of the launchpad")
        await talk.asks("/settings min_liquidity 50", "min_liquidity = 50 SOL")
        await talk.asks(f"/buy {mint} 0.1", "below your least liquidity of 50 SOL")
        await talk.asks("/pause", "Your entries are paused")
        await talk.asks(f"/buy {mint} 0.1", "Not done: entries are paused")
        assert await talk.world.store.in_flight() == []


async def test_panic_asks_nobody(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(18)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        await talk.asks("/panic", "1 position to sell, at any price")
        await talk.hears("Position closed")
        sales = [trade for trade in talk.world.store._trades.values() if trade.fill.side is Side.SELL]
        assert len(sales) == 1


async def test_who_wants_no_cards_trades_at_once(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = make_talk(19)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        user = (await talk.world.store.users())[0]
        settings = await talk.world.store.settings(user.id)
        await talk.world.store.change_settings(
            user.id, lambda _: replace(settings, require_confirmation=False), by=user.id
        )
        await talk.asks(f"/buy {mint} 0.1", "Sent: buying for 0.1 SOL")
        await bought(talk.world, 1)
