"""/track and /rankings: what followed wallets came to, for whoever follows them and for others."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock

from bot.pictures.plain import PNG_MAGIC, RankingPicture
from bot.ports import TrackedWallet
from bot.trading.limits import UserSettings
from bot.trading.units import LAMPORTS_PER_SOL
from tests.telegram.telegram_bot import bot_on_telegram, make_talk
from tests.whole.crowd import Crowd

GOOD, BAD, HOLDS = 2, 3, 4


async def _rounds(crowd: Crowd) -> None:
    """One buys before the price rises and sells after it, one the other way round, and one keeps what he bought."""
    mint = crowd.launch()
    for trader, step in (
        (GOOD, crowd.buy),
        (9, crowd.buy),
        (BAD, crowd.buy),
        (GOOD, None),
        (9, None),
        (HOLDS, crowd.buy),
        (BAD, None),
    ):
        await trio.sleep(2)
        if step is None:
            crowd.sell_all(mint, trader)
        else:
            step(mint, trader, LAMPORTS_PER_SOL)


async def test_followed_wallets_are_ranked_by_what_their_rounds_came_to_also_after_a_restart(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(51)
    crowd = Crowd(talk.world.chain)
    for trader in (1, 9, GOOD, BAD, HOLDS):
        crowd._trader(trader)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        for trader, label in ((BAD, "late one"), (GOOD, "early one"), (HOLDS, "")):
            await talk.asks(f"/track {crowd.address(trader)} {label}", "recorded from now on")
        assert "has not traded" in await talk.asks("/track", "You follow 3 of at most 50 wallets")
        await trio.sleep(40)
        await _rounds(crowd)
        await trio.sleep(70)
        ranked = (await talk.asks("/rankings", "The best of the wallets that are followed here")).splitlines()
        assert ranked[1].startswith("1. early one (")
        assert ", 1 of 1 round won, held " in ranked[1]
        assert ranked[2].startswith(f"2. {crowd.address(HOLDS)[:6]}")
        assert ranked[2].endswith("score 0, 0 SOL, no round is over yet")
        assert ranked[3].startswith("3. late one (")
        assert "0 of 1 round won" in ranked[3]
        assert ", -0." in ranked[3]
        assert "promises nothing" in ranked[-1]
        assert (await talk.gets_photo()).content.startswith(PNG_MAGIC)
        picture = talk.world.drawings.shown[-1]
        assert isinstance(picture, RankingPicture)
        assert [row.name for row in picture.rows][::2] == ["early one", "late one"]
        assert all(one.points >= two.points for one, two in pairwise(picture.rows))
    async with bot_on_telegram(talk, monkeypatch):
        await trio.sleep(2)
        assert (await talk.asks("/rankings mine", "that you follow")).splitlines()[1:] == ranked[1:]
        told = await talk.asks(f"/rankings {crowd.address(GOOD)}", "Score ")
        assert "- wins 2 of 25: 1 of 1 rounds won" in told
        assert "over 1 token, of which it holds 0: 2 swaps" in told
        await talk.asks(f"/untrack {crowd.address(BAD)}", "no more")
        assert "late one" not in await talk.asks("/rankings", "followed here")
        await talk.asks(f"/rankings {crowd.address(BAD)}", "Nothing is known of")


async def test_somebody_else_sees_no_labels_and_follows_with_a_button(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(52)
    crowd = Crowd(talk.world.chain)
    leader = crowd._trader(GOOD)
    user, _ = await talk.world.user("ada", UserSettings())
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await talk.world.store.track(TrackedWallet(user.id, str(leader.pubkey()), "secret label", 0))
        await bot.hunt.tracking_changed()
        await talk.agrees()
        await trio.sleep(40)
        crowd.buy(crowd.launch(), GOOD, LAMPORTS_PER_SOL)
        await trio.sleep(70)
        told = await talk.asks("/rankings", "followed here")
        assert "secret label" not in told
        assert "ada" not in told
        talk.press(f"Follow {str(leader.pubkey())[:6]}…{str(leader.pubkey())[-4:]}")
        await talk.hears("Following ")
        assert await talk.asks("/rankings mine", "that you follow")


async def test_who_was_early_in_three_tokens_that_rose_is_offered_and_followed_with_a_button(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(53)
    crowd = Crowd(talk.world.chain)
    for trader in (1, 9, GOOD, BAD):
        crowd._trader(trader)
    async with bot_on_telegram(talk, monkeypatch):
        await talk.agrees()
        await talk.asks("/rankings discovered", "No wallet has been early in three tokens")
        for _ in range(3):
            mint = crowd.launch()
            for trader, lamports in ((GOOD, LAMPORTS_PER_SOL), (9, 30 * LAMPORTS_PER_SOL), (BAD, LAMPORTS_PER_SOL)):
                await trio.sleep(2)
                crowd.buy(mint, trader, lamports)
        await trio.sleep(3)
        told = (await talk.asks("/rankings discovered", "Early in tokens that rose")).splitlines()
        assert told[1] == f"1. {crowd.address(GOOD)}: early in 3 tokens, of which 3 rose to 3 times its price or more"
        assert crowd.address(BAD) not in "\n".join(told)
        talk.press(f"Follow {crowd.address(GOOD)[:6]}…{crowd.address(GOOD)[-4:]}")
        await talk.hears("Following ")
        await talk.asks("/rankings discovered", "No wallet has been early in three tokens")
