"""What a day or a week of a user's came to, as an outbox message: one for each mode that traded."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bot.clock import Span, SpanUnit
from bot.ports import OutboxMessage, PeriodSums
from bot.trading.intent import Mode

KIND = "report"


@dataclass(frozen=True, slots=True)
class Report:
    """`span` is over; its days are those of `zone`."""

    user_id: str
    mode: Mode
    unit: SpanUnit
    span: Span
    zone: str
    sums: PeriodSums

    def message(self, now_ms: int) -> OutboxMessage:
        """Told once, however often it is written."""
        message_id = f"{KIND}:{self.unit.value}:{self.span.first_day}:{self.mode.value}:{self.user_id}"
        return OutboxMessage(
            id=message_id,
            user_id=self.user_id,
            kind=KIND,
            payload={
                "mode": self.mode.value,
                "unit": self.unit.value,
                "first_day": self.span.first_day,
                "end_ms": self.span.end_ms,
                "zone": self.zone,
                "sums": asdict(self.sums),
            },
            urgent=False,
            trace_id=message_id,
            created_at_ms=now_ms,
        )
