"""What users think of tokens, as people say it, read it and have it hidden, and what the bot's opinion makes of it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.trading.community import BETWEEN_MS
from bot.users import Admission
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market

BOSS = 9
PACE_S = BETWEEN_MS / 1000 + 1


async def test_those_who_paid_for_a_token_warn_of_it_and_the_opinion_hears_them(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    boss = make_talk(911)
    boss.person = BOSS
    raters = [Talk(boss.world, boss.telegram, person) for person in (7, 8)]
    bystander = Talk(boss.world, boss.telegram, 6)
    async with bot_on_telegram(boss, monkeypatch, admission=Admission(frozenset({BOSS}))) as bot:
        mint = await token_on_the_market(boss)
        for talk in (boss, bystander, *raters):
            await talk.agrees()
        await bystander.asks(f"/community {mint}", "Nobody has rated")
        await bystander.asks(f"/rate_token {mint} 10 best https://evil.example", 'Others read: "best …".')
        for talk in (boss, *raters):
            await talk.orders(f"/buy {mint} 0.5", "Sent: buying for 0.5 SOL")
            await talk.hears("Bought")
            await talk.asks(f"/rate_token {mint} 2 !rug /panic now", "You gave it 2 of 10, and warned of a rug.")
        told = await bystander.asks(f"/community {mint}", "4 ratings. 2.0 of 10 by 3 voices with a weight of 150")
        assert "100 % of the weight warn of a rug" in told
        assert '2 of 10 warns of a rug: "panic now" (weight 50' in told
        assert '10 of 10: "best …" (weight 0' in told
        assert "tg-" not in told
        analysis = bot.market.analyses.analysis(mint, boss.world.clock.now_ms())
        assert analysis is not None
        assert (analysis.crowd.known, analysis.crowd.hundredths) == (True, 200)

        listed = await boss.asks("/moderate", "The latest that users said of tokens:")
        number = listed.splitlines()[1].split()[1]
        await raters[0].asks(f"/moderate rating {number} hide why", "/moderate is for people with the role admin")
        await boss.asks(f"/moderate rating {number} hide an insult", "is shown to nobody and counts nothing")
        await bystander.asks(f"/community {mint}", "3 ratings. 2 of them weigh something, together 100: too little")
        analysis = bot.market.analyses.analysis(mint, boss.world.clock.now_ms())
        assert analysis is not None
        assert not analysis.crowd.known
        await boss.asks("/moderate", "(hidden: an insult)")
        await boss.asks(f"/moderate rating {number} restore", "is shown and counts again")
        await bystander.asks(f"/community {mint}", "4 ratings. 2.0 of 10 by 3 voices")
        await boss.asks("/moderate rating x hide why", "there is no rating of that number")
        await boss.asks("/moderate rating 1", "usage: /moderate")


async def test_what_cannot_be_said_of_a_token_is_refused_in_a_line(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(912)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        for arguments, words in (
            ("", "usage: /rate_token"),
            (mint, "usage: /rate_token"),
            (f"{mint} 11", "'11' is no rating; give a whole number from 1 to 10"),
            ("nothing 5", "is not a token address"),
            (f"{talk.world.chain.call('getGenesisHash')} 5", "this bot has not seen that token"),
            (f"{mint} 5 !moon", "there is no such warning; it is one of: !scam"),
            (f"{mint} remove", "You have not rated it."),
        ):
            await talk.asks(f"/rate_token {arguments}", words)
        await talk.asks("/community", "usage: /community")
        await talk.asks(f"/rate_token {mint} 5", "You gave it 5 of 10.")
        await talk.asks(f"/rate_token {mint} 6", "between two ratings there are 30 s")
        await trio.sleep(PACE_S)
        await talk.asks(f"/rate_token {mint} 6", "You gave it 6 of 10.")
        await talk.asks(f"/community {mint}", "1 rating. 0 of them weigh something")
        await talk.asks(f"/rate_token {mint} remove", "Your rating of it is gone.")
        await talk.asks(f"/community {mint}", "Nobody has rated")


async def test_points_come_for_trades_and_ratings_once_each(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(913)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.agrees()
        await talk.asks("/rewards", "You have 100 points:")
        await talk.orders(f"/buy {mint} 0.1", "Sent: buying for 0.1 SOL")
        await talk.hears("Bought")
        await talk.asks(f"/rate_token {mint} 5", "You gave it 5 of 10.")
        await talk.asks("/rewards", "You have 100 points:")
        await trio.sleep(150)
        told = await talk.asks("/rewards", "You have 115 points:")
        assert "10 for tokens bought live, 1 time" in told
        assert "5 for ratings of tokens that you bought live, 1 time" in told
        assert "Points are no money" in told
        await talk.asks("/rewards", "You have 115 points:")
        await talk.asks("/rewards now", "usage: /rewards")
