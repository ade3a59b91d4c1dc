"""The contract of the chat service, held by the in-memory twin and by the real client on the wire."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from bot.errors import ChatForbidden, ChatRejected, ChatUnavailable
from bot.pictures.plain import PNG_MAGIC
from bot.ports import Button, ButtonPress, ChatText, Document, OtherUpdate, Photo
from bot.telegram.gateway_memory import MAX_PHOTO_BYTES
from tests.telegram.conftest import Service

ADA, BOB, GROUP = 7, 8, -100


async def test_texts_come_in_order_and_again_until_they_are_confirmed(service: Service) -> None:
    service.people.say(ADA, "/help")
    service.people.say(BOB, "/status")
    first, second = await service.api.updates(None, 1)
    assert isinstance(first, ChatText)
    assert isinstance(second, ChatText)
    assert (first.chat_id, first.user_id, first.chat_type, first.text) == (ADA, ADA, "private", "/help")
    assert second.update_id > first.update_id
    assert [one.update_id for one in await service.api.updates(None, 1)] == [first.update_id, second.update_id]
    assert await service.api.updates(second.update_id, 1) == [second]
    assert await service.api.updates(second.update_id + 1, 0) == []
    assert await service.api.updates(None, 0) == []


async def test_a_poll_waits_for_the_first_update(service: Service) -> None:
    async def speak() -> None:
        await service.polled()
        service.people.say(ADA, "/buy")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(speak)
        [update] = await service.api.updates(None, 10)
    assert isinstance(update, ChatText)
    assert update.text == "/buy"
    assert "/buy" not in repr(update)


async def test_a_second_poller_ends_the_first_one(service: Service) -> None:
    async def poll_first() -> None:
        with pytest.raises(ChatUnavailable, match="another program that polls with the same token"):
            await service.api.updates(None, 10)
        service.people.say(ADA, "hello")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(poll_first)
        await service.polled()
        assert len(await service.second.updates(None, 10)) == 1


async def test_an_edited_message_is_confirmed_and_nothing_else(service: Service) -> None:
    message_id = service.people.say(ADA, "/sell A 1%")
    [text] = await service.api.updates(None, 1)
    service.people.change(ADA, message_id, "/sell A all")
    [edited] = await service.api.updates(text.update_id + 1, 1)
    assert edited == OtherUpdate(edited.update_id)


async def test_a_text_is_sent_with_its_buttons_and_a_press_comes_back_once(service: Service) -> None:
    service.people.say(ADA, "/positions")
    buttons = (Button("Sell all", "/sell A all"), Button("Sell half", "/sell A 50%"))
    sent = await service.api.send(ADA, "One position ✓", buttons)
    shown = service.people.messages(ADA)[-1]
    assert (shown.message_id, shown.ours, shown.text, shown.buttons) == (sent, True, "One position ✓", buttons)
    service.people.press(ADA, "Sell half")
    press = (await service.api.updates(None, 1))[-1]
    assert isinstance(press, ButtonPress)
    assert (press.chat_id, press.user_id, press.data) == (ADA, ADA, "/sell A 50%")
    await service.api.answer_press(press.query_id)
    with pytest.raises(ChatRejected):
        await service.api.answer_press(press.query_id)


async def test_a_silent_text_makes_no_sound(service: Service) -> None:
    service.people.say(ADA, "/alerts fills silent")
    await service.api.send(ADA, "Bought.", silent=True)
    await service.api.send(ADA, "Sold.")
    assert [shown.silent for shown in service.people.messages(ADA) if shown.ours] == [True, False]


async def test_an_edit_replaces_text_and_buttons_and_may_be_repeated(service: Service) -> None:
    service.people.say(ADA, "/buy A 1")
    sent = await service.api.send(ADA, "Working on it…", (Button("Stop", "/panic"),))
    for _ in range(2):
        await service.api.edit(ADA, sent, "Sent.")
    shown = service.people.messages(ADA)[-1]
    assert (shown.message_id, shown.text, shown.buttons) == (sent, "Sent.", ())


async def test_what_is_not_ours_or_not_there_cannot_be_edited(service: Service) -> None:
    theirs = service.people.say(ADA, "/help")
    for message_id in (theirs, 999_999):
        with pytest.raises(ChatRejected):
            await service.api.edit(ADA, message_id, "mine now")


async def test_messages_of_a_private_chat_can_be_deleted_and_deleted_again(service: Service) -> None:
    theirs = service.people.say(ADA, "a secret")
    ours = await service.api.send(ADA, "Oh.")
    for message_id in (theirs, ours, theirs):
        await service.api.delete(ADA, message_id)
    assert service.people.messages(ADA) == []


async def test_a_message_of_somebody_in_a_group_cannot_be_deleted(service: Service) -> None:
    theirs = service.people.say(ADA, "a secret", chat_id=GROUP, chat_type="group")
    [update] = await service.api.updates(None, 1)
    assert isinstance(update, ChatText)
    assert (update.chat_id, update.user_id, update.chat_type) == (GROUP, ADA, "group")
    with pytest.raises(ChatRejected):
        await service.api.delete(GROUP, theirs)


async def test_who_blocked_the_bot_is_forbidden_until_he_comes_back(service: Service) -> None:
    service.people.say(ADA, "/start")
    service.people.block(ADA)
    with pytest.raises(ChatForbidden, match="blocked"):
        await service.api.send(ADA, "hello")
    service.people.unblock(ADA)
    await service.api.send(ADA, "hello")


async def test_who_never_spoke_to_the_bot_cannot_be_written_to(service: Service) -> None:
    with pytest.raises(ChatRejected, match="Chat not found"):
        await service.api.send(BOB, "hello")


@pytest.mark.parametrize(
    ("text", "buttons"),
    [
        ("", ()),
        (" \n", ()),
        ("x" * 4097, ()),
        ("🦊" * 2049, ()),
        ("hello", (Button("", "/help"),)),
        ("hello", (Button("Help", ""),)),
        ("hello", (Button("Help", "x" * 65),)),
        ("hello", (Button("Help", "é" * 33),)),
    ],
)
async def test_a_message_that_telegram_would_not_take(service: Service, text: str, buttons: tuple[Button, ...]) -> None:
    service.people.say(ADA, "/start")
    with pytest.raises(ChatRejected):
        await service.api.send(ADA, text, buttons)


async def test_the_longest_message_and_the_longest_button_are_taken(service: Service) -> None:
    service.people.say(ADA, "/start")
    await service.api.send(ADA, "🦊" * 2048, (Button("Sell", "x" * 64),))


async def test_a_file_comes_as_it_was_sent(service: Service) -> None:
    service.people.say(ADA, "/history csv")
    document = Document("history-live-2026-11-21.csv", "mint,SOL\r\n🦊,-0.1\r\n".encode())
    sent = await service.api.send_document(ADA, document)
    shown = service.people.messages(ADA)[-1]
    assert (shown.message_id, shown.ours, shown.text, shown.document) == (sent, True, "", document)
    assert "SOL" not in repr(document)


async def test_a_file_for_nobody_and_an_empty_one_are_refused(service: Service) -> None:
    with pytest.raises(ChatRejected, match="Chat not found"):
        await service.api.send_document(BOB, Document("a.csv", b"a"))
    service.people.say(ADA, "/start")
    with pytest.raises(ChatRejected):
        await service.api.send_document(ADA, Document("a.csv", b""))
    service.people.block(ADA)
    with pytest.raises(ChatForbidden, match="blocked"):
        await service.api.send_document(ADA, Document("a.csv", b"a"))


async def test_a_picture_comes_as_it_was_sent(service: Service) -> None:
    service.people.say(ADA, "/profit")
    photo = Photo("profit.png", PNG_MAGIC + bytes(range(256)))
    sent = await service.api.send_photo(ADA, photo, silent=True)
    shown = service.people.messages(ADA)[-1]
    assert (shown.message_id, shown.ours, shown.text, shown.photo) == (sent, True, "", photo)
    assert shown.silent


async def test_a_picture_for_nobody_and_what_is_none_are_refused(service: Service) -> None:
    with pytest.raises(ChatRejected, match="Chat not found"):
        await service.api.send_photo(BOB, Photo("a.png", PNG_MAGIC))
    service.people.say(ADA, "/start")
    for content in (b"GIF89a", PNG_MAGIC + bytes(MAX_PHOTO_BYTES)):
        with pytest.raises(ChatRejected):
            await service.api.send_photo(ADA, Photo("a.png", content))
    service.people.block(ADA)
    with pytest.raises(ChatForbidden, match="blocked"):
        await service.api.send_photo(ADA, Photo("a.png", PNG_MAGIC))


async def test_the_commands_are_set_or_refused(service: Service) -> None:
    await service.api.set_commands({"buy": "buy a token", "sell": "sell it"})
    assert service.people.commands == {"buy": "buy a token", "sell": "sell it"}
    for name, description in (("Buy", "upper case"), ("buy!", "a sign"), ("buy", ""), ("buy", "x" * 257)):
        with pytest.raises(ChatRejected):
            await service.api.set_commands({name: description})


async def test_a_request_to_wait_says_for_how_long(service: Service) -> None:
    service.people.say(ADA, "/start")
    service.people.ask_to_wait("send", 7)
    with pytest.raises(ChatUnavailable) as raised:
        await service.api.send(ADA, "hello")
    assert raised.value.retry_after_s == 7
    await service.api.send(ADA, "hello")


@pytest.mark.parametrize(
    "method",
    ["whoami", "updates", "send", "send_document", "send_photo", "edit", "delete", "answer_press", "set_commands"],
)
async def test_a_lost_call_is_told_as_such_and_the_next_one_works(service: Service, method: str) -> None:
    service.people.say(ADA, "/start")
    sent = await service.api.send(ADA, "hello", (Button("Go", "/go"),))
    service.people.press(ADA, "Go")
    press = (await service.api.updates(None, 1))[-1]
    assert isinstance(press, ButtonPress)
    calls = {
        "whoami": partial(service.api.whoami),
        "updates": partial(service.api.updates, None, 1),
        "send": partial(service.api.send, ADA, "again"),
        "send_document": partial(service.api.send_document, ADA, Document("a.csv", b"a")),
        "send_photo": partial(service.api.send_photo, ADA, Photo("a.png", PNG_MAGIC)),
        "edit": partial(service.api.edit, ADA, sent, "again"),
        "delete": partial(service.api.delete, ADA, sent),
        "answer_press": partial(service.api.answer_press, press.query_id),
        "set_commands": partial(service.api.set_commands, {"help": "help"}),
    }
    service.people.lose(method)
    with pytest.raises(ChatUnavailable) as raised:
        await calls[method]()
    assert raised.value.retry_after_s is None
    await calls[method]()
