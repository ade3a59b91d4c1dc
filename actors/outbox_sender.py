"""Tells users what happened: outbox rows to the chat, alerts first, at least once. The row survives whatever fails.

Each user's messages go in their order, one user beside the other: a chat with a thousand waiting messages, or one that
cannot be reached, delays nobody else's, and an alert to its own reader by no more than what is being sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import ChatUnavailable, Unavailable, Undeliverable
from bot.ports import Messenger, OutboxMessage, Pictures, Store, User
from bot.trading.alerting import PICTURES, AlertLevel, level_of

log = structlog.get_logger()

BATCH = 50  # messages that are looked at together
IN_A_ROW = 3  # messages of one user before it is asked again whether an alert has come for him
AT_ONCE = 200  # users who are being told something
REST_S = 0.3
REST_AFTER_TROUBLE_S = 2.0
NOT_WANTED = "its reader has switched messages of this kind off"


@dataclass(slots=True)
class OutboxSender:
    """`pictures` draws what follows a message of those who want that; without it none does.

    `_busy` are the users who are being told something, `_resting` those who could not be, each with until when.
    """

    store: Store
    messenger: Messenger
    clock: Clock
    pictures: Pictures | None = None
    _busy: set[str] = field(default_factory=set)
    _resting: dict[str, float] = field(default_factory=dict)

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        self._busy.clear()
        async with trio.open_nursery() as tellers:
            while True:
                try:
                    await self._begin_due(tellers)
                    rest_s = REST_S
                except Unavailable as error:
                    log.warning("outbox_delayed", reason=str(error))
                    rest_s = REST_AFTER_TROUBLE_S
                await trio.sleep(rest_s)

    async def _begin_due(self, tellers: trio.Nursery) -> None:
        """Begin with everybody who is owed something and is neither being told nor resting."""
        now_s = trio.current_time()
        self._resting = {user_id: until_s for user_id, until_s in self._resting.items() if until_s > now_s}
        if len(self._busy) >= AT_ONCE:
            return
        messages = await self.store.due(BATCH, self._busy | self._resting.keys())
        if not messages:
            return
        users: dict[str, User] = {user.id: user for user in await self.store.users()}
        owed: dict[str, list[OutboxMessage]] = {}
        for message in messages:
            owed.setdefault(message.user_id, []).append(message)
        levels = await self.store.alert_levels(list(owed))
        for user_id, theirs in owed.items():
            self._busy.add(user_id)
            tellers.start_soon(self._send_to, users[user_id], theirs[:IN_A_ROW], levels.get(user_id, {}))

    async def _send_to(self, user: User, messages: list[OutboxMessage], levels: Mapping[str, AlertLevel]) -> None:
        """One user's messages until one has to wait."""
        try:
            for message in messages:
                await self._send(user, message, levels)
        except Unavailable as error:
            log.warning("outbox_delayed", user=user.id, reason=str(error))
            asked_s = error.retry_after_s if isinstance(error, ChatUnavailable) else None
            self._resting[user.id] = trio.current_time() + max(asked_s or 0, REST_AFTER_TROUBLE_S)
        finally:
            self._busy.discard(user.id)

    async def _send(self, user: User, message: OutboxMessage, levels: Mapping[str, AlertLevel]) -> None:
        level = level_of(levels, message.kind)
        bound = log.bind(message=message.id, kind=message.kind, user=user.id, trace=message.trace_id)
        if level is AlertLevel.OFF:
            await self.messenger.amend(user, message)
            await self.store.undeliverable(message.id, NOT_WANTED, self.clock.now_ms())
            bound.info("message_not_wanted")
            return
        try:
            await self.messenger.deliver(user, message, silent=level is AlertLevel.SILENT)
        except Undeliverable as error:
            why = str(error)
        else:
            await self.store.delivered(message.id, self.clock.now_ms())
            bound.info("message_sent")
            if self.pictures is not None and levels.get(PICTURES) is AlertLevel.ON:
                self.messenger.illustrate(user, message, self.pictures)
            return
        await self.store.undeliverable(message.id, why, self.clock.now_ms())
        bound.warning("message_undeliverable", reason=why)
