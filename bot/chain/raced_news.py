"""Subscriptions by name over the WebSockets of two endpoints at a time: each tells, and whoever listens decides what it is worth.

What is wanted changes with every order and every position, on connections that stand. Nothing that is told here is believed
for being told: of each word it is known whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

import msgspec
import structlog
import trio

from bot.chain import wire
from bot.chain.rotation import Rotation
from bot.chain.silence import Silence
from bot.chain.slot_bound import SlotBound
from bot.chain.subscriptions import Notification, OwnSubscriptions, Subscribe, Wishes
from bot.errors import ChainUnavailable
from bot.ports import NewsHealth

RACED = 2  # endpoints that are followed at the same time, where there are as many
RECONNECT_MIN_S = 0.2
RECONNECT_MAX_S = 5.0
SLOTS = Subscribe("slotSubscribe", [])

_slot = msgspec.json.Decoder(wire.SlotInfo)

log = structlog.get_logger()


class NewsTaker(Protocol):
    """Who listens to all connections."""

    def stands(self, teller: str) -> None:
        """A connection to this endpoint stands anew: what happened before it was not told."""

    def take(self, teller: str, notification: Notification) -> None:
        """What an endpoint told of what its `about` names; ChainUnavailable for another shape ends the connection."""


@dataclass(slots=True)
class NewsStatistics:
    """Counts since the news were made: `stand` connections of now, `lost` ones, and notifications that were `told` by name."""

    stand: int = 0
    lost: int = 0
    told: int = 0


class RacedNews:
    """One connection to each of two endpoints, where there are two; one that is lost or silent gives way to the next endpoint.

    It is the slots that show that a connection lives: what is subscribed to may be still for hours. No new one for `silence_s`
    means that it is dead, unless `newest_slot`, that of the endpoints, 0 while it is not known, shows that the chain stands.
    Whose stream was caught by the `bound` is followed only when nobody else is left.
    """

    def __init__(
        self,
        sources: Sequence[OwnSubscriptions],
        newest_slot: Callable[[], int],
        *,
        silence_s: float,
        bound: SlotBound | None = None,
    ) -> None:
        if not sources:
            raise ValueError("no endpoint is configured")
        self._sources = tuple(sources)
        self._newest_slot = newest_slot
        self._silence_s = silence_s
        self._rotation = Rotation([source.teller for source in self._sources], bound)
        self._slot = 0  # the newest that any connection told
        self._followed: dict[int, Wishes] = {}  # by the place of its endpoint among the sources
        self._wanted: dict[str, Subscribe] = {}
        self._counts = NewsStatistics()
        self._heard_at_s: float | None = None
        self._trouble = ""

    def __repr__(self) -> str:
        return f"<RacedNews {', '.join(source.name for source in self._sources)}>"

    def statistics(self) -> NewsStatistics:
        return replace(self._counts)

    def health(self) -> NewsHealth:
        return NewsHealth(
            standing=self._counts.stand,
            wanted=min(RACED, len(self._sources)),
            subscribed=len(self._wanted),
            lost=self._counts.lost,
            age_s=None if self._heard_at_s is None else trio.current_time() - self._heard_at_s,
            trouble=self._trouble,
        )

    def want(self, named: Mapping[str, Subscribe]) -> None:
        """Be subscribed to these on every connection, and to nothing else; no I/O."""
        self._wanted = dict(named)
        for wishes in self._followed.values():
            wishes.want(self._wanted)

    async def follow(self, taker: NewsTaker) -> NoReturn:
        """Until cancelled; connections that are lost are opened again."""
        async with trio.open_nursery() as lanes:
            for _ in range(min(RACED, len(self._sources))):
                lanes.start_soon(self._run_lane, taker)
        raise AssertionError("a lane ends by being cancelled")

    async def _run_lane(self, taker: NewsTaker) -> NoReturn:
        """One connection after the other, each to the next endpoint that nobody else follows."""
        rest_s = RECONNECT_MIN_S
        while True:
            place = self._rotation.take(self._followed)
            source = self._sources[place]
            wishes = self._followed[place] = Wishes([SLOTS])
            wishes.want(self._wanted)
            try:
                stood, trouble = await self._follow(source, wishes, taker)
            finally:
                del self._followed[place]
            self._counts.lost += 1
            self._trouble = str(trouble)
            log.info("news_stream_lost", endpoint=source.name, reason=str(trouble))
            rest_s = RECONNECT_MIN_S if stood else min(rest_s * 2, RECONNECT_MAX_S)
            await trio.sleep(rest_s)

    async def _follow(
        self, source: OwnSubscriptions, wishes: Wishes, taker: NewsTaker
    ) -> tuple[bool, ChainUnavailable]:
        """Whether the connection told a new slot, and what ended it."""
        silence = Silence(self._silence_s, self._newest_slot, self._slot)
        trouble = ChainUnavailable(f"{source.name}: nothing heard for {self._silence_s:g} s, not even a new slot")
        slot, stands = 0, False

        async def deliver(notification: Notification) -> None:
            nonlocal slot, stands
            await trio.lowlevel.checkpoint()
            if notification.method == "slotNotification":
                told = _slot_in(notification, source.name)
                # Only a new one is a sign of life; the first of a connection has to be new to all of them.
                is_new = told > (slot or self._slot)
                slot, self._slot = max(slot, told), max(self._slot, told)
                if not is_new:
                    return
                silence.heard(told)
                self._heard_at_s = trio.current_time()
                if not stands:
                    stands = True
                    self._counts.stand += 1
                    taker.stands(source.teller)
            elif notification.about:
                self._counts.told += 1
                taker.take(source.teller, notification)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(silence.end, nursery.cancel_scope)
            try:
                await source.follow(wishes, deliver, lambda: None)
            except ChainUnavailable as error:
                trouble = error
            nursery.cancel_scope.cancel()
        self._counts.stand -= stands
        return stands, trouble


def _slot_in(notification: Notification, name: str) -> int:
    try:
        return _slot.decode(notification.result).slot
    except wire.UNREADABLE:
        raise ChainUnavailable(f"{name}: a notification of another shape") from None
