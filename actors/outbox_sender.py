"""Tells users what happened: outbox rows to the chat, alerts first, at least once. The row survives whatever fails."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable
from bot.ports import Messenger, Store, User

log = structlog.get_logger()

BATCH = 50
REST_S = 0.3
REST_AFTER_TROUBLE_S = 2.0


@dataclass(frozen=True, slots=True)
class OutboxSender:
    store: Store
    messenger: Messenger
    clock: Clock

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            try:
                await self._send_due()
            except Unavailable as error:
                log.warning("outbox_delayed", reason=str(error))
                await trio.sleep(REST_AFTER_TROUBLE_S)
            await trio.sleep(REST_S)

    async def _send_due(self) -> None:
        messages = await self.store.due(BATCH)
        if not messages:
            return
        users: dict[str, User] = {user.id: user for user in await self.store.users()}
        for message in messages:
            await self.messenger.deliver(users[message.user_id], message)
            await self.store.delivered(message.id, self.clock.now_ms())
            log.info(
                "message_sent", message=message.id, kind=message.kind, user=message.user_id, trace=message.trace_id
            )
