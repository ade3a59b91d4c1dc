"""Updates that Telegram brings by itself, read as if they had been polled for: what is asked of `bot.ports.ChatApi.updates`.

Whoever brings one waits until it is confirmed, and that is what the next poll says of all that the last one returned. So the
gateway treats both ways alike, and an update is answered for only after it stands in the inbox.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import trio

from bot.ports import MAX_UPDATES, ChatUpdate

# Telegram waits about a minute for an answer; what is not confirmed by then is to come again.
CONFIRMED_WITHIN_S = 25.0


@dataclass(slots=True, eq=False)
class _Pushed:
    update: ChatUpdate
    confirmed: trio.Event = field(default_factory=trio.Event)


class PushedUpdates:
    """Between those who bring updates and the one who polls. An update that nobody has polled for in time is given back."""

    def __init__(self) -> None:
        self._waiting: deque[_Pushed] = deque()
        self._brought: list[_Pushed] = []
        self._arrived = trio.Event()

    def __repr__(self) -> str:
        return f"<PushedUpdates waiting={len(self._waiting)} unconfirmed={len(self._brought)}>"

    async def bring(self, update: ChatUpdate) -> bool:
        """Hand an update over; whether it was confirmed. One that was not is to be brought again."""
        pushed = _Pushed(update)
        self._waiting.append(pushed)
        self._arrived.set()
        try:
            with trio.move_on_after(CONFIRMED_WITHIN_S):
                await pushed.confirmed.wait()
        finally:
            if pushed in self._waiting:
                self._waiting.remove(pushed)
        return pushed.confirmed.is_set()

    async def poll(self, offset: int | None, wait_s: float) -> list[ChatUpdate]:
        """The next updates, at most MAX_UPDATES; waits up to `wait_s` seconds for the first.

        With an offset all that the last poll returned is confirmed, whatever their numbers: they may come out of order.
        Without one it is returned again, as to a gateway that begins anew.
        """
        if offset is not None:
            for pushed in self._brought:
                pushed.confirmed.set()
            self._brought = []
        with trio.move_on_after(wait_s):
            while not self._waiting and not self._brought:
                self._arrived = trio.Event()
                await self._arrived.wait()
        while self._waiting and len(self._brought) < MAX_UPDATES:
            self._brought.append(self._waiting.popleft())
        return [pushed.update for pushed in self._brought]
