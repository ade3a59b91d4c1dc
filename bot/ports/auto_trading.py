"""Automated traders of users: what each is to do, and what it decided about each opportunity."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.trading.intent import Mode
from bot.trading.opportunity import AutoPlan


class Verdict(StrEnum):
    """What became of an opportunity. PLANNED is written before the order is handed to the desk, the others are ends."""

    PLANNED = "planned"
    ENTERED = "entered"
    PASSED = "passed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class AutoDecision:
    """One opportunity and what was made of it. The same trigger of a user, token and epoch has the same id.

    `reason` is why in one line, `evidence` are the votes in words. `key` is that of the order where one was handed in.
    """

    id: str
    user_id: str
    mint: str
    mode: Mode
    epoch: int
    verdict: Verdict
    reason: str
    confidence_bps: int
    wallets: int
    spend_lamports: int
    key: str
    at_ms: int
    evidence: tuple[str, ...] = ()


class AutoTradingStore(Protocol):
    async def auto_plan(self, user_id: str) -> AutoPlan:
        """What a user's trader is to do; one that is off, with the defaults, for who never started it."""

    async def auto_plans(self) -> list[AutoPlan]:
        """Those that are on."""

    async def save_auto_plan(self, plan: AutoPlan) -> None:
        """Write a plan. Raises LookupError for no such user."""

    async def stop_auto(self, user_id: str) -> bool:
        """Switch a user's trader off; whether it was on."""

    async def record_decision(self, decision: AutoDecision) -> bool:
        """Write a decision; False, and nothing is written, where it is there already."""

    async def end_decision(self, decision_id: str, verdict: Verdict, reason: str) -> bool:
        """Write what became of a planned decision; False where it is not planned any more."""

    async def decisions(self, user_id: str, limit: int, mint: str | None = None) -> list[AutoDecision]:
        """A user's latest decisions, of one token where that is named, the newest first."""

    async def planned_decisions(self, user_id: str) -> list[AutoDecision]:
        """Those of which nobody has written what became of them, the oldest first."""

    async def entries_since(self, user_id: str, since_ms: int) -> int:
        """How many decisions of a user since that moment became an order, or may have."""
