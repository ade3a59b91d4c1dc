"""Reads of one kind that share a question: whoever asks while one is under way is in the next one, with all who wait.

A thousand exits at once read the settings of their users with a few questions instead of a thousand, and a single reader
waits for nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import trio

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

MOST = 500  # keys of one question
# A question that takes longer than this holds up the next one no more.
PATIENCE_S = 0.1


@dataclass(slots=True, eq=False)
class _Question(Generic[Key, Value]):
    """One question until `done`; then it has what was found, the error that there is instead, or was given up."""

    keys: dict[Key, None]
    done: trio.Event = field(default_factory=trio.Event)
    found: Mapping[Key, Value] | None = None
    error: Exception | None = None


class ReadTogether(Generic[Key, Value]):
    """`ask` reads many at once and leaves out what is not there."""

    def __init__(self, ask: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._ask = ask
        self._newest: _Question[Key, Value] | None = None
        self._is_open = False

    async def read(self, key: Key) -> Value | None:
        """What is there under this key, asked for after this call began; None for nothing. Raises what `ask` raises."""
        while True:
            question = self._newest
            if question is not None and self._is_open and len(question.keys) < MOST:
                question.keys[key] = None
                await question.done.wait()
            else:
                question = await self._make(key)
            if question.error is not None:
                raise question.error
            if question.found is not None:
                return question.found.get(key)

    async def _make(self, key: Key) -> _Question[Key, Value]:
        """Open a question, wait for the one before it, close it and ask. Given up by its maker, the others ask anew."""
        before = self._newest
        question = self._newest = _Question({key: None})
        self._is_open = True
        try:
            if before is not None and not before.done.is_set():
                with trio.move_on_after(PATIENCE_S):
                    await before.done.wait()
            self._close(question)
            question.found = await self._ask(list(question.keys))
        except Exception as error:  # handed to everybody in it, who raises it
            question.error = error
        finally:
            self._close(question)
            question.done.set()
        return question

    def _close(self, question: _Question[Key, Value]) -> None:
        if self._newest is question:
            self._is_open = False
