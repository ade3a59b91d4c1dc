"""The endpoints of the local cluster: each answers for the same chain, with faults and subscriptions of its own."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.localnet.chain import Chain
from bot.localnet.faucet import Faucet
from bot.localnet.faults import DROP_TX, KINDS, LOGS, FaultError, FaultTable, RateGate
from bot.localnet.rpc.dispatch import Dispatcher
from bot.localnet.rpc.node import RpcNode
from bot.localnet.rpc.pubsub import PubSub
from bot.localnet.rpc.view import View
from bot.localnet.store import Store

ALL = "all"
ENGINE = "engine"
ROUTER = "jupiter"


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
    """The faults of several endpoints, of the block engine, of further sources of launches and of the aggregator.

    They are switched for one by its name or for all. `all` are the RPC endpoints, and for `drop-tx` the engine too, for
    faults of streams every source. A fault of the engine's or the aggregator's own kind goes there, whatever endpoint is
    named.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        engine: FaultTable,
        sources: Mapping[str, FaultTable],
        router: FaultTable,
    ) -> None:
        self._tables = {endpoint.name: endpoint.faults for endpoint in endpoints}
        self._engine = engine
        self._sources = dict(sources)
        self._router = router

    def set(self, name: str, *, for_s: float, delay_ms: int = 0, endpoint: str = ALL) -> None:
        """Switch a fault on for a while; raises FaultError for a fault or an endpoint that does not exist."""
        kind = KINDS.get(name)
        chosen = self._chosen(endpoint)
        if kind is not None and kind.of_engine:
            chosen = [self._engine]
        elif kind is not None and kind.of_router:
            chosen = [self._router]
        elif kind is DROP_TX and endpoint == ALL:
            chosen.append(self._engine)
        elif kind is not None and kind.of_streams and endpoint == ALL:
            chosen += self._sources.values()
        for table in chosen:
            table.set(name, for_s=for_s, delay_ms=delay_ms)

    def clear(self, endpoint: str = ALL) -> int:
        """Switch every fault off, those of all services beside the endpoints with all; says how many were on."""
        others = (self._engine, *self._sources.values(), self._router) if endpoint == ALL else ()
        return sum(table.clear() for table in (*self._chosen(endpoint), *others))

    def active(self) -> list[dict[str, object]]:
        """The faults that are on, each with its endpoint."""
        tables = {**self._tables, ENGINE: self._engine, **self._sources, ROUTER: self._router}
        return [{"endpoint": name, **fault} for name, table in tables.items() for fault in table.active()]

    def _chosen(self, endpoint: str) -> list[FaultTable]:
        if endpoint in {ALL, LOGS}:
            return list(self._tables.values())
        others = {ENGINE: self._engine, **self._sources, ROUTER: self._router}
        if endpoint in others:
            return [others[endpoint]]
        if endpoint not in self._tables:
            known = [*self._tables, *others, ALL]
            close = difflib.get_close_matches(endpoint, known, n=1)
            meant = f", perhaps {close[0]}" if close else ""
            raise FaultError(f"unknown endpoint {endpoint}{meant}; known: {', '.join(known)}")
        return [self._tables[endpoint]]
