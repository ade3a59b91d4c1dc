"""What people send in a replay, what must have come of it, and a Telegram that brings it twice, late and out of order."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Generic, TypeVar

# Each of these differs from the one before it, so that an effect that came twice, or not at all, shows in the audit.
ALERTS = tuple(
    f"/alerts {kind} {level}" for level in ("silent", "on") for kind in ("fills", "failures", "books", "halts")
)
HELD_BACK = 0.1  # the share of updates that come with a later batch
SECOND_TIMES = 2  # up to so many updates of a batch have come before, for each that is new
REMEMBERED = 300

Update = TypeVar("Update")


@dataclass(slots=True)
class Scrambler(Generic[Update]):
    """Turns what Telegram would bring into batches that hold it twice, late and in any order, and loses nothing.

    What was brought late is brought again to a program that begins anew, since its life may have ended before it was kept:
    Telegram would still have it. `number` is an update's, and `chat` that of its chat, whose updates keep their order from
    batch to batch: what people sent one after the other is to be done so. `delivered` counts what was brought,
    the second times too.
    """

    seed: int
    number: Callable[[Update], int]
    chat: Callable[[Update], int]
    delivered: int = 0
    _draw: random.Random = field(init=False)
    _held: list[Update] = field(default_factory=list)
    _late: list[Update] = field(default_factory=list)
    _brought: deque[Update] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def __post_init__(self) -> None:
        self._draw = random.Random(self.seed)

    @property
    def owes(self) -> bool:
        """Whether something is held back that was not brought yet."""
        return bool(self._held)

    def batch(self, pending: Sequence[Update], limit: int, *, anew: bool) -> list[Update]:
        """What a poll brings of what is not confirmed; what was held back is brought although it is confirmed by now.

        `anew` says that the poll confirms nothing, as the first one of a life.
        """
        fresh = list(pending[: limit // (2 + SECOND_TIMES)])
        last = {self.chat(one): self.number(one) for one in fresh}
        may_wait = [one for one in fresh if last[self.chat(one)] == self.number(one)]
        late = self._late = [*self._held, *(self._late if anew else ())]
        self._held = [one for one in may_wait if self._draw.random() < HELD_BACK]
        held = {self.number(one) for one in self._held}
        now = [one for one in fresh if self.number(one) not in held] + late
        again = self._draw.sample(
            self._brought, min(len(self._brought), self._draw.randint(0, SECOND_TIMES * len(now)))
        )
        batch = [*now, *again][:limit]
        self._held += now[limit:]
        self._draw.shuffle(batch)
        self._brought.extend(now)
        self.delivered += len(batch)
        return batch


@dataclass(slots=True)
class Person:
    """Somebody with a chat: what he has sent, by the numbers of the updates, and what must have come of it."""

    telegram_id: int
    sent: dict[int, str] = field(default_factory=dict)

    def note(self, update_id: int, text: str) -> None:
        self.sent[update_id] = text

    @property
    def alerts(self) -> list[tuple[str, str]]:
        """What he has set, in his order: kinds and levels."""
        words = [text.split() for text in self.sent.values()]
        return [(kind, level) for name, kind, level in (one for one in words if len(one) == 3) if name == "/alerts"]

    @property
    def orders(self) -> set[str]:
        """The keys of the orders that he has given."""
        return {f"tg:{number}" for number, text in self.sent.items() if text.startswith("/buy")}

    @property
    def is_paused(self) -> bool:
        """Whether his last word about that was to pause."""
        words = [text for text in self.sent.values() if text in ("/pause", "/resume")]
        return bool(words) and words[-1] == "/pause"

    @property
    def stop_loss(self) -> str | None:
        """The last percentage that he has set."""
        words = [text.split() for text in self.sent.values() if text.startswith("/settings stop_loss")]
        return words[-1][2] if words else None


def script(place: int, mint: str) -> Iterator[str]:
    """What the person at this place sends, without end: one in three buys, the others change what is kept of them."""
    if place % 3 == 0:
        yield from cycle([ALERTS[0], f"/buy {mint} 0.001", *ALERTS[1:], "/status"])
    elif place % 3 == 1:
        yield from cycle(["/pause", *ALERTS, "/resume"])
    else:
        for percent in cycle(range(11, 41)):
            yield f"/settings stop_loss {percent}%"
            yield ALERTS[percent % len(ALERTS)]


def told_apart(audited: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What the audit has of a person, a repeat right behind its first time left out.

    Only a kill between an effect and its mark makes one, and then nothing else of that person can have come in between.
    """
    return [entry for place, entry in enumerate(audited) if place == 0 or audited[place - 1] != entry]
