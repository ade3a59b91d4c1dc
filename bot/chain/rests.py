"""What an exit does while every endpoint that could serve it has asked to be left alone: it waits, where that is short.

To give up and be decided anew seconds later would mean to come while the next rest has begun: whatever else asks the
endpoints comes more often than an exit, and is there first when a rest ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import trio

from bot.chain.not_asked import NotAsked
from bot.chain.transport import RateLimited
from bot.errors import ChainUnavailable
from bot.execution.lanes import in_exit_lane

Answer = TypeVar("Answer")

EXIT_WAITS_S = 7.5  # for all rests that one question of an exit meets together


def all_refuse(errors: Iterable[Exception | None]) -> bool:
    """Whether everybody who was asked refused for the rate of our requests, or was not asked for it."""
    return all(isinstance(error, RateLimited | NotAsked) for error in errors)


async def through_rests(
    asked: Callable[[], Awaitable[Answer]],
    is_refused: Callable[[Answer], bool],
    rest_left_s: Callable[[], float | None],
) -> Answer:
    """What `asked` comes to; for an exit it is asked again when the first rest ends, for as long as all refuse.

    `rest_left_s` says in how many seconds that is, None where nobody rests. Raises what `asked` raises.
    """
    until_s = trio.current_time() + EXIT_WAITS_S
    while True:
        trouble: ChainUnavailable | None = None
        try:
            answer = await asked()
        except ChainUnavailable as error:
            trouble = error
        else:
            if not is_refused(answer):
                return answer
        left_s = rest_left_s() if in_exit_lane() else None
        if left_s is None or trio.current_time() + left_s > until_s:
            if trouble is not None:
                raise trouble
            return answer
        await trio.sleep(left_s)
