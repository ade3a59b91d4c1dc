"""`/config`: what operators and admins change of the program while it runs, as `bot config` does on the machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.commands import Command
from bot.errors import BotError, Unavailable
from bot.ports import Store
from bot.telegram.chat import Handler, Incoming
from bot.telegram.config_text import change_text, get_text, history_text
from bot.telegram.handlers.account import known
from bot.telegram.parsing import UsageError, wrong_usage

Record = dict[str, Any]
Verb = Callable[[Record], Awaitable[Record]]

WHY = "--why"


@dataclass(frozen=True, slots=True)
class ConfigHandlers:
    """`verbs` are those of the control socket, by its names: one validation, one history and one audit for both doors.

    A change is named by what is to hold, and a way back by its version: a command that is done again changes nothing.
    """

    store: Store
    verbs: Mapping[str, Verb]

    def commands(self) -> dict[str, Handler]:
        """Its handler by the name of its command."""
        return {"config": self.config}

    async def config(self, incoming: Incoming, arguments: tuple[str, ...], command: Command) -> str:
        what, rest = (arguments[0].lower(), arguments[1:]) if arguments else ("get", ())
        words, why = _reason(rest)
        if what == "get" and len(words) <= 1 and not why:
            return get_text(await self._ask("config_live", {"key": words[0] if words else None}))
        if what == "set" and words and len(words) % 2 == 0:
            values = dict(zip(words[::2], words[1::2], strict=True))
            return await self._change("config_set", {"values": values}, incoming, why)
        if what == "history" and not rest:
            handles = {user.id: user.handle for user in await self.store.users()}
            return history_text(await self._ask("config_history", {}), handles)
        if what == "rollback" and len(words) == 1 and words[0].isdigit():
            return await self._change("config_rollback", {"version": int(words[0])}, incoming, why)
        raise wrong_usage(command)

    async def _change(self, verb: str, request: Record, incoming: Incoming, why: str) -> str:
        giver = known(incoming)
        version = await self._ask(verb, {**request, "by": giver.id, "why": why})
        return change_text(version, {giver.id: giver.handle})

    async def _ask(self, verb: str, request: Record) -> Record:
        try:
            return await self.verbs[verb](request)
        except Unavailable:
            raise
        except BotError as error:
            raise UsageError(str(error)) from None


def _reason(words: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """What stands before the reason, and the reason."""
    if WHY not in words:
        return words, ""
    at = words.index(WHY)
    return words[:at], " ".join(words[at + 1 :])
