"""The dispatcher of the chat door: who speaks, which command, and the one line that says what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import structlog

from bot.commands import ANYONE, CONSENT_TEXT, CONSENT_VERSION, Command
from bot.errors import BudgetSpent, ChainUnavailable, RouterUnavailable, StoreUnavailable, Unavailable
from bot.ports import Button, Document, Recipe, Secret, Subject, User
from bot.telegram.parsing import Parsed, UsageError, parse
from bot.telegram.read_quota import ReadQuota, spent_text
from bot.trading.failures import order_failure
from bot.trading.roles import Role

log = structlog.get_logger()

# What speaks of a user's money as if it could be moved; /status, /buy and /sell say themselves that it cannot.
TOLD_OF_FREEZE = frozenset(
    {"wallet", "wallets", "deposit", "balance", "orders", "positions", "panic", "pause", "resume"}
    | {"snipe", "snipe_enable", "snipe_disable"}
)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A text from somebody. `key` identifies it for good (update id), so that a repeat trades nothing twice."""

    user: User | None
    telegram_id: int | None
    text: str
    key: str

    def __post_init__(self) -> None:
        """Half a surrogate pair, which JSON can carry, becomes a question mark: no console and no service takes it."""
        object.__setattr__(self, "text", self.text.encode("utf-8", "replace").decode())


class Words(Protocol):
    """What an answer says beside what was done."""

    def frozen(self, user_id: str) -> str:
        """That nothing of a user can be sold, as a sentence; empty while it can."""

    def cannot_sell(self) -> str | None:
        """Why no sale leaves at all; None while one can."""

    def kept_where(self) -> str:
        """Where an order is kept that is not in the database yet, as a further sentence; empty where it is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a text, a file beside it where one was asked for, and a secret that is not to stay in the chat.

    `buttons` stand below those that its lines make. `subject` is what it tells of, where what comes of that takes its
    place; one that `ends_card` takes the place of the card whose button was pressed. `picture` is drawn, and follows it.
    """

    text: str
    document: Document | None = None
    subject: Subject | None = None
    ends_card: bool = False
    secret: Secret | None = field(default=None, repr=False)
    picture: Recipe | None = None
    buttons: tuple[Button, ...] = ()


Handler = Callable[[Incoming, tuple[str, ...], Command], Awaitable[str | Answer]]


@dataclass(frozen=True, slots=True)
class Chat:
    """Handlers by command name; every command of the table has exactly one."""

    handlers: dict[str, Handler]
    words: Words
    role_of: Callable[[str], Awaitable[Role]]
    quota: ReadQuota

    async def answer(self, incoming: Incoming) -> Answer:
        """The reply to one text. Wrong usage and services that are away become a line that says what to do."""
        try:
            parsed = parse(incoming.text)
            return await self._run(incoming, parsed)
        except UsageError as error:
            return Answer(str(error))
        except Unavailable as error:
            return Answer(self._with_freeze(incoming, self.unavailable(error, incoming.key)))

    async def _run(self, incoming: Incoming, parsed: Parsed) -> Answer:
        if parsed.command.role != ANYONE:
            if incoming.user is None:
                return Answer("You have no wallet here yet; send /start first.")
            if incoming.user.consent_version != CONSENT_VERSION:
                return Answer(f"The terms have changed.\n{CONSENT_TEXT}")
            if refused := await self._refused(incoming.user, parsed.command):
                return Answer(refused)
            if wait_s := self.quota.take(incoming.user.id, parsed.command.credits):
                log.info("quota_spent", name=parsed.command.name, user=incoming.user.id, wait_s=wait_s)
                return Answer(spent_text(parsed.command.name, wait_s, self.quota.per_minute))
        log.info(
            "command", name=parsed.command.name, key=incoming.key, user=incoming.user.id if incoming.user else None
        )
        told = await self.handlers[parsed.command.name](incoming, parsed.arguments, parsed.command)
        answer = Answer(told) if isinstance(told, str) else told
        if parsed.command.name in TOLD_OF_FREEZE:
            answer = replace(answer, text=self._with_freeze(incoming, answer.text))
        return answer

    async def _refused(self, user: User, command: Command) -> str | None:
        """Why a user's role is not enough for a command; it hangs on who speaks and never on the chat that he speaks in."""
        if not command.is_privileged:
            return None
        held = await self.role_of(user.id)
        if held.rank >= Role(command.role).rank:
            return None
        log.warning("command_refused", name=command.name, user=user.id, role=held.value)
        return (
            f"/{command.name} is for people with the role {command.role}; yours is {held}. Ask whoever runs this bot."
        )

    def _with_freeze(self, incoming: Incoming, told: str) -> str:
        """An answer that speaks of a user's money as if it could be moved, and below it that it cannot."""
        frozen = "" if incoming.user is None else self.words.frozen(incoming.user.id)
        return "\n".join(filter(None, [told, frozen]))

    def unavailable(self, error: Unavailable, key: str) -> str:
        """Log that a command met a service that is away, and say so to whoever sent it."""
        log.warning("command_unavailable", reason=str(error), key=key)
        lead = "That cannot be answered right now"
        if isinstance(error, StoreUnavailable):
            exits = (self.words.cannot_sell() or "exits, /sell and /panic go on").partition(";")[0]
            return f"{lead}: the database is away. Until it answers nothing is bought; {exits}. Try again shortly."
        if isinstance(error, RouterUnavailable):
            return "That token trades only where Jupiter finds a market, and Jupiter does not answer now. Try again shortly."
        if isinstance(error, BudgetSpent):
            return f"{lead}: {order_failure(error)}. Exits, /sell and /panic go on."
        away = "the chain does not answer" if isinstance(error, ChainUnavailable) else "a part of the bot is away"
        return f"{lead}: {away}. Try again shortly; exits are tried again by themselves."
