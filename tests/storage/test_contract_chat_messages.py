"""The contract of `ChatMessageStore`, held by both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.ports import ChatMessage, Store, Subject, Topic
from tests.storage.storage_samples import NOW_MS, enrol

ORDER, CARD = Subject(Topic.ORDER, "i-1"), Subject(Topic.POSITION, "p-1")


async def test_one_message_tells_of_a_subject_and_the_latest_stands(store: Store) -> None:
    ada = await enrol(store, "ada")
    assert await store.chat_message(ORDER) is None
    sent = ChatMessage(ORDER, ada.user_id, 2**33, NOW_MS)
    assert await store.put_chat_message(sent) is None
    filled = replace(sent, at_ms=NOW_MS + 5, says="m-1", lead="Bought \U0001f98a \0 of it.")
    assert await store.put_chat_message(filled) == sent
    kept = replace(filled, lead="Bought \U0001f98a \ufffd of it.")
    assert await store.chat_message(ORDER) == kept
    assert await store.chat_message(replace(ORDER, topic=Topic.POSITION)) is None
    with pytest.raises(LookupError, match="no user"):
        await store.put_chat_message(replace(sent, user_id="nobody"))
    assert await store.chat_message(ORDER) == kept


async def test_messages_of_a_topic_come_oldest_first(store: Store) -> None:
    ada, bob = await enrol(store, "ada"), await enrol(store, "bob")
    later = ChatMessage(CARD, ada.user_id, 7, NOW_MS + 1)
    first = ChatMessage(Subject(Topic.POSITION, "p-2"), bob.user_id, 7, NOW_MS)
    for one in (later, ChatMessage(ORDER, ada.user_id, 8, NOW_MS), first):
        await store.put_chat_message(one)
    assert await store.chat_messages(Topic.POSITION) == [first, later]


async def test_what_is_forgotten_is_the_message_and_not_the_one_in_its_place(store: Store) -> None:
    ada = await enrol(store, "ada")
    old = ChatMessage(CARD, ada.user_id, 7, NOW_MS)
    new = replace(old, message_id=9, at_ms=NOW_MS + 1)
    await store.put_chat_message(old)
    assert await store.put_chat_message(new) == old
    await store.forget_chat_message(old)
    assert await store.chat_message(CARD) == new
    await store.forget_chat_message(new)
    await store.forget_chat_message(new)
    assert await store.chat_message(CARD) is None


async def test_what_is_older_than_a_moment_is_forgotten_by_its_topic(store: Store) -> None:
    ada = await enrol(store, "ada")
    orders = [ChatMessage(Subject(Topic.ORDER, f"i-{at}"), ada.user_id, at, NOW_MS + at) for at in range(3)]
    card = ChatMessage(CARD, ada.user_id, 9, NOW_MS)
    secret = ChatMessage(Subject(Topic.SECRET, "7:10"), ada.user_id, 10, NOW_MS)
    for one in (*orders, card, secret):
        await store.put_chat_message(one)
    await store.forget_chat_messages(Topic.ORDER, NOW_MS + 1)
    assert await store.chat_messages(Topic.ORDER) == orders[1:]
    assert await store.chat_messages(Topic.POSITION) == [card]
    assert await store.chat_messages(Topic.SECRET) == [secret]
