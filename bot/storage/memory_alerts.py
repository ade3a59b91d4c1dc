"""How loudly users want to hear of what, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import trio

from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import ALERTS_SET
from bot.trading.alerting import AlertLevel


class MemoryAlerts(MemoryTables):
    """Levels by user and by the name of an AlertKind."""

    async def alert_levels(self, user_ids: Sequence[str]) -> Mapping[str, Mapping[str, AlertLevel]]:
        await trio.lowlevel.checkpoint()
        return {user_id: dict(self._alert_levels[user_id]) for user_id in user_ids if user_id in self._alert_levels}

    async def set_alert_levels(self, user_id: str, levels: Mapping[str, AlertLevel], now_ms: int) -> None:
        await trio.lowlevel.checkpoint()
        self._user(user_id)
        self._alert_levels.setdefault(user_id, {}).update(levels)
        self._put_audit(user_id, ALERTS_SET, {name: level.value for name, level in levels.items()}, now_ms)
