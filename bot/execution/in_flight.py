"""The sent transactions whose outcome is not proven yet, and a way to wait for it. The rows are the truth; this is a view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import trio

from bot.trading.intent import Attempt, Intent
from bot.trading.recovery import Absence


@dataclass(frozen=True, slots=True)
class Followed:
    """One attempt that somebody must follow to its end. `sent_at_s` is trio time of the last send, None if unknown."""

    intent: Intent
    attempt: Attempt
    address: str
    sent_at_s: float | None = None
    absences: tuple[Absence, ...] = ()


@dataclass(slots=True)
class InFlight:
    """Followed attempts by signature, and intents whose maker was interrupted.

    Shared by the executors, which add, and the confirmation watcher, which resolves and takes up.
    """

    _followed: dict[str, Followed] = field(default_factory=dict)
    _resolved: dict[str, trio.Event] = field(default_factory=dict)
    _abandoned: set[str] = field(default_factory=set)
    _arrival: trio.Event = field(default_factory=trio.Event)

    def follow(self, followed: Followed) -> None:
        """Follow an attempt; one that is followed already keeps its send time and evidence."""
        if followed.attempt.signature not in self._followed:
            self._followed[followed.attempt.signature] = followed
            self._resolved.setdefault(followed.intent.id, trio.Event())
            self._arrival.set()

    def abandon(self, intent_id: str) -> None:
        """Whoever made this intent was interrupted; its row, if there is one, is to be taken up at once."""
        self._abandoned.add(intent_id)
        self._arrival.set()

    def abandoned(self) -> frozenset[str]:
        """Intents that lost their maker and have not been taken up yet."""
        return frozenset(self._abandoned)

    def taken_up(self, intent_ids: Iterable[str]) -> None:
        """The rows of these abandoned intents have been seen to."""
        self._abandoned.difference_update(intent_ids)

    def note(self, signature: str, *, sent_at_s: float | None = None, absences: Iterable[Absence] = ()) -> None:
        """Remember a send or further evidence of absence."""
        if followed := self._followed.get(signature):
            self._followed[signature] = replace(
                followed,
                sent_at_s=followed.sent_at_s if sent_at_s is None else sent_at_s,
                absences=(*followed.absences, *absences),
            )

    def resolve(self, signature: str) -> None:
        """The attempt's outcome is in the database; wake whoever waits for its intent."""
        followed = self._followed.pop(signature, None)
        if followed is not None:
            event = self._resolved.pop(followed.intent.id, None)
            if event is not None:
                event.set()

    def all(self) -> list[Followed]:
        """What is followed now, oldest first."""
        return list(self._followed.values())

    def wallet_ids(self) -> frozenset[str]:
        """Wallets with something unresolved."""
        return frozenset(followed.intent.request.wallet_id for followed in self._followed.values())

    async def resolved(self, intent_id: str) -> None:
        """Wait until the intent is resolved; returns at once for one that is not followed."""
        event = self._resolved.get(intent_id)
        if event is not None:
            await event.wait()

    async def arrival(self) -> None:
        """Wait until there is something to follow or to take up."""
        if not self._followed and not self._abandoned:
            self._arrival = trio.Event()
            await self._arrival.wait()
