"""What is taken away in the outage matrix: each fault with what it means, what must stop while it is on, and what must not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial

from tests.outages.world import OutageWorld

LONG_S = 3_600.0
LIAR, OTHER = "rpc-2", "rpc-3"  # rpc-1 is for the people and the market
SLOWER_THAN_ANY_DEADLINE_MS = 600_000
SLOTS_BEHIND = 200

Switch = Callable[[OutageWorld], None]


class Stops(Enum):
    """Which entries a fault stops; the greater of two counts."""

    NOTHING = 0
    SOMETIMES = 1  # it is well again and again; no entry while it is not
    AUTOMATED = 2
    EVERYTHING = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is taken away. `has_route` says whether an exit can reach the chain while it is on.

    `ahead_slots` is how long before the moment of the cell it begins.
    """

    name: str
    means: str
    stops: Stops
    begin: Switch
    end: Switch
    has_route: bool = True
    ahead_slots: int = 0

    def __str__(self) -> str:
        return self.name


def _postgres(world: OutageWorld, trouble: str, *, on: bool) -> None:
    setattr(world.postgres, trouble, on)


def _streams(world: OutageWorld, trouble: str, *, on: bool) -> None:
    setattr(world.streams, trouble, on)


def _telegram(world: OutageWorld, *, away: bool) -> None:
    world.telegram.go_away(away=away)


def _chain(world: OutageWorld, kind: str, endpoint: str = "all", delay_ms: int = 0) -> None:
    world.chain.set_fault(kind, for_s=LONG_S, delay_ms=delay_ms, endpoint=endpoint)


def _chain_is_well(world: OutageWorld) -> None:
    """All faults of a cell end at the same moment."""
    world.chain.cluster.all_faults.clear()


def _database(name: str, means: str, stops: Stops = Stops.EVERYTHING) -> Fault:
    return Fault(
        f"database {name}",
        means,
        stops,
        partial(_postgres, trouble=name, on=True),
        partial(_postgres, trouble=name, on=False),
    )


def _rpc(name: str, means: str, kind: str, *, delay_ms: int = 0) -> Fault:
    begin = partial(_chain, kind=kind, delay_ms=delay_ms)
    return Fault(f"rpc {name}", means, Stops.EVERYTHING, begin, _chain_is_well, has_route=False)


def _lie(name: str, means: str, kind: str, *, ahead_slots: int = 0) -> Fault:
    """The endpoint that stands first in the settings lies, the other one is well."""
    begin = partial(_chain, kind=kind, endpoint=LIAR)
    return Fault(f"rpc {name}", means, Stops.NOTHING, begin, _chain_is_well, ahead_slots=ahead_slots)


def _both(world: OutageWorld, first: str, second: str) -> None:
    """Both endpoints lie, each in its own way."""
    _chain(world, first, LIAR)
    _chain(world, second, OTHER)


def _lies(name: str, means: str, first: str, second: str, stops: Stops = Stops.EVERYTHING) -> Fault:
    """Nobody tells the truth: nothing that they say is gone is believed, and no exit can be priced."""
    begin = partial(_both, first=first, second=second)
    return Fault(f"rpc {name}", means, stops, begin, _chain_is_well, has_route=False)


def _stream(name: str, means: str, trouble: str, stops: Stops) -> Fault:
    begin, end = (partial(_streams, trouble=trouble, on=on) for on in (True, False))
    return Fault(f"stream {name}", means, stops, begin, end)


FAULTS = (
    _database("stopped", "every call is refused at once"),
    _database("hung", "no call is answered; the adapter gives up after 5 s, a probe after 2 s"),
    _database(
        "restarts",
        "at a write, every 7 s, away for 2 s: one write is committed and its answer lost, the next is rolled back",
        Stops.SOMETIMES,
    ),
    _database("full", "reads and probes are answered, no write is taken; the journal has room"),
    _rpc("down", "both endpoints refuse connections, streams too", "rpc-down"),
    _rpc("limited", "both endpoints answer 429 to everything", "rate-limit"),
    _rpc("hangs", "no endpoint answers before the deadline", "rpc-slow", delay_ms=SLOWER_THAN_ANY_DEADLINE_MS),
    _lies(
        "still",
        "both endpoints show the chain of the moment when the cell began, and go on so; streams too",
        "stale",
        "stale",
    ),
    _lies("both empty", "both endpoints say that nothing exists, at the newest slot", "empty", "empty"),
    _lies("empty and cut off", "one endpoint says that nothing exists, the other one is cut off", "empty", "stale"),
    _lies("both strangers", "both endpoints say that they serve another chain", "genesis", "genesis", Stops.SOMETIMES),
    _lie(
        "cut off", "the preferred endpoint shows the chain of the moment when the cell began, and goes on so", "stale"
    ),
    _lie("stale", "the same, cut off 200 slots before the cell began", "stale", ahead_slots=SLOTS_BEHIND),
    _lie("empty", "the preferred endpoint says that nothing exists, at the newest slot", "empty"),
    _lie("stranger", "the preferred endpoint says that it serves another chain", "genesis"),
    Fault(
        "engine away",
        "the block engine refuses connections; the orders of the matrix take every route",
        Stops.NOTHING,
        partial(_chain, kind="engine-down"),
        _chain_is_well,
    ),
    _stream("silent", "the streams of both endpoints stay open and tell nothing", "silent", Stops.AUTOMATED),
    _stream("doubles", "both streams tell everything twice", "doubles", Stops.NOTHING),
    Fault(
        "telegram away",
        "no call to Telegram is answered; in the matrix that pauses after 5 s in place of 5 min",
        Stops.AUTOMATED,
        partial(_telegram, away=True),
        partial(_telegram, away=False),
    ),
)
BY_NAME = {fault.name: fault for fault in FAULTS}
