"""How loudly a user hears of what."""

from __future__ import annotations

from dataclasses import dataclass

from bot.clock import Clock
from bot.commands import Command
from bot.ports import Store
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage
from bot.trading.alerting import ALERT_KINDS, AlertKind, AlertLevel

ALL = "all"
MEANS = {
    AlertLevel.ON: "comes with a sound",
    AlertLevel.SILENT: "comes without a sound",
    AlertLevel.OFF: "does not come; /history and /orders still have it",
}


@dataclass(frozen=True, slots=True)
class AlertHandlers:
    """`/alerts`. The sender of messages reads the levels before each batch, so that a change counts at once."""

    store: Store
    clock: Clock

    async def alerts(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        user = known(incoming)
        if not arguments:
            levels = (await self.store.alert_levels([user.id])).get(user.id, {})
            lines = [f"{kind.name} = {levels.get(kind.name, kind.unset)} - {kind.help}" for kind in ALERT_KINDS]
            return "\n".join(
                [
                    "What you are told of, and how loudly:",
                    *lines,
                    f"Change one with {command.usage}, or every one with /{command.name} {ALL} LEVEL. What is about money can be"
                    " silent and never off.",
                ]
            )
        if len(arguments) != 2:
            raise wrong_usage(command)
        kinds, level = _kinds(arguments[0].lower()), _level(arguments[1].lower())
        allowed = [kind for kind in kinds if level in kind.levels]
        if not allowed and not kinds[0].is_money:
            raise UsageError(f"{kinds[0].name} is on or off: it makes no sound of its own")
        if not allowed:
            raise UsageError(
                f"{kinds[0].name} is about money, which is never off; /{command.name} {kinds[0].name} silent takes its sound"
            )
        await self.store.set_alert_levels(user.id, {kind.name: level for kind in allowed}, self.clock.now_ms())
        kept = [kind.name for kind in kinds if kind not in allowed and kind.is_money]
        left = f" Not changed, because they are about money and never off: {', '.join(kept)}." if kept else ""
        return f"{', '.join(kind.name for kind in allowed)} = {level}: it {MEANS[level]}, from now on.{left}"


def _kinds(word: str) -> tuple[AlertKind, ...]:
    found = tuple(kind for kind in ALERT_KINDS if word in {kind.name, ALL})
    if not found:
        raise UsageError(f"there is no such kind; it is one of: {', '.join(kind.name for kind in ALERT_KINDS)}, {ALL}")
    return found


def _level(word: str) -> AlertLevel:
    if word not in set(AlertLevel):
        raise UsageError(f"there is no such level; it is one of: {', '.join(AlertLevel)}")
    return AlertLevel(word)
