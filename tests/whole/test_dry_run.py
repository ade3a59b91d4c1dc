"""Users of mode dry_run through the whole bot, in virtual time: decided, priced and signed like live orders, and never sent."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import trio
from solders.transaction import VersionedTransaction
from trio.testing import MockClock

from bot.chain.dry_run import MARK, is_dry_run_name, read_attempt
from bot.localnet.inprocess import InProcessChain
from bot.ports import Submitted, User, Wallet
from bot.trading.intent import IntentState, Mode
from bot.trading.limits import UserSettings
from bot.trading.units import BPS, LAMPORTS_PER_SOL
from bot.tree import TradingBot
from bot.users import ModeSwitch
from tests.telegram.telegram_bot import MODES, bot_on_telegram, make_talk, token_on_the_market
from tests.whole.crowd import Crowd
from tests.whole.test_one_trade import order
from tests.whole.virtual import FUND_LAMPORTS, VIRTUAL_LAMPORTS, World, make_world, open_for_entries, running_bot

SETTINGS = UserSettings(max_hold_s=None, take_profit_bps=None, stop_loss_bps=None)
SNIPER = replace(SETTINGS, snipe_enabled=True, slippage_buy_bps=1_500)
SPEND_LAMPORTS = LAMPORTS_PER_SOL // 2


class NotingChain(InProcessChain):
    """Notes who pays for what the bot asks it, or its block engine, to carry out or to simulate."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed=seed)
        self.payers: set[str] = set()

    async def request(self, raw: bytes, endpoint: int = 0) -> bytes:
        self._note(raw)
        return await super().request(raw, endpoint)

    async def ask_engine(self, raw: bytes) -> bytes:
        self._note(raw)
        return await super().ask_engine(raw)

    def _note(self, raw: bytes) -> None:
        asked: Any = msgspec.json.decode(raw)
        for one in asked if isinstance(asked, list) else [asked]:
            if one["method"] in {"sendTransaction", "simulateTransaction", "sendBundle"}:
                given = one["params"][0]
                self.payers |= {
                    _payer(base64.b64decode(text)) for text in ([given] if isinstance(given, str) else given)
                }


def _payer(raw: bytes) -> str:
    return str(VersionedTransaction.from_bytes(raw).message.account_keys[0])


async def _enter(world: World, bot: TradingBot, user: User, mode: Mode) -> tuple[User, Wallet]:
    """What /mode does."""
    switch = ModeSwitch(bot.adapters.store, bot.adapters.vault, world.clock, MODES, bot.hunt.mode_changed)
    wallet = await switch.enter(user, mode)
    return replace(user, mode=mode), wallet


async def _traded_token(crowd: Crowd) -> str:
    mint = crowd.launch()
    await trio.sleep(1)
    crowd.buy(mint, 2, LAMPORTS_PER_SOL)
    await trio.sleep(2)
    return mint


async def _until_filled(world: World, submitted: object) -> None:
    assert isinstance(submitted, Submitted), submitted
    with trio.fail_after(30):
        while True:
            row = await world.store.intent(submitted.intent.id)
            if row is not None and row.state is IntentState.FILLED:
                return
            await trio.sleep(0.1)


async def test_a_user_holds_a_token_live_and_dry_and_nothing_of_the_dry_run_leaves(autojump_clock: MockClock) -> None:
    chain = NotingChain(seed=1)
    world = make_world(chain)
    user, live = await world.user("demo-1", SETTINGS)
    crowd = Crowd(chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await _traded_token(crowd)
        await _until_filled(
            world, await bot.desk.submit(order(user, live, mint, key="live", spend_lamports=SPEND_LAMPORTS))
        )
        dry_user, dry = await _enter(world, bot, user, Mode.DRY_RUN)
        wish = replace(order(dry_user, dry, mint, key="dry", spend_lamports=SPEND_LAMPORTS), mode=Mode.DRY_RUN)
        await _until_filled(world, await bot.desk.submit(wish))
        held = {row.wallet_id: row for row in await world.store.open_positions()}
        assert (held[live.id].mode, held[dry.id].mode) == (Mode.LIVE, Mode.DRY_RUN)
        assert held[dry.id].token_raw < held[live.id].token_raw, "the live buy had raised the price"
        sale = replace(order(dry_user, dry, mint, key="sale", share_bps=BPS), mode=Mode.DRY_RUN)
        sold = await bot.desk.submit(sale)
        assert isinstance(sold, Submitted)
    # A restart finds the order on its way: bytes that are no transaction, and one inside that the wallet has signed.
    ((intent, (attempt,)),) = await world.store.in_flight()
    assert intent.id == sold.intent.id
    assert attempt.raw.startswith(MARK)
    assert is_dry_run_name(attempt.signature)
    signed = read_attempt(attempt.raw).transaction
    assert _payer(signed) == dry.address
    assert VersionedTransaction.from_bytes(signed).verify_with_results() == [True]
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        await _until_filled(world, sold)
        await trio.sleep(40)
        assert bot.reconciler.reconciled
        dry_day = await world.store.day(0, user.id, Mode.DRY_RUN)
        balances = await bot.adapters.chain.balances(dry.address)
        assert balances.lamports == VIRTUAL_LAMPORTS + dry_day.realized_lamports
        assert (await bot.adapters.chain.balances(live.address)).token_raw[mint] == held[live.id].token_raw
    live_day = await world.store.day(0, user.id, Mode.LIVE)
    assert (dry_day.buys, dry_day.sells, live_day.buys, live_day.sells) == (1, 1, 1, 0)
    assert [(row.wallet_id, row.mode) for row in await world.store.open_positions()] == [(live.id, Mode.LIVE)]
    for wallet, at_first in ((live, FUND_LAMPORTS), (dry, VIRTUAL_LAMPORTS)):
        ledger = await world.store.wallet_ledger(wallet.id)
        assert ledger.check is not None
        assert ledger.check.is_exact, wallet
        assert ledger.booked_lamports < at_first
    assert live.address in chain.payers
    assert dry.address not in chain.payers
    assert [sum(label in line for line in world.told) for label in ("[dry_run]", "[live]")] == [2, 1]


async def test_a_sniper_buys_in_the_mode_that_its_user_has_changed_to(autojump_clock: MockClock) -> None:
    chain = NotingChain(seed=1)
    world = make_world(chain)
    user, live = await world.user("demo-1", SNIPER)
    crowd = Crowd(chain)
    for trader in range(1, 40):
        crowd._trader(trader)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        _, dry = await _enter(world, bot, user, Mode.DRY_RUN)
        for buys, first in enumerate((2, 16), start=1):
            mint = crowd.launch()
            await trio.sleep(0.5)
            await crowd.rush(mint, range(first, first + 14), LAMPORTS_PER_SOL // 2)
            with trio.fail_after(20):
                while (await world.store.day(0)).buys < buys:
                    await trio.sleep(0.1)
            if buys == 1:
                await _enter(world, bot, replace(user, mode=Mode.DRY_RUN), Mode.LIVE)
        rows = await world.store.open_positions()
        assert [(row.wallet_id, row.mode) for row in rows] == [(dry.id, Mode.DRY_RUN), (live.id, Mode.LIVE)]
        assert dry.address not in chain.payers
        assert world.reports == []


async def test_a_card_of_another_mode_is_not_sent_and_a_position_of_another_mode_is_sold(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(1)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        talk.say("/start")
        await talk.hears("Before you start, in plain words")
        talk.press("I agree")
        await talk.hears("Your wallet is")
        await talk.asks("/mode", "dry_run: orders are decided, priced and signed like live ones and never sent")
        await talk.asks("/mode devnet", "here a user's mode is one of: live, dry_run, paper")
        await talk.asks("/mode live dry_run", "usage: /mode [live|dry_run|paper] [agree]")
        await talk.orders(f"/buy {mint} 0.1", "[live] Sent: buying for 0.1 SOL")
        await talk.hears("[live] Bought")

        card = await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        told = await talk.asks("/mode dry_run", "[dry_run] From now on orders are decided")
        assert "with 5 SOL. Your sniper is off. 1 position of mode live stay there" in told
        confirm = next(line.strip() for line in card.splitlines() if "/confirm" in line)
        await talk.asks(confirm, "That card is of mode live, and you are in dry_run now. Nothing was sent")

        await talk.orders(f"/sell {mint} 50%", "[live] Sent: selling")
        await talk.hears("[live] Sold")
        await talk.orders(f"/buy {mint} 0.1", "[dry_run] Sent: buying for 0.1 SOL")
        await talk.hears("[dry_run] Bought")
        await talk.orders(f"/sell {mint} all", "[dry_run] Sent: selling")
        await talk.hears("[dry_run] Sold")
        await talk.asks("/status", "[dry_run] today: 1 buys, 1 sells, 0 failed")
        balance = await talk.asks("/balance", "[live]")
        assert "[dry_run] 4.9" in balance
        await talk.asks("/mode live", "[live] From now on orders are sent and move what your wallet holds")
        await talk.asks("/status", "[live] today: 1 buys, 1 sells, 0 failed")
        assert await talk.world.books_equal_chain()


async def test_a_dry_position_in_a_coin_that_everybody_else_has_left_is_sold_for_its_own_lamports(
    autojump_clock: MockClock,
) -> None:
    chain = NotingChain(seed=1)
    world = make_world(chain)
    user, _ = await world.user("demo-1", replace(SETTINGS, stop_loss_bps=500))
    crowd = Crowd(chain)
    async with running_bot(world) as bot:
        await open_for_entries(bot)
        mint = await _traded_token(crowd)
        dry_user, dry = await _enter(world, bot, user, Mode.DRY_RUN)
        wish = replace(order(dry_user, dry, mint, key="dry", spend_lamports=SPEND_LAMPORTS), mode=Mode.DRY_RUN)
        await _until_filled(world, await bot.desk.submit(wish))
        crowd.sell_all(mint, 2)
        crowd.sell_all(mint, 0)
        with trio.fail_after(60):
            while await world.store.open_positions():
                await trio.sleep(0.2)
        day = await world.store.day(0, user.id, Mode.DRY_RUN)
        # The fees of both ways, and what those took out who sold before him.
        assert -SPEND_LAMPORTS * 20 // 100 < day.realized_lamports < -SPEND_LAMPORTS * 5 // 100
