"""What guards a user's money from whoever holds his telephone, as conversations in virtual time."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bot.errors import ChatRejected, ChatUnavailable
from bot.ports import Topic
from bot.vault import totp
from bot.vault.local_vault import LocalVault
from tests.telegram.telegram_bot import Talk, bot_on_telegram, make_talk
from tests.vault.vault_samples import guard
from tests.whole.virtual import MASTER_KEY


def guarded_talk(seed: int) -> Talk:
    """A world whose vault has the world's clock."""
    talk = make_talk(seed)
    talk.world.vault = LocalVault(MASTER_KEY, guard(talk.world.clock))
    return talk


class Authenticator:
    """What a user has on another device."""

    def __init__(self, talk: Talk, shown: str) -> None:
        self._talk, self._secret = talk, base64.b32decode(shown.split(maxsplit=1)[0])

    def shows(self) -> str:
        return totp.code_at(self._secret, self._talk.world.clock.now_ms() // totp.STEP_MS)

    async def next_code(self) -> str:
        """A code that was not used yet."""
        await trio.sleep(totp.STEP_MS / 1000)
        return self.shows()


async def joined(talk: Talk) -> None:
    """A user with a wallet."""
    await talk.agrees()


async def secured(talk: Talk) -> Authenticator:
    """A user with a wallet and a second factor."""
    await joined(talk)
    return await with_authenticator(talk)


async def with_authenticator(talk: Talk) -> Authenticator:
    """A second factor for somebody who has a wallet."""
    talk.say("/totp")
    await talk.hears("Below is the key of your second factor")
    device = Authenticator(talk, await talk.hears("otpauth://totp/"))
    await talk.asks(f"/totp {device.shows()}", "Your second factor is in force from now on")
    return device


async def test_a_second_factor_is_shown_once_confirmed_and_replaced_by_its_own_code(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(31)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        await trio.sleep(61)
        assert not any("otpauth" in shown.text for shown in talk.telegram.messages(talk.person))
        await talk.asks("/totp", "Your second factor is in force")
        await talk.asks("/totp 12345", "usage: /totp")
        await talk.asks("/totp ١٢٣٤٥٦", "a code is the six digits")
        await talk.asks("/totp 123456", "is in force already; /totp new CODE makes another key")
        await talk.asks("/totp new 000000", "Not done: that code is wrong")
        code = await device.next_code()
        await talk.asks(f"/totp new {code}", "Below is the key of your second factor")
        newer = Authenticator(talk, await talk.hears("otpauth://totp/"))
        await talk.asks(f"/totp new {code}", "Not done: that code was used already")
        await talk.asks(f"/totp {newer.shows()}", "is in force from now on")
        await talk.asks(f"/totp new {await device.next_code()}", "Not done: that code is wrong")
        actions = [entry.action for entry in talk.world.store.audited]
        assert [one for one in actions if one.startswith("second factor")] == [
            *["second factor made", "second factor in force"] * 2
        ]


async def test_a_key_that_was_shown_before_a_kill_is_deleted_by_the_next_life(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(34)

    def stands() -> bool:
        return any("otpauth" in shown.text for shown in talk.telegram.messages(talk.person))

    async with bot_on_telegram(talk, monkeypatch):
        await joined(talk)
        talk.say("/totp")
        await talk.hears("otpauth://totp/")
        await trio.sleep(20)
    assert stands()
    async with bot_on_telegram(talk, monkeypatch):
        await trio.sleep(20)
        assert stands()
        await trio.sleep(41)
        assert not stands()
        assert await talk.world.store.chat_messages(Topic.SECRET) == []


async def test_a_secret_whose_answer_was_lost_is_not_sent_again_and_the_user_is_told_to_delete_it(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(35)
    send, lost = talk.telegram.send, [True]

    async def take_and_fall_silent(chat_id: int, text: str, *rest: Any, **words: Any) -> int:
        """Telegram takes the message, and the network loses its answer, once."""
        message_id = await send(chat_id, text, *rest, **words)
        if "otpauth" in text and lost:
            lost.clear()
            raise ChatUnavailable("Telegram did not answer within 10 s")
        return message_id

    async with bot_on_telegram(talk, monkeypatch):
        await joined(talk)
        monkeypatch.setattr(talk.telegram, "send", take_and_fall_silent)
        await talk.asks("/totp", "Below is the key of your second factor")
        await talk.hears("so it was not sent again. If it stands above, I cannot delete it")
        shown = [one.text for one in talk.telegram.messages(talk.person) if "otpauth" in one.text]
        assert len(shown) == 1
        await talk.asks("/totp", "Below is the key of your second factor")
        second = Authenticator(talk, await talk.hears("otpauth://totp/"))
        first = Authenticator(talk, shown[0])
        await talk.asks(f"/totp {first.shows()}", "Not done: that code is wrong")
        await talk.asks(f"/totp {second.shows()}", "Your second factor is in force from now on")
        await trio.sleep(61)
        left = [one.text for one in talk.telegram.messages(talk.person) if "otpauth" in one.text]
        assert left == shown, "the one that was shown with an answer is gone"


async def test_a_secret_that_telegram_asked_to_wait_with_is_shown_once_and_deleted(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(36)
    send, waits = talk.telegram.send, [True]

    async def ask_to_wait(chat_id: int, text: str, *rest: Any, **words: Any) -> int:
        if "otpauth" in text and waits:
            waits.clear()
            raise ChatUnavailable("Telegram asks to wait 3 s", retry_after_s=3)
        return await send(chat_id, text, *rest, **words)

    async with bot_on_telegram(talk, monkeypatch):
        await joined(talk)
        monkeypatch.setattr(talk.telegram, "send", ask_to_wait)
        await with_authenticator(talk)
        await trio.sleep(61)
        assert not any("otpauth" in one.text for one in talk.telegram.messages(talk.person))


async def test_who_guesses_codes_is_locked_out_for_a_while(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(32)
    async with bot_on_telegram(talk, monkeypatch):
        device = await secured(talk)
        for _ in range(5):
            await talk.asks("/totp new 000000", "Not done: that code is wrong")
        await talk.asks(
            f"/totp new {await device.next_code()}", "Not done: too many wrong codes; none is taken for 14 min"
        )


async def test_a_key_that_cannot_be_deleted_is_said_to_stay(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = guarded_talk(33)

    async def refuse(_chat_id: int, _message_id: int) -> None:
        await trio.lowlevel.checkpoint()
        raise ChatRejected("message can't be deleted")

    async with bot_on_telegram(talk, monkeypatch):
        monkeypatch.setattr(talk.telegram, "delete", refuse)
        await secured(talk)
        await talk.hears("I could not delete the message above", within_s=90)
