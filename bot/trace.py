"""`bot trace` and `bot diag`: what became of an order, and why a user's sniper bought or did not, from the rows alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.clock import day_of, day_start_ms, rfc3339
from bot.execution.look_ahead import LookAhead
from bot.execution.story import steps_of
from bot.ports import SnipeRun, User, wallet_in
from bot.refusal import CannotError
from bot.trading.copying import CopyRule, RuleState
from bot.trading.intent import Context, Protection, Side, TradeRequest
from bot.trading.limits import UserSettings
from bot.trading.risk_gate import Check, Refused
from bot.trading.strategy import Strategy
from bot.tree import TradingBot

Record = dict[str, Any]

ORDERS_MAX = 50  # of a position's; the latest are shown
RUNS_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Tracer:
    """Answers the operator's questions about one order or one user; it changes nothing."""

    bot: TradingBot

    async def trace(self, word: str) -> Record:
        """The steps of the orders that a word names; raises CannotError when it names none."""
        store = self.bot.adapters.store
        orders = []
        handles = {user.id: user.handle for user in await store.users()}
        for intent_id in list(await store.orders_of(word))[-ORDERS_MAX:]:
            story = await store.order_story(intent_id)
            if story is None:
                continue
            steps = steps_of(story)
            orders.append(
                {
                    "intent": intent_id,
                    "user": story.intent.request.user_id,
                    "handle": handles.get(story.intent.request.user_id),
                    "state": story.intent.state.value,
                    "steps": [
                        {
                            "at": rfc3339(step.at_ms),
                            "after_ms": step.at_ms - steps[0].at_ms,
                            "what": step.what,
                            "detail": step.detail,
                        }
                        for step in steps
                    ],
                }
            )
        if not orders:
            raise CannotError(
                f"no order is named by {word!r}; give an intent, a signature or a position. What moved without an order, as an"
                " outflow does, is in bot export fills"
            )
        return {"orders": orders}

    async def diag(self, user: User) -> Record:
        """What stands between this user's sniper and a buy now, and what it made of the latest launches."""
        adapters = self.bot.adapters
        settings = await adapters.store.settings(user.id)
        since_ms = day_start_ms(day_of(adapters.clock.now_ms(), settings.timezone), settings.timezone)
        runs = await adapters.store.runs_since(user.id, since_ms)
        bought = sum(run.status in {"EXECUTING", "UNKNOWN", "COMPLETED"} for run in runs)
        checks = await self._checks(user, settings)
        return {
            "user": user.handle,
            "checks": [_check(one) for one in checks] if not isinstance(checks, Refused) else None,
            "checks_unknown": checks.reason if isinstance(checks, Refused) else None,
            "gates": {
                "sniper": "on" if settings.snipe_enabled else "off",
                "paused_by": list(self.bot.guard.covering(user.id, Context.SNIPER)),
                "least_confidence_bps": settings.snipe_min_confidence_bps,
                "strong_buys_only": settings.snipe_only_strong_buy,
                "bought_today": bought,
                "most_a_day": settings.snipe_max_daily,
                "lamports_a_token": settings.snipe_max_lamports,
                "open_positions": len(await adapters.store.open_positions(user.id)),
            },
            "copying": await self._copying(user),
            "looks_today": len(runs),
            "looks": [_look(run) for run in runs[-RUNS_SHOWN:]],
        }

    async def _copying(self, user: User) -> Record:
        """Whom he copies, and what stands between each leader's next buy and his copy: pauses, the rule, the leader's wallet."""
        copies, guard = self.bot.hunt.copies.decisions.look, self.bot.guard
        rules = await self.bot.adapters.store.copy_rules(user.id)
        return {
            "paused_by": list(guard.covering(user.id, Context.COPY_TRADE)),
            "trouble": copies.trouble,
            "leaders": [{"leader": rule.label, "state": self._state_of(rule, user)} for rule in rules],
        }

    def _state_of(self, rule: CopyRule, user: User) -> str:
        if rule.state is not RuleState.ACTIVE:
            return f"buys nothing more: {rule.why}"
        if rule.mode is not user.mode:
            return f"buys nothing while you are in mode {user.mode.value}: it copies in {rule.mode.value}"
        scanner = self.bot.hunt.followed.scanners.get(rule.leader)
        if scanner is None:
            return "is not read now: nobody follows the wallet; /copies and /track show whom you follow"
        if scanner.look.trouble:
            return f"is not read now: {scanner.look.trouble}"
        return f"is {self.bot.hunt.scanned(rule.leader)}; {scanner.look.signals} swaps were heard since this bot began"

    async def _checks(self, user: User, settings: UserSettings) -> tuple[Check, ...] | Refused:
        """The gates of the money for a snipe of a token that he does not hold; Refused where they cannot be looked at."""
        try:
            wallet = wallet_in(await self.bot.adapters.store.wallets(user.id), user.mode, Strategy.SNIPER)
        except LookupError:
            return Refused("no_wallet", "the user has no wallet")
        request = TradeRequest(
            key=f"diag:{self.bot.adapters.clock.new_id()}",
            user_id=user.id,
            wallet_id=wallet.id,
            mode=user.mode,
            side=Side.BUY,
            mint="",
            context=Context.SNIPER,
            slippage_bps=settings.slippage_buy_bps,
            protection=Protection.PROTECTED,
            causation_id="diag",
            reason="diag",
            spend_lamports=settings.snipe_max_lamports,
        )
        return await LookAhead(self.bot.desk.pipeline).entry_checks(request, wallet)


def _check(check: Check) -> Record:
    return {
        "gate": check.gate,
        "number": check.number,
        "limit": check.limit,
        "unit": "lamports" if check.is_money else "count",
        "refused": None if check.refused is None else check.refused.reason,
    }


def _look(run: SnipeRun) -> Record:
    return {
        "at": rfc3339(run.created_at_ms),
        "mint": run.mint,
        "status": run.status,
        "confidence_bps": run.confidence_bps,
        "reason": run.reason,
    }
