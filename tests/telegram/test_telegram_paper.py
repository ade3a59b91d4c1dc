"""/open and /close: a user trades on paper beside his own mode, at the same prices, in the same token."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from bot.ports import Wallet, wallet_in
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.words import short
from bot.trading.intent import Mode
from bot.trading.units import LAMPORTS_PER_SOL
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk, token_on_the_market
from tests.telegram.test_telegram_confirmations import agreed, line_of
from tests.whole.crowd import Crowd
from tests.whole.test_dry_run import NotingChain
from tests.whole.virtual import VIRTUAL_LAMPORTS, make_world


async def wallets_of(talk: Talk) -> tuple[Wallet, Wallet]:
    """The live wallet and the virtual one."""
    [user] = await talk.world.store.users()
    wallets = await talk.world.store.wallets(user.id)
    return wallet_in(wallets, Mode.LIVE), wallet_in(wallets, Mode.PAPER)


async def trades_on_paper(talk: Talk, mint: str) -> None:
    """Buys and sells all of it again."""
    await talk.orders(f"/open {mint} 0.1", "[paper] Sent: buying for 0.1 SOL")
    await talk.hears("[paper] Bought")
    await talk.orders(f"/close {mint}", "[paper] Sent: selling")
    await talk.hears("Position closed")


async def test_a_token_is_held_live_and_on_paper_and_each_button_sells_its_own(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = NotingChain(seed=61)
    world = make_world(chain)
    talk = Talk(world, MemoryTelegram(world.clock))
    async with bot_on_telegram(talk, monkeypatch) as bot:
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.orders(f"/buy {mint} 0.1", "[live] Sent: buying for 0.1 SOL")
        await talk.hears("[live] Bought")
        await talk.orders(f"/open {mint} 0.1", "[paper] Sent: buying for 0.1 SOL")
        await talk.hears("[paper] Bought")
        live, paper = await wallets_of(talk)
        held = {row.mode: row for row in await world.store.open_positions()}
        assert {mode: row.wallet_id for mode, row in held.items()} == {Mode.LIVE: live.id, Mode.PAPER: paper.id}
        assert paper.address not in chain.payers
        told = await talk.asks("/balance", "[paper] 4.")
        assert "[live] 9." in told
        told = await talk.asks("/mode", "[live] Your mode is live")

        # Its token alone would mean the live one: below /positions and below the message that bought it each has its own.
        told = await talk.asks("/positions", "[paper]")
        assert all(f"/sell {row.id} all" in told for row in held.values())
        [bought] = [one for one in talk.telegram.messages(talk.person) if one.ours and "[paper] Bought" in one.text]
        assert [button.data for button in bought.buttons] == [f"/sell {held[Mode.PAPER].id} all"]
        talk.press(f"Sell all of {short(mint)} [paper]")
        await talk.confirms("[paper] Sent: selling")
        await talk.hears("Position closed")
        assert [row.id for row in await world.store.open_positions()] == [held[Mode.LIVE].id]
        await talk.asks(f"/close {mint}", f"[paper] Your position in it is of mode live; /sell {mint} all sells that.")
        await talk.asks("/status", "[live] today: 1 buys, 0 sells")
        await talk.asks("/profit paper", "[paper] Your result")
        await talk.asks("/my_stats paper", "[paper] Since the beginning")
        paper_day = await world.store.day(0, live.user_id, Mode.PAPER)
        assert (paper_day.buys, paper_day.sells) == (1, 1)
        balances = await bot.adapters.chain.balances(paper.address)
        assert balances.lamports == VIRTUAL_LAMPORTS + paper_day.realized_lamports
        assert await world.books_equal_chain()


async def test_a_card_on_paper_is_sent_although_its_user_is_live_and_is_closed_by_halves(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(62)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        card = await talk.asks(f"/open {mint} 0.1", "[paper] Buy ")
        await talk.asks("/mode dry_run", "[dry_run] From now on")
        await talk.asks(line_of(card, "confirm"), "[paper] Sent: buying for 0.1 SOL")
        await talk.hears("[paper] Bought")
        await talk.orders(f"/close {mint} 50%", "[paper] Sent: selling")
        await talk.hears("[paper] Sold")
        [position] = await talk.world.store.open_positions()
        card = await talk.asks(f"/close {position.id}", "[paper] Sell ")
        await talk.orders(f"/close {mint} all", "[paper] Sent: selling")
        await talk.hears("Position closed")
        await talk.asks(line_of(card, "confirm"), "is closed. Nothing was sent")
        await talk.asks(f"/close {position.id}", "You hold no such position on paper")
        assert await talk.world.store.open_positions() == []


async def test_a_stop_on_paper_sells_on_paper_alone_and_its_loss_closes_no_live_entry(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(63)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.asks("/settings daily_loss 0.01", "daily_loss = 0.01 SOL")
        await talk.asks("/settings stop_loss off", "stop_loss = off")
        await talk.orders(f"/buy {mint} 0.02", "[live] Bought")
        await talk.asks("/settings stop_loss 5%", "stop_loss = 5 %")
        await talk.orders(f"/open {mint} 0.2", "[paper] Bought")
        crowd = Crowd(talk.world.chain)
        for trader in range(2, 8):
            crowd.sell_all(mint, trader)
        await talk.hears("(stop-loss)", within_s=60)
        assert [row.mode for row in await talk.world.store.open_positions()] == [Mode.LIVE]
        await talk.asks(f"/open {mint} 0.1", "[paper] Not done: today's loss of")
        await talk.orders(f"/buy {mint} 0.02", "[live] Bought")


async def test_what_cannot_be_opened_or_closed_says_what_to_do(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(64)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await talk.asks(f"/open {mint} 1", "You have no wallet here yet")
        await agreed(talk)
        await talk.asks("/open", "usage: /open MINT SOL")
        await talk.asks(f"/open {mint} 1 short", "there are no shorts here")
        await talk.asks("/open nonsense 1", "is not a token address")
        await talk.asks(f"/open {mint} *_`", "is not an amount")
        await talk.asks("/close", "usage: /close MINT|POSITION [50%|TOKENS|all]")
        await talk.asks(f"/close {mint}", f"[paper] You hold no position in {short(mint)} on paper")
        await talk.asks(f"/open {mint} 0.0001", "[paper] Not done: 0.0001 SOL is below the least")
        await talk.asks(f"/open {mint} {2 * VIRTUAL_LAMPORTS // LAMPORTS_PER_SOL}", "[paper] Not done: ")


async def test_whoever_changes_to_real_money_hears_that_his_automated_trader_comes_along(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(67)
    async with bot_on_telegram(talk, monkeypatch, newcomer=Mode.PAPER):
        await agreed(talk)
        leader = Crowd(talk.world.chain)._trader(3)
        await talk.asks(f"/track {leader.pubkey()} leader", "trades are recorded")
        await talk.asks("/autostart 0.05 65% 10 1", "[paper] The automated trader is on.")
        told = await talk.asks("/mode live", "[live] From now on")
        assert "Your automated trader is on and buys in this mode now; /autostop stops it." in told
        await talk.asks("/autostop", "The automated trader is off")
        assert "automated trader" not in await talk.asks("/mode paper", "[paper] From now on")
