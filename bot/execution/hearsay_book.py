"""What services beside the chain said of tokens lately, and what they are to be asked next.

A command looks and waits a moment; the actor that asks goes on beside it, so that a late answer serves the next look.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import trio

from bot.clock import Clock
from bot.ports import Teller

TOLD_FOR_MS = 180_000  # an older word is none
KEPT_MAX = 1_000
WANTED_MAX = 200
REST_S = 5.0  # of a teller that did not answer and named no time

Word = TypeVar("Word")


@dataclass(frozen=True, slots=True)
class Said(Generic[Word]):
    """One teller's word, `age_ms` old; None where there is none now. Without `hearsay` it does not know the token."""

    teller: str
    age_ms: int | None = None
    hearsay: Word | None = None


@dataclass(slots=True)
class Line(Generic[Word]):
    """One teller: what it said with the moment in ms, who waits for which token, and until when it is left alone."""

    teller: Teller[Word]
    heard: OrderedDict[str, tuple[int, Word | None]] = field(default_factory=OrderedDict)
    wanted: OrderedDict[str, trio.Event] = field(default_factory=OrderedDict)
    called: trio.Event = field(default_factory=trio.Event)
    rests_until_s: float = 0.0
    trouble: str | None = None

    @property
    def rests(self) -> bool:
        """Whether it is left alone now."""
        return trio.current_time() < self.rests_until_s


class HearsayBook(Generic[Word]):
    """Keeps each teller's word about a token for as long as it is worth showing."""

    def __init__(self, clock: Clock, tellers: Sequence[Teller[Word]]) -> None:
        self._clock = clock
        self.lines = tuple(Line(teller) for teller in tellers)

    def want(self, mint: str) -> None:
        """Have every teller asked whose word about this token is not fresh, unless it is left alone."""
        now_ms = self._clock.now_ms()
        for line in self.lines:
            said_at_ms, _ = line.heard.get(mint, (None, None))
            is_fresh = said_at_ms is not None and now_ms - said_at_ms <= line.teller.fresh_ms
            if is_fresh or line.rests or mint in line.wanted:
                continue
            line.wanted[mint] = trio.Event()
            while len(line.wanted) > WANTED_MAX:
                _, given_up = line.wanted.popitem(last=False)
                given_up.set()
            line.called.set()

    async def look(self, mint: str, within_s: float) -> tuple[Said[Word], ...]:
        """Everybody's word about a token, after at most `within_s`: whoever has not answered by then is not waited for."""
        self.want(mint)
        waits = [event for line in self.lines if (event := line.wanted.get(mint)) is not None]
        with trio.move_on_after(within_s):
            for event in waits:
                await event.wait()
        return self.said(mint)

    def said(self, mint: str) -> tuple[Said[Word], ...]:
        """Everybody's word about a token as it stands."""
        return tuple(self._said(line, mint) for line in self.lines)

    @asynccontextmanager
    async def asking(self, line: Line[Word]) -> AsyncIterator[list[str]]:
        """Wait until somebody wants to know something of a teller that may be asked; the tokens to ask it about.

        Whoever waits for them is woken when the block ends, however it ends.
        """
        while not line.wanted:
            line.called = trio.Event()
            await line.called.wait()
        await trio.sleep_until(line.rests_until_s)
        mints = list(line.wanted)[: line.teller.at_once]
        try:
            yield mints
        finally:
            for mint in mints:
                if (event := line.wanted.pop(mint, None)) is not None:
                    event.set()

    def note(self, line: Line[Word], mints: Sequence[str], said: Mapping[str, Word]) -> None:
        """A teller was asked about these tokens and said this now; it does not know the others."""
        line.trouble = None
        now_ms = self._clock.now_ms()
        for mint in mints:
            line.heard[mint] = (now_ms, said.get(mint))
            line.heard.move_to_end(mint)
        while len(line.heard) > KEPT_MAX:
            line.heard.popitem(last=False)

    def failed(self, line: Line[Word], trouble: str, wait_s: float | None) -> None:
        """A teller did not answer: it is left alone for as long as it asked, or a little."""
        line.trouble = trouble
        line.rests_until_s = trio.current_time() + (REST_S if wait_s is None else wait_s)

    def _said(self, line: Line[Word], mint: str) -> Said[Word]:
        at_ms, hearsay = line.heard.get(mint, (None, None))
        age_ms = None if at_ms is None else max(self._clock.now_ms() - at_ms, 0)
        if age_ms is None or age_ms > TOLD_FOR_MS + line.teller.fresh_ms:
            return Said(line.teller.name)
        return Said(line.teller.name, age_ms, hearsay)
