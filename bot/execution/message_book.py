"""Which message in a chat tells of what, so that news of an order takes the place of what was said of it before.

What is known here stands in the store too, for the next life of the process. Nothing that is owed hangs on it: where it
cannot be read or written, news comes as a message of its own.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import structlog
import trio

from bot.clock import Clock
from bot.errors import Unavailable
from bot.ports import ChatMessage, ChatMessageStore, Subject, Topic

log = structlog.get_logger()

REMEMBERED = 10_000
COMING_S = 5.0  # how long news of an order waits for the reply that it is to take the place of
EDITED_MS = 30_000  # news that comes later than this after the last is heard: an edit makes no sound
MOVED = 1_000
REST_S = 1.0  # after a read that the database did not answer
WRITE_S = 1.0  # nobody's next command waits longer than this for what is only kept to be edited


@dataclass(slots=True)
class MessageBook:
    """`_known` are the latest messages by their subjects, `_coming` the replies that are being said.

    `_outrun` are those whose news was told before their reply. `version` grows with each card of a position that is
    written; `moved` are the earlier ones of those positions.
    """

    store: ChatMessageStore
    clock: Clock
    version: int = 0
    moved: deque[ChatMessage] = field(default_factory=lambda: deque(maxlen=MOVED))
    _known: OrderedDict[Subject, ChatMessage] = field(default_factory=OrderedDict)
    _coming: dict[Subject, trio.Event] = field(default_factory=dict)
    _outrun: OrderedDict[Subject, None] = field(default_factory=OrderedDict)

    def comes(self, subject: Subject) -> None:
        """A reply about this is about to be said; `stands` or `is_lost` follows."""
        self._coming[subject] = trio.Event()
        self._outrun.pop(subject, None)

    def is_lost(self, subject: Subject) -> None:
        """The reply could not be said."""
        if (coming := self._coming.pop(subject, None)) is not None:
            coming.set()

    async def stands(self, message: ChatMessage) -> None:
        """A message of ours tells of its subject from now on."""
        self._remember(message)
        self.is_lost(message.subject)
        try:
            with trio.fail_after(WRITE_S):
                before = await self.store.put_chat_message(message)
        except (Unavailable, LookupError, trio.TooSlowError) as error:
            log.info("chat_message_not_kept", subject=message.subject.id, reason=str(error))
            return
        if message.subject.topic is Topic.POSITION:
            self.version += 1
            if before is not None and before.message_id != message.message_id:
                self.moved.append(before)

    async def of(self, subject: Subject) -> ChatMessage | None:
        """The message that tells of this; one that is just being said is waited for, a little."""
        if (coming := self._coming.get(subject)) is not None:
            with trio.move_on_after(COMING_S):
                await coming.wait()
        if (known := self._known.get(subject)) is not None:
            return known
        try:
            return await self.store.chat_message(subject)
        except Unavailable as error:
            log.info("chat_message_not_read", subject=subject.id, reason=str(error))
            return None

    async def all(self, topic: Topic) -> list[ChatMessage]:
        """Every message of a topic that is kept, the oldest first; waits for the database."""
        while True:
            try:
                return await self.store.chat_messages(topic)
            except Unavailable as error:
                log.info("chat_messages_not_read", topic=topic, reason=str(error))
            await trio.sleep(REST_S)

    def told_alone(self, subject: Subject) -> ChatMessage | None:
        """News of this was told before any reply about it stood; the reply that was said meanwhile, None while it is coming."""
        if subject in self._coming:
            self._outrun[subject] = None
            if len(self._outrun) > REMEMBERED:
                self._outrun.popitem(last=False)
        return self._known.get(subject)

    def is_outrun(self, subject: Subject) -> bool:
        """Whether news of this was told before its reply, which would be the older word below the newer one."""
        return subject in self._outrun

    async def forget(self, subject: Subject) -> None:
        """What is said of this from now on comes as a message of its own."""
        known = self._known.pop(subject, None)
        try:
            if (message := known or await self.store.chat_message(subject)) is not None:
                await self.store.forget_chat_message(message)
        except Unavailable as error:
            log.info("chat_message_not_forgotten", subject=subject.id, reason=str(error))

    def takes(self, message: ChatMessage, says: str) -> bool:
        """Whether an outbox message of this id goes into the place of a chat's message.

        It does when it stands there already, being told again, and otherwise while its reader still looks that way.
        """
        return message.says == says or self.clock.now_ms() - message.at_ms <= EDITED_MS

    def _remember(self, message: ChatMessage) -> None:
        self._known[message.subject] = message
        self._known.move_to_end(message.subject)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
