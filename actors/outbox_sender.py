"""Tells users what happened: outbox rows to the chat, alerts first, at least once. The row survives whatever fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
import trio

from actors.runtime import Context
from bot.clock import Clock
from bot.errors import Unavailable, Undeliverable
from bot.ports import Messenger, OutboxMessage, Store, User
from bot.trading.alerting import AlertLevel, level_of

log = structlog.get_logger()

BATCH = 50
REST_S = 0.3
REST_AFTER_TROUBLE_S = 2.0
NOT_WANTED = "its reader has switched messages of this kind off"


@dataclass(frozen=True, slots=True)
class OutboxSender:
    """Each user's messages go in their order; users who cannot be reached keep nobody else waiting."""

    store: Store
    messenger: Messenger
    clock: Clock

    async def run(self, ctx: Context) -> None:
        ctx.ready()
        while True:
            try:
                reached = await self._send_due()
            except Unavailable as error:
                log.warning("outbox_delayed", reason=str(error))
                reached = False
            await trio.sleep(REST_S if reached else REST_AFTER_TROUBLE_S)

    async def _send_due(self) -> bool:
        """Send one batch; False when there was something to send and nobody could be reached."""
        messages = await self.store.due(BATCH)
        if not messages:
            return True
        users: dict[str, User] = {user.id: user for user in await self.store.users()}
        owed: dict[str, list[OutboxMessage]] = {}
        for message in messages:
            owed.setdefault(message.user_id, []).append(message)
        levels = await self.store.alert_levels(list(owed))
        reached: list[str] = []
        async with trio.open_nursery() as nursery:
            for user_id, theirs in owed.items():
                nursery.start_soon(self._send_to, users[user_id], theirs, levels.get(user_id, {}), reached)
        return bool(reached)

    async def _send_to(
        self, user: User, messages: list[OutboxMessage], levels: Mapping[str, AlertLevel], reached: list[str]
    ) -> None:
        """One user's messages until one has to wait; `reached` gets the ids of those that are done with."""
        try:
            for message in messages:
                await self._send(user, message, level_of(levels, message.kind))
                reached.append(message.id)
        except Unavailable as error:
            log.warning("outbox_delayed", user=user.id, reason=str(error))

    async def _send(self, user: User, message: OutboxMessage, level: AlertLevel) -> None:
        bound = log.bind(message=message.id, kind=message.kind, user=user.id, trace=message.trace_id)
        if level is AlertLevel.OFF:
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
            return
        await self.store.undeliverable(message.id, why, self.clock.now_ms())
        bound.warning("message_undeliverable", reason=why)
