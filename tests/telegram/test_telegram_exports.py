"""Keys that a user takes out, as conversations in virtual time: announced, taken back, and sent with a code that goes."""

from __future__ import annotations

import pytest
import trio
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.errors import ChatRejected
from bot.telegram.handlers.exports import CODE_LOST
from bot.vault.local_vault import LocalVault
from tests.telegram.telegram_bot import Talk, bot_on_telegram
from tests.telegram.test_telegram_security import guarded_talk, joined, secured, with_authenticator
from tests.vault.test_vault_exports import opened
from tests.vault.vault_samples import guard
from tests.whole.virtual import MASTER_KEY

DELAY_S = 150


def asking_talk(seed: int) -> Talk:
    """A world in which a key can be taken minutes after it was asked for."""
    talk = guarded_talk(seed)
    talk.world.vault = LocalVault(MASTER_KEY, guard(talk.world.clock, export_delay_ms=DELAY_S * 1000))
    return talk


def codes_in(talk: Talk) -> list[str]:
    """The codes of files that stand in the chat now."""
    return [shown.text for shown in talk.telegram.messages(talk.person) if shown.ours and shown.text.count("-") == 4]


async def test_a_key_is_asked_for_with_a_code_and_comes_later_as_a_file_for_another_one(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = asking_talk(51)
    async with bot_on_telegram(talk, monkeypatch):
        await joined(talk)
        await talk.asks("/export_keys", "Your keys stay here unless you take one out")
        await talk.asks("/export_keys 123456", "that takes your second factor; /totp makes one")
        device = await with_authenticator(talk)
        for wrong, told in (
            ("12345", "a code is the six digits"),
            ("000000", "Not done: that code is wrong"),
            ("000000 savings", "you have no live wallet 'savings'; yours are: main"),
            ("000000 main now", "usage: /export_keys"),
        ):
            await talk.asks(f"/export_keys {wrong}", told)
        code = await device.next_code()
        await talk.asks(f"/export_keys {code}", "You have asked for the key of main. In 2 min")
        told = await talk.hears("With a code of your authenticator the private key of your wallet main")
        assert "send /export_keys cancel now" in told
        await talk.asks(f"/export_keys {await device.next_code()}", "you have asked for that already")
        await talk.asks("/export_keys", "main: its key can be taken in ")
        await trio.sleep(DELAY_S)
        await talk.asks("/export_keys", "main: its key can be taken for another")
        await talk.asks(f"/export_keys {code}", "Not done: that code is wrong")
        assert codes_in(talk) == []
        code = await device.next_code()
        await talk.asks(f"/export_keys {code}", "Below is the key of main as a file")
        await talk.hears("was handed out as a file, for a code of your authenticator")
        page = (await talk.gets_file()).content
        [opens] = codes_in(talk)
        [wallet] = await talk.world.store.wallets()
        assert str(Keypair.from_bytes(opened(page, opens)).pubkey()) == wallet.address
        await trio.sleep(61)
        assert codes_in(talk) == []
        await talk.asks(f"/export_keys {code}", "Not done: that code is wrong")
        await talk.asks("/export_keys", "main: its key was taken out at ")
        await talk.asks("/wallets", "its key was taken out at ")
        actions = [entry.action for entry in talk.world.store.audited]
        assert [one for one in actions if one.startswith("key ")] == ["key export demanded", "key exported"]


async def test_what_was_asked_for_is_taken_back_by_a_word_and_nothing_brings_it_back(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = asking_talk(52)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        await talk.asks(f"/export_keys {await device.next_code()}", "You have asked for the key of main")
        [row] = await talk.world.store.key_exports((await talk.world.store.users())[0].id)
        note = (await talk.world.store.notes(row.user_id))[row.note]
        await talk.asks("/export_keys cancel", "No key is handed out any more")
        await trio.sleep(DELAY_S)
        talk.world.store._key_exports[row.id] = row  # somebody who writes into the database puts all of it back
        await talk.world.store.keep_notes(row.user_id, {row.note: note}, "a thief", talk.world.clock.now_ms())
        await talk.asks(f"/export_keys {await device.next_code()}", "Not done: the vault cannot do that now")
        assert all(shown.document is None for shown in talk.telegram.messages(talk.person))


async def test_a_file_that_does_not_get_into_the_chat_is_followed_by_no_code(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = asking_talk(53)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        await talk.asks(f"/export_keys {await device.next_code()}", "You have asked for the key of main")
        await trio.sleep(DELAY_S)
        with monkeypatch.context() as patch:

            async def refuse(*_: object) -> None:
                await trio.lowlevel.checkpoint()
                raise ChatRejected("no files today")

            patch.setattr(talk.telegram, "send_document", refuse)
            await talk.asks(f"/export_keys {await device.next_code()}", "Below is the key of main as a file")
            await trio.sleep(30)
            assert codes_in(talk) == []
        await talk.asks(f"/export_keys {await device.next_code()}", "Below is the key of main as a file")
        await talk.gets_file()
        await talk.hears("-")
        assert len(codes_in(talk)) == 1


async def test_a_vault_that_is_away_when_the_code_is_due_is_said_and_nothing_is_open(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = asking_talk(54)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        await talk.asks(f"/export_keys {await device.next_code()}", "You have asked for the key of main")
        await trio.sleep(DELAY_S)
        sent = talk.telegram.send_document

        async def slowly(*args: object) -> None:
            await trio.sleep(700)  # by then the vault says no code any more
            await sent(*args)  # type: ignore[arg-type]

        monkeypatch.setattr(talk.telegram, "send_document", slowly)
        await talk.asks(f"/export_keys {await device.next_code()}", "Below is the key of main as a file")
        await talk.hears(CODE_LOST, within_s=900)
        assert codes_in(talk) == []
