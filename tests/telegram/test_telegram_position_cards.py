"""Cards of positions: edited while something changes, seldom, behind everybody else, and for the last time at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from actors.position_cards import EVERY_S
from bot.errors import ChatUnavailable
from bot.ports import Button, CardView, PricePoint, Topic
from bot.telegram.card_text import STALE_MS, PositionFace
from bot.telegram.gateway_memory import Shown
from bot.telegram.gateway_pacing import PacedChat
from bot.trading.curve import Curve, Fees
from bot.trading.intent import Side
from bot.trading.limits import UserSettings
from bot.trading.position import PositionState
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.telegram.test_telegram_confirmations import agreed, line_of
from tests.trading.trading_samples import fill, opened
from tests.whole.crowd import Crowd

SOL = 10**9


def shown(talk: Talk, words: str) -> Shown:
    """The latest message of the bot with these words."""
    return [one for one in talk.telegram.messages(talk.person) if one.ours and words in one.text][-1]


async def holder(talk: Talk) -> str:
    """Somebody who has just bought; the mint."""
    mint = await token_on_the_market(talk)
    await agreed(talk)
    await talk.orders(f"/buy {mint} 0.1", "Bought")
    return mint


async def test_what_was_bought_becomes_a_card_that_ends_with_its_result(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(41)
    async with bot_on_telegram(talk, monkeypatch, with_cards=True) as bot:
        mint = await holder(talk)
        await talk.hears("A sale now brings about ")
        card = shown(talk, "Bought")
        [position] = await bot.adapters.store.open_positions()
        assert "Updated " in card.text.splitlines()[-1]
        assert card.buttons == tuple(
            Button(f"Sell {share} %", f"/sell {position.id} {share}%") for share in (25, 50, 100)
        )
        Crowd(talk.world.chain).buy(mint, 30, SOL)
        risen = await talk.hears("A sale now brings about ")
        assert "SOL: +" in risen
        talk.press("Sell 100 %")
        await talk.confirms("Position closed")
        await talk.hears("(by hand). Result ")
        final = shown(talk, "Bought")
        assert final.message_id == card.message_id
        assert final.buttons == (Button("What happened", f"/why {position.id}"),)
        assert await talk.world.store.chat_messages(Topic.POSITION) == []


async def test_a_tap_on_the_card_of_a_closed_position_sells_no_later_one(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(42)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        mint = await holder(talk)
        [first] = await bot.adapters.store.open_positions()
        card = await talk.asks(f"/sell {first.id} 50%", "Nothing is sent yet")
        await talk.orders(f"/sell {mint} all", "Position closed")
        await talk.orders(f"/buy {mint} 0.1", "Bought")
        await talk.asks(line_of(card, "confirm"), "is closed. Nothing was sent")
        await talk.asks(f"/sell {first.id} 100%", "is closed. Nothing was sent")
        await talk.asks(f"/card {first.id}", "is closed; /positions has its result")
        [second] = await bot.adapters.store.open_positions()
        stranger = await agreed(Talk(talk.world, talk.telegram, person=8))
        await stranger.asks(f"/sell {second.id} 100%", "You have no such position")
        await stranger.asks(f"/card {second.id}", "You hold no such position")
        assert await bot.adapters.store.in_flight() == []
        await talk.orders(f"/sell {second.id} 100%", "Position closed")


async def test_a_card_goes_on_after_a_restart_and_further_down_when_it_is_asked_for(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(43)
    async with bot_on_telegram(talk, monkeypatch, with_cards=True):
        mint = await holder(talk)
        await talk.hears("A sale now brings about ")
    async with bot_on_telegram(talk, monkeypatch, with_cards=True) as bot:
        Crowd(talk.world.chain).buy(mint, 30, SOL)
        await talk.hears("SOL: +")
        bought = shown(talk, "Bought")
        talk.say("/positions")
        await talk.hears("a sale now brings")
        talk.press(f"Card of {mint[:6]}…{mint[-4:]}")
        await talk.hears("Your position in ")
        await talk.hears("The card of this position goes on below.")
        below = shown(talk, "Your position in ")
        assert below.message_id > bought.message_id
        assert shown(talk, "goes on below").buttons == ()
        await talk.asks("/panic", "1 position to sell, at any price")
        await talk.hears("(/panic). Result ")
        assert "Result " in shown(talk, "Your position in ").text
        assert await bot.adapters.store.chat_messages(Topic.POSITION) == []


async def test_a_price_that_nobody_sees_any_more_is_told_as_what_it_was(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(44)
    async with bot_on_telegram(talk, monkeypatch, with_cards=True):
        await holder(talk)
        await talk.hears("A sale now brings about ")
        talk.world.chain.set_fault("rpc-down", for_s=60)
        await talk.hears("No price since ", within_s=120)
        assert "; then a sale brought about " in shown(talk, "Bought").text


def test_a_card_says_what_is_known_and_what_is_not() -> None:
    position = opened(fill(Side.BUY, 10**12, SOL))
    view = CardView(position, UserSettings(timezone="Europe/Berlin"), 100_000)
    assert "Its price is not known now." in PositionFace().show(view).news
    curve = Curve(10**15, 32 * SOL, 7 * 10**14, 2 * SOL, complete=False, creator="somebody", slot=1)
    seen = replace(view, point=PricePoint(curve, 100_000 - STALE_MS), fees=Fees(), is_selling=True)
    card = PositionFace().show(seen)
    assert "A sale now brings about " in card.news
    assert "A sale of it is on its way." in card.news
    assert card.stamp == "Updated 01:01:40 Europe/Berlin."
    stale = PositionFace().show(replace(seen, now_ms=100_001)).news
    assert "No price since 01:01:10 Europe/Berlin; then a sale brought about " in stale
    complete = PricePoint(replace(curve, complete=True), 100_000)
    assert "It cannot be sold now: " in PositionFace().show(replace(seen, point=complete)).news
    ended = replace(position, state=PositionState.CLOSED, token_raw=0, closed_at_ms=position.opened_at_ms + 90_000)
    gone = PositionFace().show(replace(view, position=ended))
    assert "no sale of yours ended it" in gone.news
    lost = replace(ended, realized_lamports=-5_000)
    told = PositionFace().show(replace(view, position=lost, ended_by="stop_loss"))
    assert "after 90 s (stop-loss). Result -0.000005 SOL." in told.news
    assert told.below("Bought it.") == f"Bought it.\n\n{told.news}"


async def test_who_wants_no_cards_has_none_and_deleted_or_blocked_ones_are_let_go(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(45)
    async with bot_on_telegram(talk, monkeypatch, with_cards=True) as bot:
        await agreed(talk)
        await talk.asks("/alerts cards silent", "cards is on or off")
        await talk.asks("/alerts cards off", "cards = off")
        mint = await token_on_the_market(talk)
        await talk.orders(f"/buy {mint} 0.1", "Bought")
        await trio.sleep(60)
        assert "Updated" not in shown(talk, "Bought").text
        await talk.asks("/alerts cards on", "cards = on")
        await talk.hears("A sale now brings about ", within_s=90)
        await talk.telegram.delete(talk.person, shown(talk, "Bought").message_id)
        Crowd(talk.world.chain).buy(mint, 30, SOL)
        with trio.fail_after(60):
            while await bot.adapters.store.chat_messages(Topic.POSITION):
                await trio.sleep(1)
        await talk.asks(f"/card {mint}", "Your position in ")
        talk.telegram.block(talk.person)
        Crowd(talk.world.chain).buy(mint, 31, SOL)
        with trio.fail_after(60):
            while await bot.adapters.store.chat_messages(Topic.POSITION):
                await trio.sleep(1)


async def test_an_edit_that_nobody_waits_for_is_left_out_where_anything_else_is_said(
    autojump_clock: MockClock,
) -> None:
    talk = make_talk(46)
    paced = PacedChat(talk.telegram)
    talk.say("/start")
    message_id = await paced.send(talk.person, "a card")
    assert not await paced.edit_if_idle(talk.person, message_id, "too soon")
    await trio.sleep(1)
    assert await paced.edit_if_idle(talk.person, message_id, "one")
    began_s = trio.current_time()
    for _ in range(2):
        await paced.send(talk.person, "an answer")
    assert trio.current_time() == began_s
    await trio.sleep(EVERY_S)
    talk.telegram.ask_to_wait("edit", 30)
    with pytest.raises(ChatUnavailable, match="asks to wait 30 s"):
        await paced.edit_if_idle(talk.person, message_id, "two")
    await trio.sleep(20)
    assert not await paced.edit_if_idle(talk.person, message_id, "still resting")
    await trio.sleep(11)
    assert await paced.edit_if_idle(talk.person, message_id, "three")
    assert shown(talk, "three").message_id == message_id
