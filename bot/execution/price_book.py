"""The newest reserves of each mint that somebody watches: pushed by the stream, polled when a push stays away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any

import structlog
import trio

from bot.execution.sleepers import Sleeper, Sleepers
from bot.ports import PricePoint
from bot.trading.curve import Curve
from bot.trading.pool import Pool
from bot.trading.route import Route
from bot.trading.venue import Venue, borne_out, same_reserves, told_by

log = structlog.get_logger()

DRAWER_MS = (
    250  # watched mints lie together by when they were last read, so that nobody goes over all to find the old ones
)
OF_SLOT_MAX = 64  # states of one slot that are remembered, of one mint
# Reserves that are older than this while others are read again all the time are not watched, whoever waits for them.
LOST_AFTER_MS = 10_000


@dataclass(slots=True)
class _Entry:
    """`drawer` is the number of the one that a watched mint lies in, None for one that nobody watches.

    `read_at_ms` is when its reserves were last asked for, or told by nobody alone, 0 for never: one endpoint's stream that
    tells something again and again keeps nobody from asking. `holders` are those of its watchers who hold the mint,
    `readings` is how often it was polled since it is watched, `of_slot` what was told of the slot that stands, in its order.
    """

    watchers: int = 0
    holders: int = 0
    readings: int = 0
    followers: int = 0
    point: PricePoint | None = None
    read_at_ms: int = 0
    doubted: bool = False
    drawer: int | None = None
    told: dict[str, PricePoint] = field(default_factory=dict)
    of_slot: list[Venue] = field(default_factory=list)
    changed: trio.Event = field(default_factory=trio.Event)
    sleepers: Sleepers = field(default_factory=Sleepers)

    def begin(self) -> None:
        """Know nothing."""
        self.point, self.doubted, self.read_at_ms, self.readings = None, False, 0, 0
        self.told.clear()
        self.of_slot.clear()

    def overrules(self, point: PricePoint, after_ms: int) -> bool:
        """Whether reserves that were just asked for count although they are of an older slot than those that stand.

        They do where what stands was not read for longer than `after_ms`. Its slot cannot be true then, and whatever else was
        told of such slots is forgotten with it.
        """
        if point.seen_at_ms - self.read_at_ms <= after_ms:
            return False
        self.told = {name: one for name, one in self.told.items() if one.venue.slot <= point.venue.slot}
        return True


@dataclass(slots=True)
class PriceBook:
    """Implements `bot.ports.Prices`. Only watched and followed mints are kept, so that a busy market costs no memory."""

    _entries: dict[str, _Entry] = field(default_factory=dict)
    _drawers: dict[int, dict[str, _Entry]] = field(default_factory=dict)
    _doubted: dict[str, _Entry] = field(default_factory=dict)
    _doubts: trio.Event = field(default_factory=trio.Event)
    _answered_at_ms: int = 0

    @contextmanager
    def watching(self, mint: str, *, held: bool = False) -> Iterator[None]:
        """Keep a mint's reserves current for as long as the block runs; `held` says that somebody holds it.

        What is known of a mint that was only followed may be old, and nobody may decide by it: a watch begins with nothing.
        """
        entry = self._entries.setdefault(mint, _Entry())
        if entry.watchers == 0:
            entry.begin()
            self._put(mint, entry)
        entry.watchers += 1
        entry.holders += held
        try:
            yield
        finally:
            entry.watchers -= 1
            entry.holders -= held
            if entry.watchers == 0:
                self._take_out(mint, entry)
            self._let_go(mint, entry)

    def follow(self, mint: str) -> None:
        """Take what is pushed of a mint, until `unfollow`, for `newest` alone; nobody is asked for its reserves for that."""
        self._entries.setdefault(mint, _Entry()).followers += 1

    def unfollow(self, mint: str) -> None:
        """End one `follow`."""
        entry = self._entries[mint]
        entry.followers -= 1
        self._let_go(mint, entry)

    def _let_go(self, mint: str, entry: _Entry) -> None:
        if entry.watchers == entry.followers == 0 and self._entries.get(mint) is entry:
            del self._entries[mint]

    def push(self, mint: str, point: PricePoint, *, outlives_ms: int | None = None) -> None:
        """Take newer reserves; older slots are ignored, a later trade of the same slot counts.

        What was only read again wakes nobody: most tokens that are held are hardly traded. With `outlives_ms` the reserves
        were asked for now: they replace what was not read for longer than that, whatever slot it names.
        """
        entry = self._entries.get(mint)
        if entry is None:
            return
        standing = entry.point
        if standing is not None and point.venue.slot < standing.venue.slot:
            if outlives_ms is None or not entry.overrules(point, outlives_ms):
                return
            log.warning(
                "price_overruled",
                mint=mint,
                slot=standing.venue.slot,
                told_by=told_by(standing.venue),
                read_slot=point.venue.slot,
            )
        if standing is None or point.venue.slot != standing.venue.slot:
            entry.of_slot.clear()
        if len(entry.of_slot) < OF_SLOT_MAX:
            entry.of_slot.append(point.venue)
        known, entry.point = entry.point, point
        entry.told[told_by(point.venue)] = point
        if outlives_ms is not None or not told_by(point.venue):
            entry.read_at_ms = point.seen_at_ms
        if entry.watchers:
            self._put(mint, entry)
        if known is None or _has_moved(known.venue, point.venue):
            entry.changed.set()
            entry.changed = trio.Event()
            entry.sleepers.hear(point)

    def show(self, mint: str, point: PricePoint) -> None:
        """Take the state of an account, which does not say after which trade of its slot it was.

        A newer slot counts. Of the slot that stands, what was told of it before is nothing new, unless two tell by it what
        stands; what was not is taken for the later one.
        """
        entry = self._entries.get(mint)
        standing = None if entry is None else entry.point
        if entry is None or (standing is not None and type(standing.venue) is not type(point.venue)):
            return
        if standing is None or standing.venue.slot != point.venue.slot:
            self.push(mint, point)
        elif same_reserves(standing.venue, point.venue):
            tellers = {told_by(standing.venue), told_by(point.venue)}
            if "" not in tellers and len(tellers) > 1 and not isinstance(point.venue, Route):
                self.bear_out(mint, replace(point, venue=borne_out(point.venue)))
        elif not any(same_reserves(one, point.venue) for one in entry.of_slot):
            self.push(mint, point)

    def bear_out(self, mint: str, point: PricePoint) -> None:
        """Two have told of these reserves alike: where they still stand they are nobody's single word any more.

        Newer ones that one has told since stand on, and wait for the other.
        """
        entry = self._entries.get(mint)
        if entry is None or told_by(point.venue):
            return
        standing, agreed = entry.point, entry.told.get("")
        if standing is None or point.venue.slot > standing.venue.slot:
            self.push(mint, point)
        elif same_reserves(standing.venue, point.venue):
            entry.point = entry.told[""] = replace(point, is_late=standing.is_late)
            entry.read_at_ms = point.seen_at_ms
            if entry.watchers:
                self._put(mint, entry)
        elif agreed is None or point.venue.slot >= agreed.venue.slot:
            entry.told[""] = point

    def latest(self, mint: str) -> PricePoint | None:
        entry = self._entries.get(mint)
        return entry.point if entry is not None and entry.watchers else None

    def otherwise(self, mint: str, told: str, since_ms: int) -> PricePoint | None:
        """The newest reserves of a mint that others than the endpoint `told` have shown, seen since then; None for none."""
        entry = self._entries.get(mint)
        others = [] if entry is None else [point for name, point in entry.told.items() if name != told]
        lately = [point for point in others if point.seen_at_ms >= since_ms]
        return max(lately, key=lambda point: (point.venue.slot, point.seen_at_ms), default=None)

    def told_by_all(self, mint: str) -> Venue | None:
        """The last reserves of a mint that were no single endpoint's word; None where there were none."""
        entry = self._entries.get(mint)
        point = None if entry is None else entry.told.get("")
        return None if point is None else point.venue

    def correct(self, mint: str, wrong: Venue, right: PricePoint) -> None:
        """Take out what one endpoint told falsely, whatever slot it named; `right` counts from now on."""
        entry = self._entries.get(mint)
        if entry is None:
            return
        if entry.told.get(told_by(wrong)) is not None:
            del entry.told[told_by(wrong)]
        if entry.point is not None and entry.point.venue == wrong:
            entry.point = None
        self.push(mint, right)

    async def changed(self, mint: str) -> None:
        await self._entries[mint].changed.wait()

    async def told(self, mint: str, seen: PricePoint | None, sleeper: Sleeper) -> None:
        """Wait until reserves of a watched mint are told, since those that were `seen`, that matter, or until it is woken.

        They are weighed in the turn of whoever tells them.
        """
        entry = self._entries[mint]
        if entry.point is not None and entry.point is not seen:
            sleeper.hear(entry.point)
        entry.sleepers.lie_down(sleeper)
        try:
            await sleeper.woken.wait()
        finally:
            entry.sleepers.get_up(sleeper)

    def _put(self, mint: str, entry: _Entry) -> None:
        """Lay a watched mint where it belongs by when it was seen; nobody doubts what was just read."""
        entry.doubted = False
        self._doubted.pop(mint, None)
        number = entry.read_at_ms // DRAWER_MS
        if number != entry.drawer:
            self._take_out(mint, entry)
            entry.drawer = number
            self._drawers.setdefault(number, {})[mint] = entry

    def _take_out(self, mint: str, entry: _Entry) -> None:
        """A mint that is watched no more, or lies elsewhere from now on."""
        self._doubted.pop(mint, None)
        if entry.drawer is None:
            return
        drawer = self._drawers[entry.drawer]
        del drawer[mint]
        if not drawer:
            del self._drawers[entry.drawer]
        entry.drawer = None

    def older_than(self, seen_before_ms: int) -> list[str]:
        """Watched mints whose reserves were last read before this moment, or never, or have changed since.

        Those that have changed come first, then those that were never read, then the oldest.
        """
        stale = _oldest_first(self._doubted)
        for number in sorted(self._drawers):
            if number * DRAWER_MS >= max(seen_before_ms, 1):
                break
            in_drawer = self._drawers[number].items()
            old = {
                mint: entry
                for mint, entry in in_drawer
                if not entry.doubted and entry.read_at_ms < max(seen_before_ms, 1)
            }
            stale += _oldest_first(old)
        return stale

    def forget_ages(self) -> None:
        """The clock went back: no moment at which anything was read can be compared with now, so all counts as never read."""
        for mint, entry in self._entries.items():
            entry.read_at_ms = 0
            if entry.watchers:
                self._put(mint, entry)
        self._answered_at_ms = 0

    def read_again(self, mint: str) -> int:
        """Count one more reading of a watched mint; how many there were before it since it is watched."""
        entry = self._entries.get(mint)
        if entry is None:
            return 0
        entry.readings += 1
        return entry.readings - 1

    def in_pools(self) -> list[str]:
        """The watched mints that trade in their pools, in order."""
        watched = [(mint, entry.point) for mint, entry in self._entries.items() if entry.watchers]
        return sorted(mint for mint, point in watched if point and isinstance(point.venue, Pool))

    def wake(self, mint: str) -> None:
        """Have whoever waits for another price of a mint look again: something beside its price has become known."""
        entry = self._entries.get(mint)
        if entry is not None:
            entry.changed.set()
            entry.changed = trio.Event()
            entry.sleepers.wake_all()

    def held(self) -> list[tuple[str, PricePoint | None]]:
        """The mints that somebody holds, each with its newest reserves, those watched last first."""
        entries = reversed(self._entries.items())
        return [(mint, entry.point) for mint, entry in entries if entry.holders]

    def doubt(self, mint: str) -> None:
        """Somebody traded a mint: its reserves have to be read again."""
        entry = self._entries.get(mint)
        if entry is not None:
            entry.doubted = True
            if entry.watchers:
                self._doubted[mint] = entry
            self._doubts.set()

    async def doubts(self) -> None:
        """Wait until the reserves of a mint have to be read again."""
        await self._doubts.wait()
        self._doubts = trio.Event()

    def newest_of(self, mint: str) -> PricePoint | None:
        """The newest point of a mint that is watched or followed; None where none is known."""
        entry = self._entries.get(mint)
        return None if entry is None else entry.point

    def newest(self) -> list[tuple[str, PricePoint]]:
        """The newest point of every watched or followed mint that has one."""
        return [(mint, entry.point) for mint, entry in self._entries.items() if entry.point is not None]

    def oldest_seen_ms(self) -> int | None:
        """When the oldest of the watched prices was seen; None while no price is known."""
        return min(
            (entry.point.seen_at_ms for entry in self._entries.values() if entry.watchers and entry.point is not None),
            default=None,
        )

    def answered(self, now_ms: int) -> None:
        """Somebody who was asked for reserves answered."""
        self._answered_at_ms = now_ms

    def is_lost(self, mint: str, now_ms: int) -> bool:
        """Whether a watched mint's reserves have grown old while whoever is asked for reserves answers.

        What trades by an aggregator's offers alone is not judged.
        """
        point = self.latest(mint)
        if point is None or isinstance(point.venue, Route):
            return False
        return now_ms - self._answered_at_ms < LOST_AFTER_MS < now_ms - point.seen_at_ms

    def watched(self) -> int:
        """How many mints are watched."""
        return sum(entry.watchers > 0 for entry in self._entries.values())


def _oldest_first(entries: dict[str, _Entry]) -> list[str]:
    """By when each was read; those of one moment in the order in which they were told."""
    return sorted(entries, key=lambda mint: entries[mint].read_at_ms)


_ALL_BUT_SLOT: dict[type, Callable[[Venue], Any]] = {
    kind: attrgetter(*(one.name for one in fields(kind) if one.compare and one.name != "slot"))
    for kind in (Curve, Pool, Route)
}


def _has_moved(known: Venue, now: Venue) -> bool:
    """Whether more than the slot is another; of thousands a second no copy is made for it."""
    all_but_slot = _ALL_BUT_SLOT[type(now)]
    return type(known) is not type(now) or all_but_slot(known) != all_but_slot(now)
