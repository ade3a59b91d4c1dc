"""The endpoints of the local cluster: each answers for the same chain, with faults and subscriptions of its own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.localnet.chain import Chain
from bot.localnet.faucet import Faucet
from bot.localnet.faults import (
    BIRDEYE,
    BIRDEYE_DOWN,
    BIRDEYE_LIES,
    BUNDLE_DROP,
    CUT_LOGS,
    DEXSCREENER,
    DEXSCREENER_DOWN,
    DEXSCREENER_LIES,
    DROP_TX,
    ENGINE,
    ENGINE_DOWN,
    GRPC,
    JUPITER_DOWN,
    JUPITER_LIES,
    KINDS,
    LOGS,
    PORTAL,
    RATE_LIMIT,
    RATINGS,
    RATINGS_DOWN,
    RATINGS_LIES,
    ROUTER,
    RPC_DOWN,
    RPC_SLOW,
    SOCIAL,
    SOCIAL_DOWN,
    SOCIAL_FLOOD,
    SOCIAL_LIES,
    STREAM_DROP,
    STREAM_SILENT,
    FaultError,
    FaultKind,
    FaultTable,
    RateGate,
)
from bot.localnet.rpc.dispatch import Dispatcher
from bot.localnet.rpc.node import RpcNode
from bot.localnet.rpc.pubsub import PubSub
from bot.localnet.rpc.view import View
from bot.localnet.store import Store

ALL = "all"
# The faults that each service beside the RPC endpoints can have; another one would be on there and do nothing.
_TAKEN = {
    ENGINE: (ENGINE_DOWN, BUNDLE_DROP, DROP_TX, RPC_SLOW, RATE_LIMIT),
    ROUTER: (JUPITER_DOWN, JUPITER_LIES, RPC_SLOW, RATE_LIMIT),
    DEXSCREENER: (DEXSCREENER_DOWN, DEXSCREENER_LIES, RPC_SLOW, RATE_LIMIT),
    BIRDEYE: (BIRDEYE_DOWN, BIRDEYE_LIES, RPC_SLOW, RATE_LIMIT),
    SOCIAL: (SOCIAL_DOWN, SOCIAL_LIES, SOCIAL_FLOOD, RPC_SLOW, RATE_LIMIT),
    RATINGS: (RATINGS_DOWN, RATINGS_LIES, RPC_SLOW, RATE_LIMIT),
    PORTAL: (STREAM_DROP, STREAM_SILENT, RPC_DOWN, RPC_SLOW),
    GRPC: (STREAM_DROP, STREAM_SILENT, CUT_LOGS, RPC_DOWN),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in. `name` is `rpc-1`, `rpc-2` and so on."""

    name: str
    faults: FaultTable
    dispatcher: Dispatcher
    pubsub: PubSub
    rates: RateGate


def make_endpoints(
    count: int, chain: Chain, store: Store, faucet: Faucet, clock: Callable[[], float]
) -> tuple[Endpoint, ...]:
    """Endpoints of one chain; `clock` gives the seconds that faults are measured in."""
    made = []
    for number in range(1, count + 1):
        faults = FaultTable(clock)
        node = RpcNode(chain, store, faucet, faults, View(chain, store, faults))
        dispatcher = Dispatcher(node)
        made.append(Endpoint(f"rpc-{number}", faults, dispatcher, PubSub(node, dispatcher), RateGate(faults)))
    return tuple(made)


class Faults:
    """The faults of several endpoints, of further sources of launches, and of services beside them, each by its name.

    They are switched for one by its name or for all. `all` are the RPC endpoints, and for `drop-tx` the engine too, for
    faults of streams every source that can have them. A fault of a service's own kind goes there. What would have no effect
    where it is asked for is refused.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        sources: Mapping[str, FaultTable],
        services: Mapping[str, FaultTable],
    ) -> None:
        self._tables = {endpoint.name: endpoint.faults for endpoint in endpoints}
        self._sources = dict(sources)
        self._services = dict(services)

    def set(self, name: str, *, for_s: float, delay_ms: int = 0, endpoint: str = ALL) -> None:
        """Switch a fault on for a while; raises FaultError for a fault or an endpoint that does not exist or go together."""
        chosen = self._chosen(endpoint)
        if (kind := KINDS.get(name)) is not None:
            _refuse_without_effect(kind, endpoint)
            if kind.service:
                chosen = [self._services[kind.service]]
            elif endpoint == ALL:
                chosen += self._beside(kind)
        for table in chosen:
            table.set(name, for_s=for_s, delay_ms=delay_ms)

    def _beside(self, kind: FaultKind) -> list[FaultTable]:
        """Which services, beside the endpoints, have a fault that is asked for everywhere."""
        if kind is DROP_TX:
            return [self._services[ENGINE]]
        return [table for name, table in self._sources.items() if kind.of_streams and kind in _TAKEN[name]]

    def clear(self, endpoint: str = ALL) -> int:
        """Switch every fault off, those of all services beside the endpoints with all; says how many were on."""
        others = (*self._services.values(), *self._sources.values()) if endpoint == ALL else ()
        return sum(table.clear() for table in (*self._chosen(endpoint), *others))

    def active(self) -> list[dict[str, object]]:
        """The faults that are on, each with its endpoint."""
        tables = {**self._tables, **self._services, **self._sources}
        return [{"endpoint": name, **fault} for name, table in tables.items() for fault in table.active()]

    def _chosen(self, endpoint: str) -> list[FaultTable]:
        if endpoint in {ALL, LOGS}:
            return list(self._tables.values())
        others = {**self._services, **self._sources}
        if endpoint in others:
            return [others[endpoint]]
        if endpoint not in self._tables:
            known = [*self._tables, *others, ALL]
            close = difflib.get_close_matches(endpoint, known, n=1)
            meant = f", perhaps {close[0]}" if close else ""
            raise FaultError(f"unknown endpoint {endpoint}{meant}; known: {', '.join(known)}")
        return [self._tables[endpoint]]


def _refuse_without_effect(kind: FaultKind, endpoint: str) -> None:
    """Raises FaultError for a fault that is not of the endpoint it is asked for at; the text says what would do."""
    if kind.of_chain and endpoint != ALL:
        raise FaultError(f"{kind.name} is a fault of the whole chain, not of {endpoint}; leave the endpoint out")
    if kind.service and endpoint not in {ALL, kind.service}:
        raise FaultError(f"{kind.name} is a fault of {kind.service}, not of {endpoint}; leave the endpoint out")
    taken = _TAKEN.get(endpoint)
    if taken is not None and kind not in taken:
        names = ", ".join(sorted(one.name for one in taken))
        raise FaultError(f"{kind.name} has no effect at {endpoint}, which takes {names}")
