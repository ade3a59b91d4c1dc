"""Faults of the local node on demand: a table of what is broken now and until when. The doors ask it; it does nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil

# Services beside the RPC endpoints, by the names that their faults are asked for at.
SERVICES = ("engine", "jupiter", "dexscreener", "birdeye", "social", "ratings")
ENGINE, ROUTER, DEXSCREENER, BIRDEYE, SOCIAL, RATINGS = SERVICES


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A fault that can be asked for. `needs_delay` says whether it takes a delay per request.

    `service` names the one beside the endpoints whose own it is, `of_chain` says that it is the whole chain's: these are not
    asked for at an endpoint. `of_streams` says that all of it means every source of launches, not the endpoints' own alone.
    """

    name: str
    help: str
    needs_delay: bool = False
    of_streams: bool = False
    service: str = ""
    of_chain: bool = False


RPC_DOWN = FaultKind("rpc-down", "connections are closed at once and websockets dropped")
RPC_SLOW = FaultKind("rpc-slow", "every request is answered late, by --delay-ms", needs_delay=True)
RATE_LIMIT = FaultKind("rate-limit", "every HTTP request is answered with 429")
FLOOD = FaultKind("flood", "three of four HTTP requests are answered with 429 and ask for a longer rest")
FLAKY = FaultKind("flaky", "one of four questions is answered with an internal error")
STALE = FaultKind("stale", "cut off from the cluster: answers as of that moment, silent streams, passes nothing on")
EMPTY = FaultKind("empty", "says of every account and transaction that there is none, at the newest slot")
GENESIS = FaultKind("genesis", "says that it serves another chain")
REORDER = FaultKind("reorder", "every second notification is told after the one that follows it")
STREAM_DROP = FaultKind("stream-drop", "websockets are dropped and refused, HTTP goes on", of_streams=True)
STREAM_SILENT = FaultKind("stream-silent", "streams stay open and tell nothing", of_streams=True)
DROP_TX = FaultKind("drop-tx", "transactions are accepted and never land")
FAIL_TX = FaultKind(
    "fail-tx", "trades land and fail: the price is out of their bounds, and their fee is gone", of_chain=True
)
SKIP_SLOTS = FaultKind("skip-slots", "every second leader is away: four slots of eight have no block", of_chain=True)
CUT_LOGS = FaultKind("cut-logs", "logs are cut before the first event, with `Log truncated`", of_streams=True)
HONEYPOT = FaultKind("honeypot", "every coin that is launched meanwhile can be bought and never be sold", of_chain=True)
UPGRADED = FaultKind(
    "upgraded",
    "the launchpad's own account has another layout, as after an upgrade that nobody announced",
    of_chain=True,
)
ENGINE_DOWN = FaultKind("engine-down", "the block engine takes no connection", service=ENGINE)
BUNDLE_DROP = FaultKind("bundle-drop", "the block engine takes bundles and loses them", service=ENGINE)
JUPITER_DOWN = FaultKind("jupiter-down", "the aggregator takes no connection", service=ROUTER)
JUPITER_LIES = FaultKind(
    "jupiter-lies",
    "the aggregator proposes other trades than it is asked for: worse, to others, with more in it",
    service=ROUTER,
)
DEXSCREENER_DOWN = FaultKind("dexscreener-down", "DexScreener takes no connection", service=DEXSCREENER)
DEXSCREENER_LIES = FaultKind(
    "dexscreener-lies", "DexScreener tells wrong prices, impossible figures and hostile texts", service=DEXSCREENER
)
BIRDEYE_DOWN = FaultKind("birdeye-down", "Birdeye takes no connection", service=BIRDEYE)
BIRDEYE_LIES = FaultKind("birdeye-lies", "Birdeye tells wrong prices and impossible figures", service=BIRDEYE)
SOCIAL_DOWN = FaultKind("social-down", "X, Reddit and Discord take no connection", service=SOCIAL)
SOCIAL_LIES = FaultKind(
    "social-lies", "X, Reddit and Discord tell posts of impossible times with texts that act", service=SOCIAL
)
SOCIAL_FLOOD = FaultKind(
    "social-flood", "on X, Reddit and Discord hundreds of young accounts praise every coin alike", service=SOCIAL
)
RATINGS_DOWN = FaultKind("ratings-down", "CoinGecko and LunarCrush take no connection", service=RATINGS)
RATINGS_LIES = FaultKind("ratings-lies", "CoinGecko and LunarCrush tell shares that cannot be", service=RATINGS)
_OF_NODES = (RPC_DOWN, RPC_SLOW, RATE_LIMIT, FLOOD, FLAKY, REORDER, DROP_TX, STALE, EMPTY, GENESIS)
_OF_CHAIN = (FAIL_TX, SKIP_SLOTS, HONEYPOT, UPGRADED)
_OF_SERVICES = (STREAM_DROP, STREAM_SILENT, CUT_LOGS, ENGINE_DOWN, BUNDLE_DROP, JUPITER_DOWN, JUPITER_LIES)
_OF_TELLERS = (DEXSCREENER_DOWN, DEXSCREENER_LIES, BIRDEYE_DOWN, BIRDEYE_LIES)
_OF_PEOPLE = (SOCIAL_DOWN, SOCIAL_LIES, SOCIAL_FLOOD, RATINGS_DOWN, RATINGS_LIES)
KINDS = {kind.name: kind for kind in (*_OF_NODES, *_OF_CHAIN, *_OF_SERVICES, *_OF_TELLERS, *_OF_PEOPLE)}
# Where launches are told: the streams of all RPC endpoints, and services with faults of their own.
LOGS, PORTAL, GRPC = SOURCES = ("logs", "pumpportal", "grpc")
# A fork is no state that lasts: it happens at once, to the chain and not to an endpoint; see `forks`.
FORK = "fork"
DEFAULT_LOST_PERCENT = 50
MAX_DURATION_S = 86_400.0
MAX_DELAY_MS = 600_000

SLOTS_OF_A_LEADER = 4

RATE_LIMIT_RETRY_AFTER_S = 1
FLOOD_RETRY_AFTER_S = 2
FLOOD_ANSWERS_ONE_IN = 4
FLAKY_FAILS_ONE_IN = 4
MINUTE_S = 60


class FaultError(Exception):
    """A fault that was asked for does not exist or has impossible values; the text is one line."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that is on until a moment of the table's clock."""

    kind: FaultKind
    until_s: float
    delay_ms: int


class FaultTable:
    """Which faults are on. `clock` gives seconds (trio's time); observers are called whenever something is switched."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._faults: dict[str, Fault] = {}
        self._observers: list[Callable[[], None]] = []

    def observe(self, observer: Callable[[], None]) -> None:
        """Have `observer` called after every change, so that a door can drop its open connections."""
        self._observers.append(observer)

    def set(self, name: str, *, for_s: float, delay_ms: int = 0) -> Fault:
        """Switch a fault on for a while, replacing an earlier one of the same name; raises FaultError."""
        kind = KINDS.get(name)
        if kind is None:
            raise FaultError(f"unknown fault {name}; known: {', '.join(sorted(KINDS))}")
        if not 0 < for_s <= MAX_DURATION_S:
            raise FaultError(f"a fault lasts between 0 and {MAX_DURATION_S:.0f} seconds")
        if kind.needs_delay and not 0 < delay_ms <= MAX_DELAY_MS:
            raise FaultError(f"{name} needs --delay-ms between 1 and {MAX_DELAY_MS}")
        fault = Fault(kind, self._clock() + for_s, delay_ms)
        self._faults[name] = fault
        self._notify()
        return fault

    def clear(self) -> int:
        """Switch every fault off; says how many were on."""
        count = len(self.active())
        self._faults.clear()
        self._notify()
        return count

    def get(self, kind: FaultKind) -> Fault | None:
        """The fault of this kind when it is on now."""
        fault = self._faults.get(kind.name)
        return fault if fault is not None and fault.until_s > self._clock() else None

    def any(self, *kinds: FaultKind) -> bool:
        """Whether one of these faults is on now."""
        return any(self.get(kind) is not None for kind in kinds)

    def active(self) -> list[dict[str, object]]:
        """The faults that are on, with the seconds that they have left."""
        now_s = self._clock()
        return [
            {"name": name, "left_s": round(fault.until_s - now_s, 1), "delay_ms": fault.delay_ms}
            for name, fault in sorted(self._faults.items())
            if fault.until_s > now_s
        ]

    def _notify(self) -> None:
        for observer in self._observers:
            observer()


class RateGate:
    """Which HTTP requests one endpoint refuses for their rate, while `rate-limit` or `flood` is on."""

    def __init__(self, faults: FaultTable) -> None:
        self._faults = faults
        self._asked = 0

    def refuses_for_s(self) -> int | None:
        """To be called once per request: the seconds of its Retry-After, or None when it is answered."""
        if self._faults.get(RATE_LIMIT) is not None:
            return RATE_LIMIT_RETRY_AFTER_S
        if self._faults.get(FLOOD) is None:
            return None
        self._asked += 1
        return None if self._asked % FLOOD_ANSWERS_ONE_IN == 0 else FLOOD_RETRY_AFTER_S


class MinuteRate(ABC):
    """A service that answers so many requests a minute. `clock` gives the seconds that they are counted in."""

    def __init__(self, faults: FaultTable, clock: Callable[[], float], most: int) -> None:
        self.faults = faults
        self._clock = clock
        self._answered_s: deque[float] = deque(maxlen=most)

    def refuses_for_s(self) -> int | None:
        """To be called once per request: the seconds of its Retry-After, or None when it is answered."""
        if self.faults.get(RATE_LIMIT) is not None:
            return RATE_LIMIT_RETRY_AFTER_S
        now_s = self._clock()
        if len(self._answered_s) == self._answered_s.maxlen and now_s - self._answered_s[0] < MINUTE_S:
            return max(ceil(MINUTE_S - (now_s - self._answered_s[0])), 1)
        self._answered_s.append(now_s)
        return None

    @abstractmethod
    def handle(self, target: str, headers: Mapping[str, str], /) -> tuple[int, bytes]:
        """Status and body of one GET request, whatever its rate; `headers` by their names in small letters."""
