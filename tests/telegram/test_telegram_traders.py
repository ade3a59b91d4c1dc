"""Traders who show their results, as people meet them: profile, leaderboard with its picture, and what an admin may do."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.execution.trader_book import Standing
from bot.pictures.plain import PNG_MAGIC, BoardPicture, ProfitPicture
from bot.telegram.trader_text import leaderboard_text, trader_text
from bot.trading.intent import Mode
from bot.trading.reputation import DAY_MS, ClosedTrade, reputation_of, sums_of
from bot.trading.trader import Trader
from bot.users import Admission
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market

BOSS = 9


async def trades(talk: Talk, mint: str) -> int:
    """Buy and sell once; what it came to in lamports."""
    await talk.orders(f"/buy {mint} 0.1", "Sent: buying for 0.1 SOL")
    await talk.hears("Bought")
    await talk.orders(f"/sell {mint} all", "Sent: selling")
    await talk.hears("Position closed")
    user = await talk.world.store.user_by_telegram_id(talk.person)
    assert user is not None
    [closed] = await talk.world.store.recent_positions(user.id, 1)
    return closed.realized_lamports


async def test_a_trader_shows_his_losses_on_the_leaderboard_until_he_ends_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make_talk(901)
    bob = Talk(ada.world, ada.telegram, person=8)
    async with bot_on_telegram(ada, monkeypatch):
        mint = await token_on_the_market(ada)
        for talk in (ada, bob):
            await talk.agrees()
        realized = await trades(ada, mint)
        assert realized < 0
        await bob.asks("/leaderboard", "nobody yet")
        await ada.asks("/trader", "You are not shown to anybody. /trader on HANDLE")
        await ada.asks("/trader on admin", "could be taken for somebody who runs this bot")
        await ada.asks("/trader on *ada*", "a public handle has 3 to 20 letters")
        await ada.asks("/trader share 10%", "you are not shown to anybody")
        await ada.asks("/trader on Molly", "under the handle molly; they see no address")
        await bob.asks("/trader on m0lly", "m0lly is taken, or looks like one that is")

        told = await bob.asks("/leaderboard", "1. molly (not rated yet): -0.")
        assert "1 position: 0 won 0, 1 lost -0." in told
        assert "tg-7" not in told
        assert (await bob.gets_photo()).content.startswith(PNG_MAGIC)
        board = ada.world.drawings.shown[-1]
        assert isinstance(board, BoardPicture)
        assert [(row.name, row.points, row.realized_lamports, row.lost) for row in board.rows] == [
            ("molly", None, realized, 1)
        ]
        await bob.asks("/leaderboard paper", "[paper] Traders who show their results")
        await bob.asks("/leaderboard weekly", "usage: /leaderboard")

        page = await bob.asks("/trader @Molly", "[live] molly (not rated yet), shown since")
        assert "A reputation needs more: there are 1 of 10 tokens" in page
        assert "this is you" not in page.lower()
        await bob.gets_photo(3)
        shown = ada.world.drawings.shown[-1]
        assert isinstance(shown, ProfitPicture)
        assert (shown.period, shown.zone, shown.buys, shown.sells) == ("the last 8 weeks of molly", "UTC", 1, 1)
        await ada.asks("/trader", "This is you: /trader off")
        await ada.asks("/trader share 31%", "a share is at most 30 %")
        await ada.asks("/trader share lots", "is not a percentage")
        await ada.asks("/trader share 10%", "10 % of what a follower gains above his best so far")
        await bob.asks("/trader molly", "Counts 10 % of what a follower gains")
        await bob.asks("/trader nobody", "there is no trader of that handle")
        await bob.asks("/trader a b", "usage: /trader")
        await ada.asks("/trader off", "You are shown no more.")
        await ada.asks("/trader off", "You are not shown to anybody.")
        await bob.asks("/trader molly", "there is no trader of that handle")
        await bob.asks("/leaderboard", "nobody yet")


async def test_who_left_is_on_no_leaderboard(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = make_talk(902)
    bob = Talk(ada.world, ada.telegram, person=8)
    async with bot_on_telegram(ada, monkeypatch):
        for talk in (ada, bob):
            await talk.agrees()
        await ada.asks("/trader on molly", "under the handle molly")
        await bob.asks("/leaderboard", "1. molly (not rated yet): nothing closed")
        user = await ada.world.store.user_by_telegram_id(7)
        assert user is not None
        await ada.world.store.close_account(user.id, ada.world.clock.now_ms())
        await trio.sleep(30)
        await bob.asks("/leaderboard", "nobody yet")


async def test_an_admin_takes_a_trader_off_the_leaderboard_and_lets_him_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = make_talk(903)
    boss.person = BOSS
    ada = Talk(boss.world, boss.telegram, person=7)
    async with bot_on_telegram(boss, monkeypatch, admission=Admission(frozenset({BOSS}))):
        for talk in (boss, ada):
            await talk.agrees()
        await ada.asks("/trader on molly", "under the handle molly")
        await ada.asks("/moderate trader molly delist why", "/moderate is for people with the role admin")
        await boss.asks("/moderate trader molly", "usage: /moderate")
        await boss.asks("/moderate trader nobody restore", "there is no trader of that handle")
        await boss.asks("/moderate trader molly restore", "molly is listed already.")
        await boss.asks("/moderate trader molly delist sells into his followers", "on the leaderboard no more")
        await boss.asks("/leaderboard", "nobody yet")
        await ada.asks("/trader off", "You are shown no more.")
        await ada.asks("/trader on mollybee", "under the handle mollybee")
        await boss.asks("/leaderboard", "nobody yet")
        await boss.asks("/trader mollybee", "an admin has delisted it: sells into his followers")
        await ada.asks("/close_account yes", "and holds when you come back")
        await ada.agrees()
        await ada.asks("/trader on dolly", "an admin has delisted you: sells into his followers")
        await boss.asks("/leaderboard", "nobody yet")
        await boss.asks("/moderate trader dolly restore", "may be on the leaderboard again")
        await boss.asks("/leaderboard", "1. dolly")


def test_the_page_of_a_rated_trader_gives_every_part_of_his_reputation() -> None:
    closed = [ClosedTrade(f"Mint{day}", 10**8, -(10**6), day * DAY_MS) for day in range(10)]
    standing = Standing(Trader("u", "molly", 0), sums_of(closed), reputation_of(closed))
    page = trader_text(standing, Mode.LIVE, is_mine=False)
    for part in ("molly (bronze, 2 of 100)", "return 0 of 40: -1.0 %", "drawdown 0 of 20", "record 2 of 15: 10 tokens"):
        assert part in page
    assert "-0.01 SOL in 10 positions: 0 won 0, 10 lost -0.01" in page
    assert "silver" not in leaderboard_text([standing], Mode.LIVE)


async def test_a_follower_is_counted_and_his_gains_and_the_share_are_written_down(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make_talk(905)
    ada.person = BOSS
    bob = Talk(ada.world, ada.telegram, person=8)
    eve = Talk(ada.world, ada.telegram, person=6)
    async with bot_on_telegram(ada, monkeypatch, admission=Admission(frozenset({BOSS}))):
        mint = await token_on_the_market(ada)
        for talk in (ada, bob, eve):
            await talk.agrees()
        await ada.asks("/trader on molly", "Nobody copies you by it unless you allow it with /settings copyable on")
        await ada.asks("/trader share 10%", "10 % of what a follower gains")
        assert "He does not let himself be copied." in await bob.asks("/trader molly", "[live] molly")
        await bob.asks("/copy_trader molly 0.1", "molly shows his results and does not let himself be copied")
        await ada.asks("/settings copyable on", "copyable = on")
        assert "Others may copy you by molly" in await ada.asks("/trader", "This is you")
        assert "/copy_trader molly SOL" in await bob.asks("/trader molly", "[live] molly")
        await ada.asks("/moderate trader molly delist a test", "on the leaderboard no more")
        await bob.asks("/copy_trader molly 0.1", "an admin has delisted molly: a test")
        await ada.asks("/moderate trader molly restore", "may be on the leaderboard again")
        card = await bob.asks("/copy_trader @Molly 0.1", "Copy molly (")
        assert "He counts 10 % of what you gain" in card
        bob.press("Confirm")
        await bob.hears("You copy molly from now on")
        await ada.asks("/trader share 30%", "who copies you is told")
        await bob.hears(
            "molly counts 30 % of what you gain above your best so far as his from now on, and 10 % until now"
        )
        await ada.asks("/trader share 10%", "who copies you is told")
        await eve.asks("/leaderboard", "1. molly (not rated yet): nothing closed; 1 follower")
        await trio.sleep(5)
        await ada.orders(f"/buy {mint} 0.2", "Sent: buying for 0.2 SOL")
        await bob.hears("Bought")
        await ada.orders(f"/sell {mint} all", "Sent: selling")
        await bob.hears("Position closed")
        await trio.sleep(150)
        told = await ada.asks("/trader", "1 follower made -0.")
        assert "by copies in 1 live sale; your share, a figure alone, is 0 SOL." in told
        await bob.asks("/trader molly", "You made -0.")
        assert "made" not in (await eve.asks("/trader molly", "[live] molly")).partition("net of fees")[0]
        await ada.asks("/moderate traders", "1 user shown to others, 0 of them delisted. 1 live copy rule")
        await bob.asks("/stop_copy molly", "You copy molly no more")
        await trio.sleep(30)
        assert "follower" not in await eve.asks("/leaderboard", "1. molly")
        assert await ada.world.books_equal_chain()
