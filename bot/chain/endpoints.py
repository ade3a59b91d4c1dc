"""The configured endpoints together: reads with failover in order, sends to all, and the health that status shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog
import trio

from bot.chain.rpc import RpcClient, RpcFault
from bot.clock import Clock
from bot.errors import BotError, ChainUnavailable
from bot.ports import EndpointHealth

Answer = TypeVar("Answer")
Ask = Callable[[RpcClient], Awaitable[Answer]]

# An endpoint that failed is asked last for this long, so that a dead first one costs its deadline now and then, not always.
COOL_DOWN_S = 2.0

# Answers that tell of the endpoint's own state (Agave custom_error.rs): behind, block or status not there yet, internal.
UNHEALTHY_CODES = frozenset({-32004, -32005, -32014, -32016, -32603})

log = structlog.get_logger()


class Endpoint:
    """One endpoint and its health. Until it has answered once it is not healthy."""

    def __init__(self, client: RpcClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._healthy = False
        self._since_ms = clock.now_ms()
        self._detail = "not asked yet"
        self._failed_at_s: float | None = None

    def __repr__(self) -> str:
        return f"<Endpoint {self.name} {'healthy' if self._healthy else self._detail}>"

    @property
    def name(self) -> str:
        return self._client.name

    @property
    def cooling_down(self) -> bool:
        return self._failed_at_s is not None and trio.current_time() < self._failed_at_s + COOL_DOWN_S

    def health(self) -> EndpointHealth:
        return EndpointHealth(self.name, self._healthy, self._since_ms, self._client.last_slot, self._detail)

    async def ask(self, question: Ask[Answer]) -> Answer:
        """Put a question to this endpoint and note how it fared; raises what the question raises."""
        try:
            answer = await question(self._client)
        except ChainUnavailable as error:
            if not isinstance(error, RpcFault) or error.code in UNHEALTHY_CODES:
                self._failed_at_s = trio.current_time()
                self._turn(healthy=False, detail=str(error))
            raise
        except BotError:
            self._turn(healthy=True, detail="")
            raise
        self._failed_at_s = None
        self._turn(healthy=True, detail="")
        return answer

    def _turn(self, *, healthy: bool, detail: str) -> None:
        if healthy != self._healthy:
            self._since_ms = self._clock.now_ms()
            log.info("endpoint_turned", endpoint=self.name, healthy=healthy, detail=detail)
        self._healthy = healthy
        self._detail = detail


class Endpoints:
    """All endpoints in the order of the settings. The order is the preference."""

    def __init__(self, clients: Sequence[RpcClient], clock: Clock) -> None:
        if not clients:
            raise ValueError("no endpoint is configured")
        self._endpoints = tuple(Endpoint(client, clock) for client in clients)

    def __repr__(self) -> str:
        return f"<Endpoints {', '.join(endpoint.name for endpoint in self._endpoints)}>"

    def health(self) -> list[EndpointHealth]:
        return [endpoint.health() for endpoint in self._endpoints]

    async def first(self, question: Ask[Answer]) -> Answer:
        """The first usable answer in order; raises ChainUnavailable with every endpoint's trouble when there is none."""
        troubles: list[str] = []
        for endpoint in sorted(self._endpoints, key=lambda endpoint: endpoint.cooling_down):
            try:
                return await endpoint.ask(question)
            except ChainUnavailable as error:
                troubles.append(str(error))
        raise ChainUnavailable("; ".join(troubles))

    async def first_known(self, question: Ask[Answer | None]) -> Answer | None:
        """The first answer that is not None; None when every endpoint that answered knew nothing.

        Raises ChainUnavailable when not one answered.
        """
        troubles: list[str] = []
        for endpoint in sorted(self._endpoints, key=lambda endpoint: endpoint.cooling_down):
            try:
                answer = await endpoint.ask(question)
            except ChainUnavailable as error:
                troubles.append(str(error))
                continue
            if answer is not None:
                return answer
        if len(troubles) == len(self._endpoints):
            raise ChainUnavailable("; ".join(troubles))
        return None

    async def every(self, question: Ask[Answer]) -> list[tuple[str, Answer | BotError]]:
        """What each endpoint answered or raised, asked at the same time, as (name, answer) in order."""
        answers: dict[int, Answer | BotError] = {}

        async def ask(index: int, endpoint: Endpoint) -> None:
            try:
                answers[index] = await endpoint.ask(question)
            except BotError as error:
                answers[index] = error

        async with trio.open_nursery() as nursery:
            for index, endpoint in enumerate(self._endpoints):
                nursery.start_soon(ask, index, endpoint)
        return [(endpoint.name, answers[index]) for index, endpoint in enumerate(self._endpoints)]
