"""Profile live through the whole bot, in virtual time, on a chain that poses as the cluster: paper first, real SOL by consent."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from bot.ports import wallet_in
from bot.profiles import PROFILES
from bot.telegram.gateway_memory import MemoryTelegram
from bot.trading.intent import Mode
from bot.users import Admission
from tests.telegram.telegram_bot import Talk, bot_on_telegram, token_on_the_market
from tests.whole.test_dry_run import NotingChain
from tests.whole.virtual import make_world

LIVE = PROFILES["live"]
LISTED, STRANGER = 7, 8


async def _agrees(talk: Talk) -> None:
    talk.say("/start")
    await talk.hears("Before you start, in plain words")
    talk.press("I agree")
    await talk.hears("[paper] Your wallet is")


async def test_a_newcomer_trades_on_paper_until_he_agrees_to_real_money_and_only_where_he_is_listed(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = NotingChain(seed=1)
    world = make_world(chain)
    talk = Talk(world, MemoryTelegram(world.clock), person=LISTED)
    settings = {"newcomer": LIVE.newcomer, "modes": LIVE.modes, "cluster": "mainnet"}
    async with bot_on_telegram(talk, monkeypatch, admission=Admission(live=frozenset({LISTED})), **settings) as bot:
        mint = await token_on_the_market(talk)
        other = Talk(world, talk.telegram, person=STRANGER)
        await _agrees(other)
        await other.asks("/mode live agree", "for those whom the operator lists in live.allowed_telegram_ids")

        await _agrees(talk)
        await talk.orders(f"/buy {mint} 0.1", "[paper] Sent: buying for 0.1 SOL")
        await talk.hears("[paper] Bought")
        told = await talk.asks("/mode live", "Mode live trades with real SOL")
        assert told.endswith("send /mode live agree")
        user = await world.store.user_by_telegram_id(LISTED)
        assert user is not None
        assert user.mode is Mode.PAPER
        await talk.asks("/mode live sure", "usage: /mode")
        told = await talk.asks("/mode live agree", "[live] From now on orders are sent")
        assert "with 0 SOL. Your sniper is off. 1 position of mode paper stay there" in told
        wallets = await world.store.wallets(user.id)
        live, paper = wallet_in(wallets, Mode.LIVE), wallet_in(wallets, Mode.PAPER)
        await world._fund(live.address)
        await talk.orders(f"/buy {mint} 0.1", "[live] Sent: buying for 0.1 SOL")
        await talk.hears("[live] Bought")
        await talk.asks(f"/limit buy {mint} 0.1 mc=1", "once that costs at most 0.001 SOL")
        held = {row.wallet_id: row.mode for row in await world.store.open_positions()}
        assert held == {live.id: Mode.LIVE, paper.id: Mode.PAPER}
        assert live.address in chain.payers
        assert paper.address not in chain.payers
        assert bot.reconciler.reconciled

    # The operator has taken him from the list: he is back on paper, his purchases to come are gone, and his coins are sold.
    async with bot_on_telegram(talk, monkeypatch, admission=Admission(live=frozenset()), **settings) as bot:
        user = await world.store.user_by_telegram_id(LISTED)
        assert user is not None
        assert user.mode is Mode.PAPER
        assert await world.store.standing_orders(user.id) == []
        await talk.orders(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Sold")
        await talk.asks("/panic", "[live] Sold", within_s=60)
        assert await world.store.open_positions() == []
        assert paper.address not in chain.payers
        assert bot.reconciler.reconciled
