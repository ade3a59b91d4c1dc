"""The routes to the chain: the pool of RPC endpoints and the stream of launches, put together from their addresses."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chain.breaker import BreakerRule
from bot.chain.endpoints import Endpoints
from bot.chain.launch_stream import SILENCE_S, PumpLaunchStream
from bot.chain.pool_news import PumpPoolNews
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import WebSocketSubscriptions
from bot.chain.transport import Transport
from bot.clock import Clock

RPC_DEADLINE_S = 2.5
SILENT_SLOTS = 4  # a local chain with slots longer than half a second is silent for longer


async def admitted(transports: Sequence[Transport], genesis_hash: str, clock: Clock, breaker: BreakerRule) -> Endpoints:
    """The pool over these endpoints, each asked which chain it serves.

    Raises ChainUnavailable when nobody answers, StartupError when all who answer serve another chain.
    """
    endpoints = Endpoints([RpcClient(transport, RPC_DEADLINE_S) for transport in transports], clock, breaker)
    await endpoints.admit(genesis_hash)
    return endpoints


def pool_news(urls: Sequence[str]) -> PumpPoolNews:
    """Word of trades in pools over the same addresses."""
    return PumpPoolNews([WebSocketSubscriptions(url) for url in urls])


def launch_stream(urls: Sequence[str], chain: PumpChain, clock: Clock, slot_ms: int) -> PumpLaunchStream:
    """The launchpad's events over the WebSockets at these addresses."""
    return PumpLaunchStream(
        [WebSocketSubscriptions(url) for url in urls],
        chain.events_of,
        chain.signatures_since,
        clock,
        silence_s=max(SILENCE_S, SILENT_SLOTS * slot_ms / 1000),
    )
