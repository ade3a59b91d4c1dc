"""The dispatcher of the chat door: who speaks, which command, and the one line that says what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.commands import CONSENT_TEXT, CONSENT_VERSION, Command
from bot.errors import ChainUnavailable, StoreUnavailable, Unavailable
from bot.ports import User
from bot.telegram.parsing import Parsed, UsageError, parse

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text from somebody. `key` identifies it for good (update id), so that a repeat trades nothing twice."""

    user: User | None
    telegram_id: int | None
    text: str
    key: str


def unavailable_line(error: Unavailable, key: str) -> str:
    """Log that a command met a service that is away, and say so to whoever sent it."""
    log.warning("command_unavailable", reason=str(error), key=key)
    if isinstance(error, StoreUnavailable):
        return (
            "That cannot be answered right now: the database is away. Until it answers nothing is bought; exits, /sell and"
            " /panic go on. Try again shortly."
        )
    away = "the chain does not answer" if isinstance(error, ChainUnavailable) else "a part of the bot is away"
    return f"That cannot be answered right now: {away}. Try again shortly; exits go on by themselves."


Handler = Callable[[Incoming, tuple[str, ...], Command], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Chat:
    """Handlers by command name; every command of the table has exactly one."""

    handlers: dict[str, Handler]

    async def answer(self, incoming: Incoming) -> str:
        """The reply to one text. Wrong usage and services that are away become a line that says what to do."""
        try:
            parsed = parse(incoming.text)
            return await self._run(incoming, parsed)
        except UsageError as error:
            return str(error)
        except Unavailable as error:
            return unavailable_line(error, incoming.key)

    async def _run(self, incoming: Incoming, parsed: Parsed) -> str:
        if parsed.command.role != "anyone":
            if incoming.user is None:
                return "You have no wallet here yet; send /start first."
            if incoming.user.consent_version != CONSENT_VERSION:
                return f"The terms have changed.\n{CONSENT_TEXT}"
        log.info(
            "command", name=parsed.command.name, key=incoming.key, user=incoming.user.id if incoming.user else None
        )
        return await self.handlers[parsed.command.name](incoming, parsed.arguments, parsed.command)
