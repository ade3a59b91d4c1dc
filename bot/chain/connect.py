"""From endpoint URLs to the ports: what the composition root calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from bot.chain.endpoints import Endpoints
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import Subscriptions
from bot.chain.transport import Transport, open_http_transport
from bot.clock import Clock

CALL_DEADLINE_S = 3.0


def pump_chain(transports: Sequence[Transport], clock: Clock, *, deadline_s: float = CALL_DEADLINE_S) -> PumpChain:
    """The port `Chain` over transports in order of preference; every call to each has the deadline."""
    return PumpChain(Endpoints([RpcClient(transport, deadline_s) for transport in transports], clock))


@asynccontextmanager
async def open_pump_chain(
    http_urls: Sequence[str], clock: Clock, *, deadline_s: float = CALL_DEADLINE_S
) -> AsyncIterator[PumpChain]:
    """The same over HTTP endpoints, for the time of the block; raises StartupError for a URL that is none."""
    async with AsyncExitStack() as stack:
        transports = [await stack.enter_async_context(open_http_transport(url)) for url in http_urls]
        yield pump_chain(transports, clock, deadline_s=deadline_s)


def launch_stream(
    subscriptions: Subscriptions, chain: PumpChain, clock: Clock, *, silence_s: float = 10.0
) -> PumpLaunchStream:
    """The port `LaunchStream` over one endpoint's subscriptions; logs that were cut are looked up through `chain`."""
    return PumpLaunchStream(subscriptions, chain.events_of, clock, silence_s=silence_s)
