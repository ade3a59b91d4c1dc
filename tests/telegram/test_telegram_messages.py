"""What users are told by themselves: through the outbox into their chats, past those who cannot be reached."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import trio
from trio.testing import MockClock

from actors.outbox_sender import OutboxSender
from actors.runtime import ChildSpec, Report, SupervisorSpec, open_supervisor
from bot.chat_door import telegram_messenger
from bot.console import ConsoleMessenger
from bot.errors import Undeliverable
from bot.execution.message_book import EDITED_MS, MessageBook
from bot.ports import Button, ChatMessage, OutboxMessage, SealedKey, Store, Subject, Topic, User, Wallet
from bot.storage.memory import MemoryStore
from bot.telegram.gateway_memory import MemoryTelegram
from bot.telegram.gateway_pacing import PacedChat
from bot.telegram.words import FOLLOWS, MOVED
from bot.trading.alerting import AlertLevel
from bot.trading.intent import Mode
from bot.trading.limits import UserSettings
from tests.telegram.gateway_world import make_clock, until
from tests.telegram.telegram_bot import bot_on_telegram, make_talk, token_on_the_market
from tests.telegram.test_telegram_confirmations import agreed
from tests.whole.outages import CutStore

ADA, BOB = 7, 8
MINT = "9BB6NFEcjBCtnNLFko2FqVQBq8HHM13kCyYcdQbgpump"


class Post:
    """A store with users, their chats, and an outbox that is being sent."""

    def __init__(self) -> None:
        self.clock = make_clock()
        self.telegram = MemoryTelegram(self.clock)
        self.store = MemoryStore()
        self.console: list[str] = []
        self.reports: list[Report] = []
        self.begin_another_life()

    def begin_another_life(self) -> None:
        """What a process keeps in its memory is gone."""
        self.book = MessageBook(self.store, self.clock)
        self.messenger = telegram_messenger(
            PacedChat(self.telegram), ConsoleMessenger(self.console.append), self.book, cast(Store, self.store)
        )

    async def enrol(self, name: str, telegram_id: int | None) -> User:
        user = User(f"u-{name}", name, telegram_id, Mode.LIVE, "consent")
        wallet = Wallet(f"w-{name}", user.id, f"Address-{name}", user.mode)
        assert await self.store.create_user(user, wallet, SealedKey("k", b"", b""), UserSettings())
        if telegram_id is not None:
            self.telegram.say(telegram_id, "/start agree")
        return user

    async def owe(self, user: User, number: int = 0, *, urgent: bool = False) -> OutboxMessage:
        """A message about a buy of `number` + 1 tokens."""
        facts: dict[str, object] = {"mode": "live", "mint": MINT, "side": "buy", "cost_lamports": 10}
        facts["token_raw"] = (number + 1) * 1_000_000
        message = OutboxMessage(f"{user.id}-{number}", user.id, "fill", facts, urgent, "trace", number)
        await self.store.post(message)
        return message

    def told(self, telegram_id: int) -> list[str]:
        """The token counts that a chat was told, in order."""
        texts = [shown.text for shown in self.telegram.messages(telegram_id) if shown.ours]
        return [text.split()[2] for text in texts]

    def texts(self, telegram_id: int) -> list[str]:
        """What a chat was told, as it reads now."""
        return [shown.text for shown in self.telegram.messages(telegram_id) if shown.ours]

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        child = ChildSpec("outbox_sender", OutboxSender(self.store, self.messenger, self.clock).run)
        async with open_supervisor(SupervisorSpec("ops", "one_for_one", (child,)), report=self.reports.append):
            yield
        assert self.reports == []


async def test_a_message_comes_into_the_chat_with_its_button_and_to_the_console(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    demo = await post.enrol("demo-1", None)
    await post.owe(ada)
    await post.owe(demo)
    async with post.sending():
        await until(lambda: len(post.console) == 2)
    [shown] = [shown for shown in post.telegram.messages(ADA) if shown.ours]
    assert shown.text == "[live] Bought 1 tokens of 9BB6NF…pump for 0.00000001 SOL, all fees included."
    assert [button.data for button in shown.buttons] == [f"/sell {MINT} all"]
    assert sorted(line.split(":")[0] for line in post.console) == ["ada", "demo-1"]


async def test_messages_keep_their_order_alerts_first_at_the_pace_of_the_chat(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    for number in range(8):
        await post.owe(ada, number, urgent=number == 6)
    async with post.sending():
        await until(lambda: len(post.told(ADA)) == 8)
    assert post.told(ADA) == ["7", "1", "2", "3", "4", "5", "6", "8"]


async def test_who_blocked_the_bot_delays_nobody_and_is_not_tried_again(autojump_clock: MockClock) -> None:
    post = Post()
    ada, bob = await post.enrol("ada", ADA), await post.enrol("bob", BOB)
    post.telegram.block(ADA)
    for number in range(3):
        await post.owe(ada, number)
    await post.owe(bob, 5)
    async with post.sending():
        await until(lambda: post.told(BOB) == ["6"], within_s=2)
        await until(lambda: len(post.console) == 4)
        assert await post.store.due(9) == []
        post.telegram.unblock(ADA)
        await post.owe(ada, 9)
        await until(lambda: post.told(ADA) == ["10"])
    assert len(post.console) == 5


async def test_each_reader_is_told_as_loudly_as_he_wants(autojump_clock: MockClock) -> None:
    post = Post()
    ada, bob = await post.enrol("ada", ADA), await post.enrol("bob", BOB)
    await post.store.set_alert_levels(ada.id, {"fills": AlertLevel.SILENT, "expired": AlertLevel.OFF}, 1)
    async with post.sending():
        for user in (ada, bob):
            facts: dict[str, object] = {"mode": "live", "mint": MINT, "side": "buy"}
            await post.store.post(OutboxMessage(f"{user.id}-x", user.id, "order_expired", facts, False, "trace", 0))
            await post.owe(user, 1)
        await until(lambda: len(post.console) == 3)
        assert await post.store.due(9) == []
        await post.store.set_alert_levels(ada.id, {"fills": AlertLevel.ON}, 2)
        await post.owe(ada, 2)
        await until(lambda: len(post.console) == 4)
    assert [shown.silent for shown in post.telegram.messages(ADA) if shown.ours] == [True, False]
    assert [shown.silent for shown in post.telegram.messages(BOB) if shown.ours] == [False, False]


async def test_who_never_spoke_to_the_bot_cannot_be_told(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", None)
    stranger = User(ada.id, ada.handle, 99, ada.mode, ada.consent_version)
    with pytest.raises(Undeliverable, match="Chat not found"):
        await post.messenger.deliver(stranger, await post.owe(ada))
    assert len(post.console) == 1


async def test_a_chat_that_must_wait_delays_no_other_and_gets_its_messages_later(autojump_clock: MockClock) -> None:
    post = Post()
    ada, bob = await post.enrol("ada", ADA), await post.enrol("bob", BOB)
    post.telegram.ask_to_wait("send", 60)
    await post.owe(ada, 0)
    async with post.sending():
        await trio.sleep(5)
        await post.owe(bob, 1)
        await until(lambda: post.told(BOB) == ["2"], within_s=5)
        assert post.told(ADA) == []
        await until(lambda: post.told(ADA) == ["1"], within_s=60)


async def test_nothing_is_lost_while_telegram_is_away(autojump_clock: MockClock) -> None:
    post = Post()
    ada, bob = await post.enrol("ada", ADA), await post.enrol("bob", BOB)
    post.telegram.go_away()
    for number in range(3):
        await post.owe(ada, number)
        await post.owe(bob, number)
    async with post.sending():
        await trio.sleep(600)
        assert post.console == []
        post.telegram.go_away(away=False)
        await until(lambda: post.told(ADA) == post.told(BOB) == ["1", "2", "3"])


async def test_an_alert_waits_for_none_of_many_messages(autojump_clock: MockClock) -> None:
    post = Post()
    ada, bob = await post.enrol("ada", ADA), await post.enrol("bob", BOB)
    for number in range(500):
        await post.owe(ada, number)
    async with post.sending():
        await until(lambda: len(post.told(ADA)) == 10)
        await post.owe(ada, 700, urgent=True)
        await post.owe(bob, 1)
        await until(lambda: post.told(BOB) == ["2"], within_s=1)
        await until(lambda: "701" in post.told(ADA), within_s=5)
        assert post.told(ADA)[:10] == [str(number + 1) for number in range(10)]


async def test_a_chat_that_is_resting_is_not_asked_for_again_and_again(autojump_clock: MockClock) -> None:
    post = Post()
    users = [await post.enrol(f"u{number}", 100 + number) for number in range(60)]
    for number in range(50):
        await post.owe(users[0], number)
    async with post.sending():
        post.telegram.ask_to_wait("send", 90)
        await trio.sleep(1)
        for user in users[1:]:
            await post.owe(user, 3)
        await until(lambda: all(post.told(100 + number) == ["4"] for number in range(1, 60)), within_s=10)
        await until(lambda: len(post.told(100)) == 50, within_s=200)
        assert post.told(100) == [str(number + 1) for number in range(50)]


ORDER = Subject(Topic.ORDER, "trace")


async def test_the_result_of_an_order_takes_the_place_of_what_was_said_of_it(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    said = await post.messenger.api.send(ADA, "Sent: buying it.")
    await post.book.stands(ChatMessage(ORDER, ada.id, said, post.clock.now_ms()))
    await post.owe(ada)
    async with post.sending():
        await until(lambda: len(post.console) == 1)
    [shown] = [shown for shown in post.telegram.messages(ADA) if shown.ours]
    assert shown.message_id == said
    assert shown.text.startswith("[live] Bought 1 tokens")
    assert [button.data for button in shown.buttons] == [f"/sell {MINT} all"]


async def test_a_result_whose_message_was_deleted_or_is_old_comes_as_its_own(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    said = await post.messenger.api.send(ADA, "Sent: buying it.")
    await post.book.stands(ChatMessage(ORDER, ada.id, said, post.clock.now_ms()))
    await post.telegram.delete(ADA, said)
    await post.owe(ada)
    async with post.sending():
        await until(lambda: post.told(ADA) == ["1"])
        await trio.sleep(EDITED_MS / 1000 + 1)
        await post.owe(ada, 1)
        await until(lambda: post.texts(ADA)[-1].startswith("[live] Bought 2 tokens"))
        await until(lambda: MOVED in post.texts(ADA)[0])
    assert post.texts(ADA)[0] == "[live] The buy of 9BB6NF…pump was sent. What came of it has a message of its own."


async def test_what_was_said_of_an_order_does_not_wait_above_a_result_that_came_late(
    autojump_clock: MockClock,
) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    said = await post.messenger.api.send(ADA, "Sent: buying it.", [Button("Sell", "/sell")])
    await post.book.stands(ChatMessage(ORDER, ada.id, said, post.clock.now_ms()))
    await trio.sleep(EDITED_MS / 1000 + 1)
    post.begin_another_life()
    facts: dict[str, object] = {"mode": "live", "mint": MINT, "side": "buy"}
    await post.messenger.deliver(ada, OutboxMessage("late", ada.id, "order_unknown", facts, False, "trace", 0))
    assert [text for text in post.texts(ADA) if "sent, not yet proven" in text] == post.texts(ADA)[1:]
    await trio.sleep(EDITED_MS / 1000 + 1)
    await post.messenger.deliver(ada, await post.owe(ada))
    first, second, last = post.texts(ADA)
    assert MOVED in first
    assert MOVED in second
    assert last.startswith("[live] Bought 1 tokens")
    assert [len(shown.buttons) for shown in post.telegram.messages(ADA) if shown.ours] == [0, 0, 1]
    # Told again after a kill before it was noted as delivered: in its place, and nothing above it changes.
    await post.messenger.deliver(ada, await post.owe(ada))
    assert post.texts(ADA) == [first, second, last]


async def test_what_fired_says_that_its_late_result_stands_further_down(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    facts: dict[str, object] = {
        "mode": "live",
        "mint": MINT,
        "what": "limit_buy",
        "code": "c0de",
        "spend_lamports": 10**9,
    }
    await post.messenger.deliver(ada, OutboxMessage("fired", ada.id, "standing_fired", facts, False, "trace", 0))
    await trio.sleep(EDITED_MS / 1000 + 1)
    await post.messenger.deliver(ada, await post.owe(ada))
    first, last = post.texts(ADA)
    assert first.endswith("is sent: its price is there. What came of it has a message of its own.")
    assert last.startswith("[live] Bought 1 tokens")


async def test_a_reply_that_its_result_has_overtaken_does_not_promise_one(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = make_talk(65)
    async with bot_on_telegram(talk, monkeypatch):
        mint = await token_on_the_market(talk)
        await agreed(talk)
        await talk.asks(f"/buy {mint} 0.1", "Nothing is sent yet")
        for _ in range(5):
            talk.telegram.lose("edit")  # the word that it was sent is to take the card's place
        talk.press("Confirm")
        await talk.hears("[live] Bought", within_s=60)
        await talk.hears(f"tokens. {MOVED}", within_s=60)
        texts = [shown.text for shown in talk.telegram.messages(talk.person) if shown.ours]
        assert not any(FOLLOWS in text for text in texts)
        assert sum("[live] Bought" in text for text in texts) == 1


async def test_a_result_waits_for_the_reply_that_it_takes_the_place_of(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    post.book.comes(ORDER)
    await post.owe(ada)
    async with post.sending():
        await trio.sleep(2)
        assert post.told(ADA) == []
        said = await post.messenger.api.send(ADA, "Sent: buying it.")
        await post.book.stands(ChatMessage(ORDER, ada.id, said, post.clock.now_ms()))
        await until(lambda: post.told(ADA) == ["1"])
    lost = Subject(Topic.ORDER, "lost")
    post.book.comes(lost)
    post.book.is_lost(lost)
    assert await post.book.of(lost) is None


async def test_a_result_that_is_told_again_after_a_kill_is_told_once(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    said = await post.messenger.api.send(ADA, "Sent: buying it.")
    await post.book.stands(ChatMessage(ORDER, ada.id, said, post.clock.now_ms()))
    message = await post.owe(ada)
    await post.messenger.deliver(ada, message)
    await trio.sleep(EDITED_MS / 1000 + 1)
    post.begin_another_life()
    async with post.sending():
        await until(lambda: len(post.console) == 2)
    assert post.told(ADA) == ["1"]


async def test_a_result_is_told_while_nothing_can_be_looked_up(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    database = CutStore(post.store)
    database.is_away = True
    book = MessageBook(cast(Store, database), post.clock)
    messenger = telegram_messenger(
        PacedChat(post.telegram), ConsoleMessenger(post.console.append), book, cast(Store, database)
    )
    await messenger.deliver(ada, await post.owe(ada))
    assert post.told(ADA) == ["1"]


async def test_an_order_that_came_to_nothing_is_not_left_as_sent_where_that_is_switched_off(
    autojump_clock: MockClock,
) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    await post.store.set_alert_levels(ada.id, {"expired": AlertLevel.OFF}, 1)
    said = await post.messenger.api.send(ADA, "Sent: buying it.")
    await post.book.stands(ChatMessage(ORDER, ada.id, said, post.clock.now_ms()))
    facts: dict[str, object] = {"mode": "live", "mint": MINT, "side": "buy"}
    for trace in ("trace", "another"):
        await post.store.post(OutboxMessage(f"expired-{trace}", ada.id, "order_expired", facts, False, trace, 0))
    async with post.sending():
        with trio.fail_after(30):
            while await post.store.due(9):
                await trio.sleep(0.1)
    [shown] = [shown for shown in post.telegram.messages(ADA) if shown.ours]
    assert "never landed; this is proven" in shown.text
    assert post.console == []


async def test_what_is_booked_after_the_network_took_it_back_is_told_on_its_own(autojump_clock: MockClock) -> None:
    post = Post()
    ada = await post.enrol("ada", ADA)
    said = await post.messenger.api.send(ADA, "Sent: buying it.")
    await post.book.stands(ChatMessage(ORDER, ada.id, said, post.clock.now_ms()))
    await post.messenger.deliver(ada, await post.owe(ada))
    facts: dict[str, object] = {"mode": "live", "mint": MINT, "side": "buy", "signature": "s" * 88}
    facts |= {"itself": True, "token_raw": 1, "position_open": False}
    await post.messenger.deliver(ada, OutboxMessage("back", ada.id, "rolled_back", facts, True, "trace", 1))
    await post.messenger.deliver(ada, await post.owe(ada, 4))
    texts = [shown.text.split()[1] for shown in post.telegram.messages(ADA) if shown.ours]
    assert texts == ["Bought", "The", "Bought"]
