"""/ai, /analyze and /top: what the bot thinks of a token, what it suggests, and a buy by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from bot.localnet import elsewhere
from bot.pictures.plain import PNG_MAGIC, OpinionPicture
from bot.telegram.opinion_text import unseen_lines
from bot.telegram.words import short
from bot.trading.intent import Context
from bot.trading.signal import Action
from bot.tree import TradingBot
from tests.market.social_doubles import in_process_social
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk
from tests.whole.crowd import Crowd


@asynccontextmanager
async def begun(seed: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Talk, TradingBot]]:
    """A conversation with somebody who has agreed to the terms, and the bot that he talks to."""
    talk = make_talk(seed)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await talk.agrees()
        yield talk, bot


async def hot_token(talk: Talk, crowd: Crowd | None = None, *, buyers: int = 14) -> str:
    """A launch that many buy at once, as the rules want it; its mint."""
    crowd = crowd or Crowd(talk.world.chain)
    for trader in range(1, buyers + 2):
        crowd._trader(trader)
    mint = crowd.launch()
    await trio.sleep(0.5)
    for trader in range(2, buyers + 2):
        crowd.buy(mint, trader, 400_000_000)
    await trio.sleep(1)
    for trader in range(2, 2 + buyers // 5):
        crowd.sell_all(mint, trader)
    await trio.sleep(5)
    return mint


async def test_an_opinion_comes_with_its_reasons_a_picture_and_a_button_that_buys_by_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(41)
    talk.world.social = in_process_social(talk.world.chain)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await talk.agrees()
        mint = await hot_token(talk)
        said = await talk.asks(f"/ai {mint}", "confidence")
        assert "BUY, confidence " in said
        assert "distinct buyers" in said
        assert "Measured now:" in said
        assert "  momentum " in said
        assert "  holders " in said
        assert "What people write of it: mood " in said
        assert "Nobody can freeze, tax, take back or mint more of it." in said
        assert "[live] Suggested: 0.1 SOL. To buy by this opinion:" in said
        assert said.endswith("promises nothing: most new tokens lose most of their value.")
        assert (await talk.gets_photo()).content.startswith(PNG_MAGIC)
        picture = talk.world.drawings.shown[-1]
        assert isinstance(picture, OpinionPicture)
        assert (picture.verdict, picture.version, picture.mode) == ("buy", "rules-3", "live")
        assert [part.name for part in picture.parts][:2] == ["confidence", "momentum: inflow"]
        assert sum(one.last > one.first for one in picture.sticks) > 0

        talk.press("Buy 0.1 SOL")
        await talk.confirms("Sent: buying for 0.1 SOL")
        await talk.hears("Bought")
        [position] = await bot.adapters.store.open_positions(next(iter(await bot.adapters.store.users())).id)
        assert position.context is Context.AI_SIGNAL
        story = await talk.asks(f"/why {mint}", "ai signal: opinion rules-3, confidence ")
        assert "distinct buyers" in story
        await talk.orders(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Position closed")
        assert "signals: 1 closed" in await talk.asks("/my_stats", "signals")


async def test_what_is_suggested_says_why_it_is_less(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with begun(42, monkeypatch) as (talk, _):
        mint = await hot_token(talk)
        await talk.asks("/settings manual_trade 0.03", "manual_trade = 0.03 SOL")
        said = await talk.asks(f"/analyze {mint}", "Suggested")
        assert (
            "Suggested: 0.03 SOL, less than your snipe_amount of 0.1 SOL: your limit per trade by hand is 0.03 SOL."
            in said
        )
        assert "What people write of it: nobody is asked; the operator has set no key." in said
        refused = await talk.asks(f"/ai {mint} 0.05", "Not done")
        assert "above your limit per trade by hand" in refused


async def test_no_opinion_a_poor_one_and_an_old_one_buy_nothing(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with begun(43, monkeypatch) as (talk, bot):
        crowd = Crowd(talk.world.chain)
        poor = await hot_token(talk, crowd, buyers=2)
        judged = bot.hunt.opinions.of(poor)
        assert judged is not None
        assert judged.opinion.action is Action.NEUTRAL
        said = await talk.asks(f"/ai {poor}", "NEUTRAL")
        assert "Suggested: nothing, because the opinion is neutral, not a buy." in said
        assert f"/buy {poor} 0.1 buys by hand" in await talk.asks(f"/ai {poor} 0.1", "The opinion is neutral by now")

        hot = await hot_token(talk, crowd)
        await trio.sleep(16 * 60)
        assert "An opinion of its first moments, not of now." in await talk.asks(f"/ai {hot}", "BUY")
        await talk.asks(f"/ai {hot} 0.1", "no opinion of it that is young enough, so nothing is bought")

        unseen = await talk.asks(f"/ai {elsewhere.MINT}", "This bot has no opinion of it")
        assert "Of its past: this bot has seen nothing of its creator." in unseen
        assert "Not known: how it is traded now, and so its momentum" in unseen
        maker = bot.market.analyses.past_of(judged.launch.creator)
        assert unseen_lines(maker)[0] == (
            "Of its past: its creator made 2 tokens that this bot saw; 0 he left at once, 0 graduated."
        )
        await talk.asks(f"/ai {'1' * 32}", "is no token of the launchpad")
        await talk.asks("/ai", "/ai MINT [SOL]")


async def test_the_best_of_the_last_minute_come_with_a_button_each(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with begun(44, monkeypatch) as (talk, _):
        await talk.asks("/top", "Nothing was launched in the last minute")
        mint = await hot_token(talk)
        said = await talk.asks("/top", "thinks most of")
        assert f"/ai {mint}" in said
        assert "buy " in said
        talk.press(f"Opinion of {short(mint)}")
        await talk.hears("BUY, confidence")
        await trio.sleep(120)
        await talk.asks("/top", "Nothing was launched in the last minute")


async def test_a_sniper_that_only_tells_says_what_it_would_buy_once_and_its_button_buys(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with begun(45, monkeypatch) as (talk, bot):
        crowd = Crowd(talk.world.chain)
        await talk.asks("/settings snipe_tells_only on", "snipe_tells_only = on; it holds from now on")
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        await talk.asks("/snipe_enable", "The sniper is on")
        assert "it tells and buys nothing" in await talk.asks("/snipe", "The sniper is on")
        mint = await hot_token(talk, crowd)
        told = await talk.hears(f"Signal: {mint}, confidence ")
        assert "Your sniper would spend 0.1 SOL; it only tells" in told
        [user] = await bot.adapters.store.users()
        assert await bot.adapters.store.open_positions(user.id) == []
        [run] = await bot.adapters.store.runs_since(user.id, 0)
        assert run.status == "SKIPPED"
        assert run.reason.startswith("told only, would have spent 0.1 SOL: confidence ")
        talk.press("Buy 0.1 SOL")
        await talk.hears("Bought")
        [position] = await bot.adapters.store.open_positions(user.id)
        assert position.context is Context.AI_SIGNAL

        await talk.asks("/alerts signals off", "signals = off")
        quiet = await hot_token(talk, crowd)
        assert quiet in {one.mint for one in await bot.adapters.store.runs_since(user.id, 0)}
        assert not any(f"Signal: {quiet}" in one.text for one in talk.telegram.messages(talk.person))


async def test_thresholds_and_the_blacklist_count_from_the_next_token_on(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with begun(46, monkeypatch) as (talk, bot):
        crowd = Crowd(talk.world.chain)
        await talk.asks("/snipe_enable", "The sniper is on")
        [user] = await bot.adapters.store.users()

        async def reason_of_the_next() -> str:
            mint = await hot_token(talk, crowd)
            return next(one.reason for one in await bot.adapters.store.runs_since(user.id, 0) if one.mint == mint)

        await talk.asks("/settings snipe_momentum 100%", "snipe_momentum = 100 %")
        assert ", you ask for 100 of 100" in await reason_of_the_next()
        await talk.asks("/settings snipe_momentum off", "snipe_momentum = off")
        await talk.asks("/blacklist", "Your blacklist is empty.")
        await talk.asks("/blacklist add TOKEN", "your blacklist has 1 of 100 entries")
        await talk.asks("/blacklist add token", "token is on your blacklist already; nothing was changed")
        assert await reason_of_the_next() == "you have blacklisted the word token"
        await talk.asks("/blacklist", "  token")
        await talk.asks(
            "/blacklist add x", "'x' is no entry; it is the address of a token or of its creator, or a word"
        )
        await talk.asks("/blacklist take token", "usage: /blacklist [add|remove MINT|CREATOR|WORD]")
        await talk.asks("/blacklist remove token", "It counts as any other token again")
        assert "you have blacklisted" not in await reason_of_the_next()
        assert len(await bot.adapters.store.open_positions(user.id)) == 1
