"""What `bot import-sqlite` has the running bot take over of people of an earlier bot: wallets, settings, followed wallets.

Whoever is here already keeps what he has set himself, so that a file can be given again. A dry run goes the same way, opens
every token, and writes nothing. What an earlier bot had done by itself is switched on by nobody but its user.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import structlog

from bot.errors import BotError
from bot.ports import Store, TrackedWallet, User
from bot.telegram.handlers.following import LABEL_LENGTH, TRACKED_MAX
from bot.telegram.words import short
from bot.trading.followable import why_not_followed
from bot.trading.limits import UserSettings
from bot.trading.setting import OFF, ON
from bot.trading.settings_table import setting_named, with_value
from bot.trading.units import AmountError
from bot.wallet_import import WalletImport

log = structlog.get_logger()

Record = dict[str, Any]
# What a column of `user_settings` is here, and by what its number is multiplied.
PLAIN = {
    "max_trade_size_sol": ("max_trade", 1),
    "daily_loss_limit_sol": ("daily_loss", 1),
    "slippage_percentage": ("slippage_buy", 1),
    "snipe_max_amount": ("snipe_amount", 1),
    "snipe_min_confidence": ("snipe_confidence", 100),
    "snipe_max_daily": ("snipe_daily", 1),
}
SWITCHES = {
    "require_confirmation": "require_confirmation",
    "check_honeypots": "check_honeypots",
    "snipe_only_strong_buy": "snipe_strong",
}
EXITS = {
    "use_stop_loss": ("default_stop_loss_percentage", "stop_loss"),
    "use_take_profit": ("default_take_profit_percentage", "take_profit"),
}


@dataclass(slots=True)
class Told:
    """What became of a person's parts, a line each."""

    taken: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def record(self) -> Record:
        return {"taken": self.taken, "known": self.known, "refused": self.refused}


@dataclass(frozen=True, slots=True)
class EarlierImport:
    """`tracking_changed` starts scanners of addresses that nobody followed before."""

    wallets: WalletImport
    tracking_changed: Callable[[], Awaitable[None]]

    @property
    def store(self) -> Store:
        return self.wallets.store

    async def take(self, person: Mapping[str, Any], *, dry: bool) -> Record:
        """Take one person over: `telegram_id`, `wallet` (the line of `bot keys import`, or None), `settings`, `tracked`."""
        told, telegram_id = Told(), int(person["telegram_id"])
        who = f"tg-{telegram_id}"
        line = person["wallet"]
        if line is not None:
            try:
                is_new = await self.wallets.one(line, dry=dry)
                (told.taken if is_new else told.known).append(f"{who}: wallet {line.split(',')[1]}")
            except (BotError, ValueError, LookupError) as error:
                told.refused.append(f"{who}: wallet: {error}")
        user = await self.store.user_by_telegram_id(telegram_id)
        if user is None and not (dry and told.taken):
            told.refused.append(f"{who}: has no wallet here, so that nothing else is taken")
            return told.record()
        await self._settings(user, who, person["settings"], told, dry=dry)
        await self._tracked(user, who, person["tracked"], told, dry=dry)
        return told.record()

    # --------------------------------------------------------------------------------------------------------- settings

    async def _settings(
        self, user: User | None, who: str, columns: Mapping[str, Any], told: Told, *, dry: bool
    ) -> None:
        start = self.wallets.newcomer
        wanted = _wishes(columns, start, who, told)
        current = start if user is None else await self.store.settings(user.id)
        if wanted == start:
            return
        if current == wanted:
            told.known.append(f"{who}: settings")
        elif current != start:
            told.refused.append(f"{who}: settings: has set his own here, which stay")
        else:
            if user is not None and not dry:
                await self.store.change_settings(user.id, lambda now: wanted if now == start else now, "import")
            told.taken.append(f"{who}: settings")

    # -------------------------------------------------------------------------------------------------- followed wallets

    async def _tracked(
        self, user: User | None, who: str, rows: list[Mapping[str, Any]], told: Told, *, dry: bool
    ) -> None:
        followed = {} if user is None else {row.address: row for row in await self.store.tracked(user.id)}
        changed = False
        for row in rows:
            address, label = str(row["address"]), str(row["label"] or "")[:LABEL_LENGTH]
            if address in followed:
                told.known.append(f"{who}: follows {address}")
            elif reason := why_not_followed(address):
                told.refused.append(f"{who}: {address[:50]} {reason}")
            elif len(followed) >= TRACKED_MAX:
                told.refused.append(f"{who}: {address}: follows {TRACKED_MAX} wallets, which is the most")
            else:
                wallet = TrackedWallet(
                    "" if user is None else user.id, address, label or short(address), self.wallets.clock.now_ms()
                )
                if user is not None and not dry:
                    changed = await self.store.track(wallet) or changed
                followed[address] = wallet
                told.taken.append(f"{who}: follows {address}")
        if changed:
            await self.tracking_changed()


def _wishes(columns: Mapping[str, Any], start: UserSettings, who: str, told: Told) -> UserSettings:
    """The settings that a row of an earlier bot means, beginning with those of a newcomer."""
    wanted = start
    for name, text in _typed(columns, who, told):
        try:
            setting = setting_named(name)
            wanted = with_value(wanted, setting, setting.parse(text))
        except (AmountError, ValueError) as error:
            told.refused.append(f"{who}: {name} = {text[:40]}: {error}")
    return wanted


def _typed(columns: Mapping[str, Any], who: str, told: Told) -> list[tuple[str, str]]:
    """Each setting with the text that somebody would type for it."""
    found = []
    for column, value in columns.items():
        if value is None or column in {percent for percent, _ in EXITS.values()}:
            continue
        if column in PLAIN:
            name, times = PLAIN[column]
            found.append((name, _number(value, times)))
        elif column in SWITCHES:
            found.append((SWITCHES[column], ON if value else OFF))
        elif column in EXITS:
            percent, name = EXITS[column]
            if not value or columns.get(percent) is not None:
                found.append((name, _number(columns[percent], 1) if value else OFF))
        else:
            told.refused.append(f"{who}: {column[:60]}: is no setting that this bot knows")
    return found


def _number(value: object, times: int) -> str:
    """A number as people type it; what is none stays as it is, and is refused with its name."""
    try:
        number = Decimal(str(value)) * times
        return f"{number.normalize():f}" if number.is_finite() else str(value)
    except InvalidOperation:
        return str(value)
