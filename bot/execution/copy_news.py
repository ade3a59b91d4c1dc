"""What the bot tells of copying by itself, as facts for the outbox, and what it counts of it for status."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

from bot.clock import Clock
from bot.ports import OutboxMessage
from bot.trading.copying import CopyRule

LATENCIES_KEPT = 10_000


@dataclass(slots=True)
class CopyLook:
    """Copying as status shows it, since this process began.

    `decided` counts swaps of leaders, `ignored` and `refused` by their codes, the latter once per follower. `latency_ms` are the
    newest times from when the bot heard of a leader's buy until a follower's order had left. `owed` copies wait; `trouble` says
    why nothing is decided now.
    """

    decided: int = 0
    ordered: int = 0
    owed: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    latency_ms: deque[int] = field(default_factory=lambda: deque(maxlen=LATENCIES_KEPT))
    trouble: str = ""

    def latencies(self) -> tuple[int, int] | None:
        """The median and the 99th percentile of those; None before the first."""
        return percentiles(list(self.latency_ms))


def percentiles(times_ms: list[int]) -> tuple[int, int] | None:
    """The median and the 99th percentile, each a time that was measured; None of none."""
    if not times_ms:
        return None
    ordered = sorted(times_ms)
    return ordered[(len(ordered) - 1) // 2], ordered[(len(ordered) - 1) * 99 // 100]


def copy_left_message(clock: Clock, rule: CopyRule) -> OutboxMessage:
    """A rule buys nothing more, by itself; told once."""
    return OutboxMessage(
        id=f"copy_left:{rule.id}:{rule.version}",
        user_id=rule.user_id,
        kind="copy_left",
        payload={"label": rule.label, "leader": rule.leader, "mode": rule.mode.value, "why": rule.why},
        urgent=False,
        trace_id=rule.id,
        created_at_ms=clock.now_ms(),
    )


def share_set_message(clock: Clock, rule: CopyRule, share_bps: int, was_bps: int, cause: str) -> OutboxMessage:
    """The leader of a rule counts another part of its gains as his; told once for each `cause`."""
    return OutboxMessage(
        id=f"share_set:{rule.id}:{cause}",
        user_id=rule.user_id,
        kind="share_set",
        payload={
            "label": rule.label,
            "leader": rule.leader,
            "mode": rule.mode.value,
            "share_bps": share_bps,
            "was_bps": was_bps,
        },
        urgent=False,
        trace_id=rule.id,
        created_at_ms=clock.now_ms(),
    )
