"""Two questions beside each other, for whoever would have to wait for one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import outcome
import trio

First = TypeVar("First")
Second = TypeVar("Second")


async def at_once(
    first: Callable[[], Awaitable[First]], second: Callable[[], Awaitable[Second]]
) -> tuple[First, Second]:
    """What both answer, once both have ended. Raises the error of the first, else that of the second, and no group."""
    ended: dict[bool, outcome.Value[object] | outcome.Error] = {}

    async def ask(is_first: bool, question: Callable[[], Awaitable[object]]) -> None:
        try:
            ended[is_first] = outcome.Value(await question())
        except Exception as error:  # raised below
            ended[is_first] = outcome.Error(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask, True, first)
        nursery.start_soon(ask, False, second)
    return ended[True].unwrap(), ended[False].unwrap()  # type: ignore[return-value]
