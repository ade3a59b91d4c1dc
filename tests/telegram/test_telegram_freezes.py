"""Wallets that a user freezes, as conversations in virtual time: at once and by a word, until a code of his."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.chain.addresses import TOKEN_2022_PROGRAM, key_from, token_account
from bot.errors import KeyUnavailable, SigningRefused
from bot.ports import NoteKind, SealedKey
from bot.telegram.words import short
from bot.trading.intent import Side
from bot.trading.position import PositionState
from bot.trading.trading_state import FROZEN, OUTFLOW
from tests.telegram.telegram_bot import Talk, bot_on_telegram, token_on_the_market
from tests.telegram.test_telegram_exports import asking_talk
from tests.telegram.test_telegram_security import guarded_talk, secured, with_authenticator
from tests.telegram.test_telegram_withdraw import AWAY, DELAY_S, HOME, allowed, joined, lamports_at, rich_talk
from tests.vault.vault_samples import closing
from tests.whole.crowd import Crowd
from tests.whole.ledgers import Owner, exact


async def test_a_frozen_wallet_buys_sells_and_sends_nothing_until_its_owner_gives_a_code(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(61)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        await talk.asks("/settings max_hold off", "max_hold = off")
        await allowed(talk, device)
        mint = await token_on_the_market(talk)
        await talk.asks(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        await talk.asks("/freeze", "Your wallet main (")
        [wallet] = await talk.world.store.wallets()
        assert bot.guard.freezes(wallet.user_id, wallet.id) == (FROZEN,)
        await talk.asks("/freeze", "is frozen already")
        intents = len(talk.world.store._intents)
        for order in (f"/buy {mint} 0.1", f"/sell {mint} all", f"/withdraw 1 {HOME} {await device.next_code()}"):
            await talk.asks(order, "the wallet is frozen (frozen)")
        assert len(talk.world.store._intents) == intents
        await talk.asks("/status", "A wallet of yours is frozen")
        told = await talk.asks("/positions", "A wallet of yours is frozen")
        assert "0.1" in told, "what it holds is shown on"
        with pytest.raises(SigningRefused, match="is frozen"):
            await talk.world.vault.sign(wallet, await talk.world.store.sealed_key(wallet.id), closing(wallet.address))
        await talk.asks("/ack_outflow", "Nothing has left your wallet without this bot")
        await talk.asks("/resume", "You have not paused your entries")
        await talk.asks("/unfreeze 000000", "Not done: that code is wrong")
        await talk.asks("/unfreeze", "usage: /unfreeze")
        await talk.asks(f"/unfreeze {await device.next_code()}", "is not frozen any more")
        await talk.asks(f"/unfreeze {await device.next_code()}", "Your wallet main is not frozen by /freeze")
        await talk.asks(f"/sell {mint} all", "Sent: selling")
        await talk.hears("Position closed")
        await talk.asks(f"/withdraw 1 {HOME} {await device.next_code()}", "Sent: 1 SOL")
        await talk.hears("1 SOL were sent")
        await exact(bot, talk.world)


async def test_a_freeze_is_of_one_wallet_and_stops_of_it_wait_for_its_end(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(62)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        await talk.asks("/settings max_hold 2m", "max_hold = ")
        mint = await token_on_the_market(talk)
        await talk.asks(f"/buy {mint} 0.1", "Sent: buying")
        await talk.hears("Bought")
        await talk.asks("/wallets add savings", "Your wallet savings is ")
        await talk.asks("/freeze main", "Your wallet main (")
        main, savings = await talk.world.store.wallets()
        assert bot.guard.freezes(main.user_id, savings.id) == ()
        await trio.sleep(180)
        [position] = await talk.world.store.open_positions()
        assert position.state is PositionState.OPEN
        assert all(row.request.side is not Side.SELL for row in talk.world.store._intents.values())
        await talk.asks(f"/unfreeze {await device.next_code()} main", "is not frozen any more")
        await talk.hears("Position closed", within_s=120)


async def test_a_frozen_wallets_key_is_handed_out_to_nobody(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = asking_talk(63)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        await talk.asks(f"/export_keys {await device.next_code()}", "You have asked for the key of main")
        await trio.sleep(150)
        await talk.asks("/freeze", "is frozen")
        await talk.asks(f"/export_keys {await device.next_code()}", "Not done: the vault cannot do that now")
        assert all(shown.document is None for shown in talk.telegram.messages(talk.person))


async def test_who_has_no_second_factor_makes_one_to_end_a_freeze_and_a_vault_that_is_away_is_told(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(64)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await joined(talk)

        async def away(*_: object) -> None:
            await trio.lowlevel.checkpoint()
            raise KeyUnavailable("the vault does not answer")

        with monkeypatch.context() as patch:
            patch.setattr(talk.world.vault, "freeze", away)
            await talk.asks("/freeze", "The vault, which signs, does not answer now")
        [wallet] = await talk.world.store.wallets()
        assert bot.guard.freezes(wallet.user_id, wallet.id) == (FROZEN,)
        await talk.asks("/freeze", "is frozen already")
        await talk.asks("/unfreeze 123456", "that takes your second factor; /totp makes one")
        device = await with_authenticator(talk)
        await talk.asks(f"/unfreeze {await device.next_code()}", "is not frozen any more")


async def test_a_freeze_that_is_on_its_way_to_the_vault_does_not_come_there_behind_the_code_that_ends_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(71)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        [wallet] = await talk.world.store.wallets()
        code = await device.next_code()
        slow, reading = talk.world.store.sealed_key, trio.Event()

        async def sealed_key(wallet_id: str) -> SealedKey:
            """The database takes two seconds for whoever carries the freeze to the vault, and none for others."""
            first = not reading.is_set()
            reading.set()
            if first:
                await trio.sleep(2)
            return await slow(wallet_id)

        monkeypatch.setattr(talk.world.store, "sealed_key", sealed_key)
        await bot.guard.freeze_wallet(wallet)
        await reading.wait()
        await talk.asks(f"/unfreeze {code}", "is not frozen any more")
        await trio.sleep(10)
        assert bot.guard.freezes(wallet.user_id, wallet.id) == ()
        assert not talk.world.vault._book.is_frozen(wallet.user_id, wallet.address)


async def test_a_freeze_in_the_moment_in_which_another_chat_ends_one_is_the_last_word(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(72)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        [wallet] = await talk.world.store.wallets()
        await talk.asks("/freeze", "Your wallet main (")
        current = (await talk.world.store.notes(wallet.user_id))[NoteKind.CODE]
        code, keep, thawed = await device.next_code(), talk.world.store.keep_notes, trio.Event()

        async def keep_notes(*what: Any) -> None:
            thawed.set()
            await trio.sleep(2)
            await keep(*what)

        monkeypatch.setattr(talk.world.store, "keep_notes", keep_notes)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bot.freezes.let_go, wallet, current, code)
            await thawed.wait()
            await talk.asks("/freeze", "is frozen already")
        assert bot.guard.freezes(wallet.user_id, wallet.id) == (FROZEN,)
        assert talk.world.vault._book.is_frozen(wallet.user_id, wallet.address)


async def test_a_freeze_that_the_vault_alone_remembers_ends_with_a_code_too(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(73)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        [wallet] = await talk.world.store.wallets()
        await talk.world.vault.freeze(wallet, await talk.world.store.sealed_key(wallet.id))
        await talk.asks("/unfreeze 000000", "Not done: that code is wrong")
        assert talk.world.vault._book.is_frozen(wallet.user_id, wallet.address)
        await talk.asks(
            f"/unfreeze {await device.next_code()}", "if it remembered a freeze that I did not, that is over"
        )
        assert not talk.world.vault._book.is_frozen(wallet.user_id, wallet.address)


async def test_a_freeze_that_the_vault_alone_remembers_is_taken_up_with_the_first_order_and_told(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(74)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        mint = await token_on_the_market(talk)
        [wallet] = await talk.world.store.wallets()
        await talk.world.vault.freeze(wallet, await talk.world.store.sealed_key(wallet.id))
        await talk.asks(f"/buy {mint} 0.1", "the vault, which signs, says that the wallet is frozen")
        await talk.hears("remembers a freeze that I did not know of")
        [cause] = bot.guard.causes()
        assert (cause.name, cause.by, cause.why) == (
            FROZEN,
            "vault",
            "the vault remembers a freeze that this bot did not know of",
        )
        await talk.asks(f"/buy {mint} 0.1", "the wallet is frozen (frozen)")
        await talk.asks("/status", "A wallet of yours is frozen")
        await talk.asks(f"/unfreeze {await device.next_code()}", "is not frozen any more")
        assert bot.guard.causes() == ()
        await talk.asks(f"/buy {mint} 0.1", "Sent: buying")


SAFE_HOME = str(Keypair.from_seed(bytes([9]) * 32).pubkey())


async def test_a_frozen_wallet_is_swept_to_the_safe_address_that_its_user_registered(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(65)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        await joined(talk)
        await talk.asks("/sweep", "main: no safe address counts")
        await talk.asks(f"/sweep safe {SAFE_HOME} 123456", "that takes your second factor; /totp makes one")
        device = await with_authenticator(talk)
        [wallet] = await talk.world.store.wallets()
        for wrong, told in (
            (f"safe {wallet.address} 000000", "that is the wallet itself"),
            (f"safe {SAFE_HOME} 000000", "Not done: that code is wrong"),
            ("safe home 000000", "is not a wallet address"),
            ("cancel", "no safe address of main waits to count"),
            ("now", "usage: /sweep"),
        ):
            await talk.asks(f"/sweep {wrong}", told)
        code = await device.next_code()
        await talk.asks(f"/sweep safe {AWAY} {code}", f"{AWAY} is the safe address of main in 2 min")
        await talk.hears("send /sweep cancel main now")
        await talk.asks("/sweep cancel", f"nothing of main is swept to: {AWAY}")
        code = await device.next_code()
        await talk.asks(f"/sweep safe {SAFE_HOME} {code}", f"{SAFE_HOME} is the safe address of main in 2 min")
        await talk.asks("/freeze", "Your wallet main (")
        await trio.sleep(30)
        assert lamports_at(talk, SAFE_HOME) == 0, "it does not count yet"
        await talk.hears("were swept to your safe address", within_s=DELAY_S + 90)
        assert lamports_at(talk, SAFE_HOME) == 10_000_000_000 - 25_000
        assert lamports_at(talk, AWAY) == lamports_at(talk, wallet.address) == 0
        await talk.asks("/sweep", f"main: {SAFE_HOME}")
        await talk.asks("/sweep cancel", "no safe address of main waits to count")
        await talk.asks("/withdraw", "You have allowed no address yet")
        await exact(bot, talk.world)
        await talk.asks(f"/unfreeze {await device.next_code()}", "is not frozen any more")


async def test_a_theft_freezes_the_wallet_and_what_is_left_is_swept_before_the_thief_comes_again(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(66)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        code = await device.next_code()
        await talk.asks(f"/sweep safe {SAFE_HOME} {code}", f"{SAFE_HOME} is the safe address of main in 2 min")
        await trio.sleep(DELAY_S)
        await exact(bot, talk.world)
        [wallet] = await talk.world.store.wallets()
        await Owner(talk.world, wallet).sends(1_000_000_000)
        await talk.hears("were swept to your safe address", within_s=300)
        assert lamports_at(talk, SAFE_HOME) == 9_000_000_000 - 5_000 - 25_000
        assert bot.guard.freezes(wallet.user_id, wallet.id) == (OUTFLOW, FROZEN)
        await exact(bot, talk.world)
        await talk.asks("/ack_outflow", "Noted")
        await talk.asks("/status", "A wallet of yours is frozen")
        await talk.asks(f"/unfreeze {await device.next_code()}", "is not frozen any more")
        assert bot.guard.freezes(wallet.user_id, wallet.id) == ()


def tokens_at(talk: Talk, address: str, mint: str) -> int:
    """What an address' own account holds of a token of the launchpad."""
    account = token_account(key_from(address), key_from(mint), TOKEN_2022_PROGRAM)
    return int(talk.world.chain.call("getTokenAccountBalance", str(account))["value"]["amount"])


async def test_the_tokens_of_its_positions_follow_the_sol_and_the_positions_end(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = rich_talk(67)
    async with bot_on_telegram(talk, monkeypatch) as bot:
        device = await secured(talk)
        code = await device.next_code()
        await talk.asks(f"/sweep safe {SAFE_HOME} {code}", f"{SAFE_HOME} is the safe address of main in 2 min")
        await talk.asks("/settings require_confirmation off", "require_confirmation = off")
        await talk.asks("/settings max_hold off", "max_hold = off")
        await trio.sleep(DELAY_S)
        crowd = Crowd(talk.world.chain)
        mints = [crowd.launch(), crowd.launch()]
        await trio.sleep(2)
        for mint in mints:
            await talk.asks(f"/buy {mint} 0.1", "Sent: buying")
            await talk.hears("Bought")
        await exact(bot, talk.world)
        [wallet] = await talk.world.store.wallets()
        held = {row.mint: row.token_raw for row in await talk.world.store.open_positions()}
        assert set(held) == set(mints)
        await talk.asks("/freeze", "and then the tokens of its positions, are being swept to your safe address")
        for mint in mints:
            await talk.hears(f"tokens of {mint} in your frozen wallet were sent to your safe address", within_s=120)
        for mint in mints:
            await talk.hears(
                f"Your position in {short(mint)} has ended: its tokens are at your safe address", within_s=120
            )
        assert {mint: tokens_at(talk, SAFE_HOME, mint) for mint in mints} == held
        assert await talk.world.store.open_positions() == []
        await exact(bot, talk.world)
        assert lamports_at(talk, wallet.address) == 0, "what sending the tokens did not take has followed"
        await talk.asks("/stats", "SOL were swept to your safe address, which is no loss")
        await talk.asks("/my_stats", "No position of yours has closed yet")
        shown = await talk.asks("/performance", "at cost, are in tokens at your safe address")
        assert "Between the two" not in shown, "both sides of the books come out the same"
        await talk.asks("/history", f"your tokens of {short(mints[0])} went to your safe address, at their cost of")
        story = await talk.asks(f"/why {mints[0]}", f"tokens were swept to your safe address {SAFE_HOME}.")
        assert "left at what it had cost" in story
        assert "Of that result" not in story
        assert "on its way" not in story
        await talk.asks("/positions", f"{short(mints[1])}: its tokens were swept to your safe address")
        day = await talk.world.store.day(0, wallet.user_id, wallet.mode)
        assert -500_000 < day.realized_lamports < 0, "it cost fees, and nothing else was lost"
