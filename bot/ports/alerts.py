"""How loudly each user wants to hear of what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.trading.alerting import AlertLevel


class AlertStore(Protocol):
    async def alert_levels(self, user_ids: Sequence[str]) -> Mapping[str, Mapping[str, AlertLevel]]:
        """By user and by the name of an AlertKind what these users have set; whoever has set nothing is left out."""

    async def set_alert_levels(self, user_id: str, levels: Mapping[str, AlertLevel], now_ms: int) -> None:
        """Set some of a user's levels together and write into the audit that he did. Raises LookupError for an unknown user."""
