"""What each user's sniper made of the launches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.ports.outbox import OutboxMessage
from bot.trading.limits import UserSettings
from bot.trading.signal import Component


@dataclass(frozen=True, slots=True)
class SnipeRun:
    """One look of one user's sniper at one token; unique per user, mint and epoch. `seen_at_ms` is the launch's frame.

    `status` is ANALYZED, MONITORING, EXECUTING, COMPLETED, FAILED, SKIPPED, EXPIRED or UNKNOWN. `version` names the rules or
    the model that the opinion came from, and `components` are its parts, kept without their evidence for a look that ended
    at once: most do, for every user.
    """

    id: str
    user_id: str
    mint: str
    epoch: int
    status: str
    reason: str
    confidence_bps: int
    launch_signature: str
    created_at_ms: int
    seen_at_ms: int | None = None
    version: str = ""
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True)
class Snipe:
    """A look that became a request. `settings` are those that it was judged by, read at trio time `read_at_s`."""

    run: SnipeRun
    settings: UserSettings
    read_at_s: float


class SnipeStore(Protocol):
    async def open_run(self, run: SnipeRun, message: OutboxMessage | None = None) -> bool:
        """False when this user already has a run for the mint and epoch; nothing is written then.

        The message that its user is owed for it is written with the run, in one transaction. Raises LookupError for
        an unknown user and Conflict when the id belongs to another run.
        """

    async def end_run(self, run: SnipeRun) -> None:
        """Write what became of a look: its status and reason where the run is there already, else the whole of it.

        Another run of this user for the mint and epoch stays as it is, and then nothing is written. Raises
        LookupError for an unknown user and Conflict when the id belongs to another run.
        """

    async def runs_since(self, user_id: str, since_ms: int) -> list[SnipeRun]:
        """What a user's sniper looked at since a moment, whatever came of it, oldest first."""

    async def expire_runs(self, now_ms: int) -> int:
        """Runs up to this moment left in ANALYZED or MONITORING, or EXECUTING without an intent, end as EXPIRED; how many.

        Each has lost its sniper: at boot all of them, later those that are too old.
        """
