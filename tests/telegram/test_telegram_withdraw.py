"""SOL that a user sends out, as conversations in virtual time: allowed a day before, once for each code, and booked exactly."""

from __future__ import annotations

import pytest
import trio
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.trading.intent import Side
from bot.trading.trading_state import OUTFLOW, Halt
from bot.tree import TradingBot
from bot.vault.local_vault import LocalVault
from tests.telegram.telegram_bot import Talk, bot_on_telegram, token_on_the_market
from tests.telegram.test_telegram_security import Authenticator, guarded_talk, joined, secured, with_authenticator
from tests.vault.vault_samples import guard
from tests.whole.ledgers import exact
from tests.whole.virtual import MASTER_KEY

HOME, AWAY = (str(Keypair.from_seed(bytes([number]) * 32).pubkey()) for number in (7, 8))
DELAY_S = 150


def rich_talk(seed: int) -> Talk:
    """A world in which an allowed address counts minutes later."""
    talk = guarded_talk(seed)
    talk.world.vault = LocalVault(MASTER_KEY, guard(talk.world.clock, address_delay_ms=DELAY_S * 1000))
    return talk


def lamports_at(talk: Talk, address: str) -> int:
    return int(talk.world.chain.call("getBalance", address, {"commitment": "processed"})["value"])


async def allowed(talk: Talk, device: Authenticator) -> None:
    """An address of the user's own, which counts."""
    await talk.asks(f"/withdraw add {HOME} {await device.next_code()}", "is allowed for main and counts in 2 min")
    await talk.hears("With a code of your authenticator")
    await trio.sleep(DELAY_S)


async def test_sol_is_withdrawn_to_an_address_that_was_allowed_before(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(41)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await joined(talk)
        await talk.asks("/withdraw", "You have allowed no address yet")
        await talk.asks(f"/withdraw add {HOME} 123456", "that takes your second factor; /totp makes one")
        device = await with_authenticator(talk)
        for wrong, told in (
            (f"add {HOME}", "usage: /withdraw"),
            (f"add {HOME} 12345", "a code is the six digits"),
            (f"add {HOME} 000000", "Not done: that code is wrong"),
            (f"add {'1' * 32} 000000", "belongs to the chain itself"),
            ("add home 000000", "is not a wallet address"),
            (f"add {HOME} 000000 savings", "you have no live wallet 'savings'; yours are: main"),
            (f"1 {HOME} {device.shows()}", "that address is not among those that you have allowed"),
            (f"remove {HOME}", "that address is not allowed for main"),
        ):
            await talk.asks(f"/withdraw {wrong}", told)
        code = await device.next_code()
        await talk.asks(f"/withdraw add {HOME} {code}", f"{HOME} is allowed for main and counts in 2 min")
        told = await talk.hears("With a code of your authenticator")
        assert f"send /withdraw remove {HOME} main now" in told
        await talk.asks("/withdraw", f"{HOME} for main: counts in ")
        await talk.asks(f"/withdraw 1 {HOME} {code}", "Not done: that address counts in ")
        await trio.sleep(DELAY_S)
        await talk.asks("/withdraw", f"{HOME} for main: counts")
        await talk.asks(f"/withdraw -1 {HOME} {device.shows()}", "'-1'")
        await talk.asks(f"/withdraw 1 {HOME} 000000", "Not done: that code is wrong")
        await talk.asks(
            f"/withdraw 11 {HOME} {device.shows()}", "at most 9.999975 SOL can be withdrawn now, its fee apart"
        )
        code = await device.next_code()
        await talk.asks(f"/withdraw 1.5 {HOME} {code}", f"Sent: 1.5 SOL to {HOME}")
        told = await talk.hears(f"1.5 SOL were sent to {HOME}, for a fee of 0.000025 SOL")
        assert lamports_at(talk, HOME) == 1_500_000_000
        await talk.asks(f"/withdraw 1 {HOME} {code}", "Not done: that code was used already")
        await talk.asks("/history", "sent to an address of your own")
        await talk.asks("/profit", "-0.000025")
        await exact(bot, talk.world)
        await talk.asks(f"/withdraw all {HOME} {await device.next_code()}", "Sent: 8.49995 SOL")
        await talk.hears("8.49995 SOL were sent")
        [wallet] = await talk.world.store.wallets()
        assert lamports_at(talk, wallet.address) == 0
        await exact(bot, talk.world)
        await talk.asks(f"/withdraw all {HOME} {await device.next_code()}", "nothing is in the wallet")
        await talk.asks(f"/withdraw remove {HOME}", "is not allowed for main any more")
        await talk.asks(f"/withdraw 1 {HOME} {await device.next_code()}", "that address is not among those")
        sides = [row.request.side for row in talk.world.store._intents.values()]
        assert set(sides) == {Side.WITHDRAW}


async def test_neither_pause_nor_halt_keeps_a_withdrawal_back_and_exits_keep_their_fees(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(42)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await talk.asks("/settings max_hold off", "max_hold = off")
        await talk.asks("/settings on_critical hold", "on_critical = hold")
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        await allowed(talk, device)
        mint = await token_on_the_market(talk)
        await talk.asks(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        await talk.asks("/pause", "Your entries are paused")
        bot.guard.pause("operator", by="operator", why="a drill")
        await talk.asks(f"/withdraw 1 {HOME} {await device.next_code()}", "Sent: 1 SOL")
        await talk.hears("1 SOL were sent")
        bot.guard.latch(Halt("operator", talk.world.clock.now_ms(), "operator", "a drill"))
        await talk.hears("Trading is halted for everybody")
        await trio.sleep(5)
        await talk.asks(f"/withdraw all {HOME} {await device.next_code()}", "Sent: 8.8")
        await talk.hears("SOL were sent")
        await talk.asks(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Position closed")
        assert lamports_at(talk, HOME) > 9_000_000_000
        await exact(bot, talk.world)


async def test_a_frozen_wallet_sends_nothing(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    talk = rich_talk(43)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await allowed(talk, device)
        [user] = await talk.world.store.users()
        await bot.guard.freeze_user(user.id, "somebody used the key")
        assert OUTFLOW in _causes(bot)
        await talk.asks(f"/withdraw 1 {HOME} {await device.next_code()}", "Not done:")
        await talk.asks("/ack_outflow", "Noted")
        await talk.asks(f"/withdraw 1 {HOME} {await device.next_code()}", "Sent: 1 SOL")
        await talk.hears("1 SOL were sent")


def _causes(bot: TradingBot) -> set[str]:
    return {cause.name for cause in bot.guard.causes()}


async def test_a_withdrawal_that_never_lands_is_proven_and_told_and_its_money_is_free(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(44)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await allowed(talk, device)
        talk.world.chain.set_fault("drop-tx", for_s=300)
        await talk.asks(f"/withdraw 9 {HOME} {await device.next_code()}", "Sent: 9 SOL")
        await talk.asks("/orders", "withdrawal of 9 SOL to")
        await talk.asks(
            f"/withdraw 9 {HOME} {await device.next_code()}", "another withdrawal of this wallet is on its way"
        )
        await talk.hears("never landed; this is proven", within_s=300)
        await trio.sleep(300)
        await talk.asks(f"/withdraw 9 {HOME} {await device.next_code()}", "Sent: 9 SOL")
        await talk.hears("9 SOL were sent")
        await exact(bot, talk.world)
        assert lamports_at(talk, HOME) == 9_000_000_000
