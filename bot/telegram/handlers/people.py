"""Who uses this bot, who may do what, and what everybody is told: the commands of admins and operators."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import structlog

from bot.clock import Clock
from bot.commands import Command
from bot.ports import BROADCAST, OutboxMessage, Store, User, telegram_id_of
from bot.telegram.chat import Handler, Incoming
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage
from bot.telegram.roles import RoleOf
from bot.telegram.words import mode_label
from bot.trading.limits import UserSettings
from bot.trading.roles import ROLE_GIVEN, Role, refuse_role
from bot.trading.units import counted

log = structlog.get_logger()

USERS_SHOWN = 50
ROLE_CHANGED = "role_given"


@dataclass(frozen=True, slots=True)
class PeopleHandlers:
    """`/users`, `/role` and `/broadcast`. `operators` are the Telegram ids that the settings file makes operators."""

    store: Store
    clock: Clock
    role_of: RoleOf
    operators: frozenset[int]

    def commands(self) -> dict[str, Handler]:
        """Its handlers by the names of their commands."""
        return {"users": self.users, "role": self.role, "broadcast": self.broadcast}

    async def users(self, _: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if len(arguments) > 1:
            raise wrong_usage(command)
        users = [await self._named(arguments[0])] if arguments else await self._all()
        settings = await self.store.many_settings([user.id for user in users])
        held = Counter(position.user_id for position in await self.store.open_positions())
        roles = Counter(one.role for one in settings.values())
        lines = [
            self._line(user, settings[user.id], held[user.id]) for user in users[-USERS_SHOWN:] if user.id in settings
        ]
        if arguments:
            return "\n".join(lines)
        counts = ", ".join(f"{roles[role]} {role}" for role in Role if roles[role])
        older = len(users) - len(lines)
        more = [f"{older} who came before them: /{command.name} HANDLE shows one."] if older else []
        return "\n".join([f"{counted(len(users), 'user')}: {counts}.", *lines, *more])

    def _line(self, user: User, settings: UserSettings, positions: int) -> str:
        sniper = "on" if settings.snipe_enabled else "off"
        named = ", by the settings file" if user.telegram_id in self.operators else ""
        return (
            f"{user.handle}: {settings.role}{named}, {mode_label(user.mode.value)} sniper {sniper},"
            f" {counted(positions, 'open position')}"
        )

    async def role(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        if len(arguments) != 2:
            raise wrong_usage(command)
        giver, user, wanted = known(incoming), await self._named(arguments[0]), _role(arguments[1].lower())
        if user.telegram_id is not None and user.telegram_id in self.operators and wanted is not Role.OPERATOR:
            raise UsageError(
                f"{user.handle} is an operator by the settings file; take him out of telegram.operators there"
            )
        mine = await self.role_of(giver.id)
        before = Role.BASIC

        def give(stored: UserSettings) -> UserSettings:
            nonlocal before
            before = Role(stored.role)
            if (refused := refuse_role(mine, before, wanted)) is not None:
                raise UsageError(f"Not done: {refused}.")
            return replace(stored, role=wanted.value)

        await self.store.change_settings(user.id, give, by=giver.id)
        if before is wanted:
            return f"{user.handle} is {wanted} already."
        now_ms = self.clock.now_ms()
        facts: dict[str, object] = {"user": user.id, "from": before.value, "to": wanted.value}
        await self.store.audit(giver.id, ROLE_GIVEN, facts, now_ms)
        log.warning("role_given", user=user.id, role=wanted.value, by=giver.id)
        payload: dict[str, object] = {"role": wanted.value, "was": before.value}
        await self.store.post(
            OutboxMessage(
                self.clock.new_id(),
                user.id,
                ROLE_CHANGED,
                payload,
                urgent=False,
                trace_id=incoming.key,
                created_at_ms=now_ms,
            )
        )
        return f"{user.handle} was {before} and is {wanted} from now on; he is told."

    async def broadcast(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        """One message of the outbox for each user, all of them written together; whoever repeats the update adds none."""
        if not arguments:
            raise wrong_usage(command)
        text = incoming.text.split(maxsplit=1)[1].strip()
        giver, now_ms = known(incoming), self.clock.now_ms()
        users = await self._all()
        await self.store.post_all(
            [
                OutboxMessage(
                    f"{incoming.key}:{user.id}",
                    user.id,
                    BROADCAST,
                    {"text": text},
                    urgent=False,
                    trace_id=incoming.key,
                    created_at_ms=now_ms,
                )
                for user in users
            ]
        )
        await self.store.audit(giver.id, BROADCAST, {"text": text, "users": len(users)}, now_ms)
        log.warning("broadcast", by=giver.id, users=len(users))
        return (
            f"On its way to {counted(len(users), 'user')}, behind whatever else anybody is to be told. Whoever has switched news"
            " off gets none."
        )

    async def _all(self) -> list[User]:
        """Everybody who has not left."""
        return [user for user in await self.store.users() if not user.has_left]

    async def _named(self, word: str) -> User:
        """The user of a handle or a Telegram id."""
        user = await self.store.user_by_handle(word)
        if user is None and (telegram_id := telegram_id_of(word)) is not None:
            user = await self.store.user_by_telegram_id(telegram_id)
        if user is None or user.has_left:
            raise UsageError("there is no such user; /users lists them")
        return user


def _role(word: str) -> Role:
    if word not in set(Role):
        raise UsageError(f"there is no such role; it is one of: {', '.join(Role)}")
    return Role(word)
