"""A user's automated trader: started and stopped here, and what it decided."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from bot.clock import Clock
from bot.commands import Command
from bot.execution.wallet_standings import WalletStandings
from bot.ports import AutoDecision, Store, User, Verdict
from bot.telegram.chat import Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.ranking_text import named, standing_line
from bot.telegram.words import mode_label, short
from bot.trading.limits import Ceilings, trade_limit
from bot.trading.opportunity import AutoPlan
from bot.trading.strategy import Strategy
from bot.trading.units import (
    BPS,
    AmountError,
    counted,
    format_percent,
    format_sol,
    parse_percent,
    parse_sol,
    span,
)

SHOWN = 5
FOLLOWED_SHOWN = 8
DAY_MS = 86_400_000
MINUTES_MAX, WALLETS_MAX = 1_440, 50
NO_PROMISE = "What wallets did before says little about what they do next. Most new tokens lose most of their value."


@dataclass(frozen=True, slots=True)
class AutoTradingHandlers:
    """`changed` starts, stops or replaces a user's trader after his plan, which is what counts."""

    store: Store
    clock: Clock
    ceilings: Callable[[], Ceilings]
    standings: WalletStandings
    changed: Callable[[str], Awaitable[None]]

    def commands(self) -> Mapping[str, Handler]:
        """The handler of each command."""
        return {"autostart": self.autostart, "autostatus": self.autostatus, "autostop": self.autostop}

    async def autostart(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """Start it, by the plan of before where nothing else is named. A new start may enter tokens of before again."""
        if len(arguments) > 4:
            raise wrong_usage(command)
        user = known(incoming)
        before = await self.store.auto_plan(user.id)
        plan = replace(_named(before, arguments), is_on=True, epoch=before.epoch + 1)
        ceilings = self.ceilings()
        limit = trade_limit(await self.store.settings(user.id), ceilings, Strategy.AUTO)
        if not ceilings.min_trade_lamports <= plan.entry_lamports <= limit.value:
            raise UsageError(
                f"{format_sol(plan.entry_lamports)} SOL is not between the least of"
                f" {format_sol(ceilings.min_trade_lamports)} SOL and {limit.rule} of {format_sol(limit.value)} SOL; give"
                " another amount"
            )
        followed = len(await self.store.tracked(user.id))
        if followed < plan.min_wallets:
            raise UsageError(
                f"it buys what {plan.min_wallets} of the wallets that you follow buy, and you follow {followed}; /track ADDRESS"
                " follows one, and /rankings has good ones"
            )
        await self.store.save_auto_plan(plan)
        await self.changed(user.id)
        return (
            f"{mode_label(user.mode.value)} The automated trader is on. {_plan_line(plan, followed)} Your limits hold,"
            f" auto_trade, auto_positions and auto_spend of /settings among them, and each position has your exits."
            f" /autostatus says what it sees, /autostop stops it. {NO_PROMISE}"
        )

    async def autostop(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        was_on = await self.store.stop_auto(user.id)
        await self.changed(user.id)
        if not was_on:
            return "The automated trader is off already."
        return "The automated trader is off; open positions keep their exits."

    async def autostatus(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user, now_ms = known(incoming), self.clock.now_ms()
        plan = await self.store.auto_plan(user.id)
        labels = {wallet.address: wallet.label for wallet in await self.store.tracked(user.id)}
        decided = await self.store.decisions(user.id, SHOWN)
        entered = await self.store.entries_since(user.id, now_ms - DAY_MS)
        state = "on" if plan.is_on else "off, /autostart starts it"
        lines = [
            f"{mode_label(user.mode.value)} The automated trader is {state}. {_plan_line(plan, len(labels))}",
            f"Entries in the last 24 hours: {entered}.",
            await self._results(user),
        ]
        if labels:
            lines.append("The wallets that speak, the best first:")
            best = self.standings.best(FOLLOWED_SHOWN, list(labels))
            lines += [f"  {standing_line(named(one.record.address, labels), one)}" for one in best]
            if (left := len(labels) - len(best)) > 0:
                lines.append(f"  and {counted(left, 'other')} without a score or below those")
        lines += ["What it decided last:", *(decision_line(one, now_ms) for one in decided)] if decided else []
        return "\n".join([*lines, NO_PROMISE])

    async def _results(self, user: User) -> str:
        sums = [one for one in await self.store.closed_sums(user.id, user.mode) if one.context == "automated"]
        won, lost = sum(one.won for one in sums), sum(one.lost for one in sums)
        lamports = sum(one.won_lamports + one.lost_lamports for one in sums)
        return (
            f"Closed positions bought by itself, orders that waited among them: {won + lost}, {won} with a gain, together"
            f" {format_sol(lamports, signed=True)} SOL."
        )


def decision_line(decision: AutoDecision, now_ms: int) -> str:
    """One decision: what, when, why, and by whose word."""
    ago = span(max(now_ms - decision.at_ms, 0) / 1000)
    what = {
        Verdict.PLANNED: "being bought",
        Verdict.ENTERED: "bought",
        Verdict.PASSED: "passed",
        Verdict.REFUSED: "not bought",
    }[decision.verdict]
    return f"  {short(decision.mint)} {what} {ago} ago: {decision.reason} ({'; '.join(decision.evidence)})"


def _plan_line(plan: AutoPlan, followed: int) -> str:
    return (
        f"It buys for {format_sol(plan.entry_lamports)} SOL what at least {plan.min_wallets} of the"
        f" {counted(followed, 'wallet')} that you follow bought within {span(plan.window_s)}, from a confidence of"
        f" {format_percent(plan.min_confidence_bps)} on, at most {plan.max_daily} times in 24 hours."
    )


def _named(plan: AutoPlan, arguments: tuple[str, ...]) -> AutoPlan:
    """The plan with what was typed: SOL, confidence, minutes and wallets, in this order."""
    try:
        if len(arguments) > 0:
            plan = replace(plan, entry_lamports=parse_sol(arguments[0]))
        if len(arguments) > 1:
            plan = replace(plan, min_confidence_bps=parse_percent(arguments[1]))
    except AmountError as error:
        raise UsageError(str(error)) from None
    if not 0 < plan.min_confidence_bps <= BPS:
        raise UsageError(f"{arguments[1]} is no confidence; give one like 65%, up to 100%")
    if len(arguments) > 2:
        plan = replace(plan, window_s=60 * _count(arguments[2], "minutes", MINUTES_MAX))
    if len(arguments) > 3:
        plan = replace(plan, min_wallets=_count(arguments[3], "wallets", WALLETS_MAX))
    return plan


def _count(text: str, what: str, most: int) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text) or int(text) > most:
        raise UsageError(f"{text[:20]!r} is no number of {what} from 1 to {most}")
    return int(text)
