"""Automated traders and their decisions, in memory."""

from __future__ import annotations

from dataclasses import replace

import trio

from bot.ports import AutoDecision, Verdict
from bot.storage.memory_tables import MemoryTables
from bot.storage.rules import storable
from bot.trading.opportunity import AutoPlan

MAY_HAVE_ENTERED = frozenset({Verdict.PLANNED, Verdict.ENTERED})


class MemoryAutoTrading(MemoryTables):
    """Implements `AutoTradingStore`."""

    async def auto_plan(self, user_id: str) -> AutoPlan:
        await trio.lowlevel.checkpoint()
        return self._auto_plans.get(user_id, AutoPlan(user_id))

    async def auto_plans(self) -> list[AutoPlan]:
        await trio.lowlevel.checkpoint()
        return sorted((plan for plan in self._auto_plans.values() if plan.is_on), key=lambda plan: plan.user_id)

    async def save_auto_plan(self, plan: AutoPlan) -> None:
        await trio.lowlevel.checkpoint()
        self._user(plan.user_id)
        self._auto_plans[plan.user_id] = plan

    async def stop_auto(self, user_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        plan = self._auto_plans.get(user_id)
        if plan is None or not plan.is_on:
            return False
        self._auto_plans[user_id] = replace(plan, is_on=False)
        return True

    async def record_decision(self, decision: AutoDecision) -> bool:
        await trio.lowlevel.checkpoint()
        self._user(decision.user_id)
        if decision.id in self._auto_decisions:
            return False
        evidence = tuple(storable(line) for line in decision.evidence)
        self._auto_decisions[decision.id] = replace(decision, reason=storable(decision.reason), evidence=evidence)
        return True

    async def end_decision(self, decision_id: str, verdict: Verdict, reason: str) -> bool:
        await trio.lowlevel.checkpoint()
        known = self._auto_decisions.get(decision_id)
        if known is None or known.verdict is not Verdict.PLANNED:
            return False
        self._auto_decisions[decision_id] = replace(known, verdict=verdict, reason=storable(reason))
        return True

    async def decisions(self, user_id: str, limit: int, mint: str | None = None) -> list[AutoDecision]:
        await trio.lowlevel.checkpoint()
        mine = [one for one in self._auto_decisions.values() if one.user_id == user_id and mint in (None, one.mint)]
        return mine[::-1][:limit]

    async def planned_decisions(self, user_id: str) -> list[AutoDecision]:
        await trio.lowlevel.checkpoint()
        planned = (one for one in self._auto_decisions.values() if one.verdict is Verdict.PLANNED)
        return [one for one in planned if one.user_id == user_id]

    async def entries_since(self, user_id: str, since_ms: int) -> int:
        await trio.lowlevel.checkpoint()
        mine = (one for one in self._auto_decisions.values() if one.user_id == user_id and one.at_ms >= since_ms)
        return sum(one.verdict in MAY_HAVE_ENTERED for one in mine)
