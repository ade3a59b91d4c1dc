"""Leaving, as a conversation in virtual time: positions first, then what waits, then money, and then who he was."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.crowd import Crowd
from tests.whole.virtual import pausing


async def _joins(talk: Talk) -> None:
    await talk.agrees()


async def test_whoever_leaves_sells_first_and_is_a_stranger_afterwards(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(21)
    other = Talk(talk.world, talk.telegram, 8)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        mint = await token_on_the_market(talk)
        await _joins(talk)
        await _joins(other)
        leader = Crowd(talk.world.chain)._trader(3).pubkey()
        await talk.asks(f"/track {leader} a friend", "trades are recorded")
        await talk.asks("/snipe_enable", "The sniper is on")
        await talk.asks("/settings max_hold off", "max_hold = off")
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        said = await talk.asks("/close_account", "Closing your account sells what you hold")
        assert "1 position of yours would be sold first." in said
        await talk.asks(
            "/close_account yes", "Your sniper is off, your entries are paused, and 1 position of yours is being"
        )
        await talk.hears("Position closed")
        await talk.asks("/close_account yes", "Your account is closed")
        await talk.asks("/wallet", "You have no wallet here yet; send /start first.")
        assert pausing(bot) == set()
        users = await talk.world.store.users()
        assert [(user.telegram_id, user.has_left) for user in users] == [(None, True), (8, False)]
        assert "7" not in users[0].handle.removeprefix(f"closed-{users[0].id}")
        assert await talk.world.store.tracked() == []
        assert bot.hunt.followed.scanners == {}
        assert await talk.world.books_equal_chain()
        await _joins(talk)
        assert len(await talk.world.store.users()) == 3
        await other.asks("/status", "0 open positions")


async def test_whose_wallet_holds_money_stays_until_it_is_empty(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(22)
    async with bot_on_telegram(talk, monkeypatch, cluster="mainnet"):
        await _joins(talk)
        said = await talk.asks("/close_account", "holds 10 SOL and tokens of 0 mints, and to erase who you are")
        assert "To close it: /close_account yes" in said
        await talk.asks("/close_account yes", "Your account stays open until it is empty")
        assert not any(user.has_left for user in await talk.world.store.users())
