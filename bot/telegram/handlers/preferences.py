"""A user's settings, his sniper at a glance, and his own pause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Protocol

from bot.clock import Clock, day_of, day_start_ms
from bot.commands import Command
from bot.ports import Store
from bot.telegram.chat import Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.words import short
from bot.trading.limits import Ceilings, UserSettings
from bot.trading.position import ExitPlan
from bot.trading.setting import Setting
from bot.trading.settings_table import SETTINGS, overruled, setting_named, value_of, with_value
from bot.trading.units import AmountError, format_sol

LOOKS_SHOWN = 5
ANTI_RUG = frozenset({"anti_rug", "anti_rug_share", "anti_rug_within"})  # parts of an exit plan under other names


class Pauses(Protocol):
    """A user's own pause, which outlives restarts."""

    async def pause_user(self, user_id: str) -> bool: ...

    async def resume_user(self, user_id: str) -> bool: ...

    async def acknowledge_outflow(self, user_id: str) -> bool: ...

    def kept_where(self) -> str: ...


@dataclass(frozen=True, slots=True)
class PreferenceHandlers:
    store: Store
    clock: Clock
    pauses: Pauses
    snipers_changed: Callable[[str], Awaitable[None]]
    ceilings: Callable[[], Ceilings]

    async def settings(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        user = known(incoming)
        current = await self.store.settings(user.id)
        if not arguments:
            lines = [self._line(current, row) for row in SETTINGS]
            return "\n".join([*lines, f"Change one with {command.usage}."])
        try:
            row = setting_named(arguments[0])
            if len(arguments) == 1:
                return self._line(current, row)
            wanted = row.parse(" ".join(arguments[1:]))
            changed = with_value(current, row, wanted)
        except AmountError as error:
            raise UsageError(str(error)) from None
        if changed.timezone != current.timezone and await self._has_traded(user.id, current):
            return (
                "Not changed: you have traded since your day began at midnight, and what a day may cost counts until it ends."
                f" Change it before the first trade of a day; now it is {current.timezone}."
            )
        try:
            changed = await self.store.change_settings(
                user.id, lambda stored: with_value(stored, row, wanted), by=user.id
            )
        except AmountError as error:  # another change came in between, and the two do not go together
            raise UsageError(str(error)) from None
        await self.snipers_changed(user.id)
        return f"{row.name} = {row.format(value_of(changed, row))}; {_counts_for(row)}.{self._effective(changed, row)}"

    async def _has_traded(self, user_id: str, settings: UserSettings) -> bool:
        """Whether this day of his counts something against his limits: another midnight would forget it."""
        now_ms = self.clock.now_ms()
        day = await self.store.day(day_start_ms(day_of(now_ms, settings.timezone), settings.timezone), user_id)
        return bool(day.buys or day.sells or day.realized_lamports)

    def _line(self, current: UserSettings, row: Setting) -> str:
        shown = row.format(value_of(current, row))
        return f"{row.name} = {shown} - {row.help} ({row.bounds}).{self._effective(current, row)}"

    def _effective(self, current: UserSettings, row: Setting) -> str:
        """What counts instead of the user's own value, and by whose word; nothing where his own counts."""
        limit = overruled(current, row, self.ceilings())
        if limit is None:
            return ""
        return f" Effective {row.format(limit.value)}, by {limit.by}; yours is {row.format(value_of(current, row))}."

    async def snipe(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        user = known(incoming)
        settings = await self.store.settings(user.id)
        since_ms = day_start_ms(day_of(self.clock.now_ms(), settings.timezone), settings.timezone)
        runs = await self.store.runs_since(user.id, since_ms)
        counts = Counter(run.status for run in runs)
        summary = ", ".join(f"{count} {status.lower()}" for status, count in sorted(counts.items())) or "nothing yet"
        strong = ", strong buys only" if settings.snipe_only_strong_buy else ""
        strong += "; it tells and buys nothing" if settings.snipe_tells_only else ""
        lines = [
            f"The sniper is {'on' if settings.snipe_enabled else 'off'}: {format_sol(settings.snipe_max_lamports)} SOL a token,"
            f" confidence from {settings.snipe_min_confidence_bps / 100:.0f} %{strong}, {settings.snipe_max_daily} a day.",
            f"Looked at today: {summary}.",
        ]
        lines += [f"  {short(run.mint)} {run.status.lower()}: {run.reason}" for run in runs[-LOOKS_SHOWN:]]
        return "\n".join(lines)

    async def pause(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        if not await self.pauses.pause_user(known(incoming).id):
            return "Your entries are paused already; /resume ends it."
        kept = self.pauses.kept_where()
        return f"Your entries are paused: nothing is bought for you, exits go on. /resume ends it.{kept}"

    async def resume(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        if not await self.pauses.resume_user(known(incoming).id):
            return "You have not paused your entries; see /status for what else may pause them."
        return "Your pause is over; see /status."

    async def ack_outflow(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if arguments:
            raise wrong_usage(command)
        if not await self.pauses.acknowledge_outflow(known(incoming).id):
            return "Nothing has left your wallet without this bot; there is nothing to say yes to."
        return (
            "Noted: all that left your wallet until now was you. It is in the books, or will be within a minute, and your wallet"
            " is not frozen any more; see /status."
        )


def _counts_for(row: Setting) -> str:
    """Which positions a changed setting counts for: a plan is written into a position when it opens."""
    if row.name in ANTI_RUG or row.field in {field.name for field in fields(ExitPlan)}:
        return "it holds for positions opened from now on, open ones keep their plan"
    if row.field in {"on_critical", "slippage_sell_bps"} or row.name.endswith("_sell"):
        return "it holds from now on, for open positions too"
    return "it holds from now on"
