"""The routes to the chain: the pool of RPC endpoints and the stream of launches, put together from their addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import trio
from pydantic import SecretStr

from bot import settings
from bot.api_keys import ENGINE, FEE_HINTS, GRPC, PORTAL, ROUTER, WALLET_HINTS, ApiKeys
from bot.chain.addresses import LANDMARK
from bot.chain.allowance import AllowanceRule
from bot.chain.batches import open_transport
from bot.chain.block_engines import BlockEngines, open_engines
from bot.chain.chain_news import EndpointNews
from bot.chain.credit_file import CreditFile
from bot.chain.endpoint import DISTRUST_S
from bot.chain.endpoints import Endpoints
from bot.chain.geyser import SUBSCRIBE
from bot.chain.geyser_stream import Call, GeyserLaunches, OpenCall
from bot.chain.hinted_launches import HintedLaunches
from bot.chain.http_api import open_http_api
from bot.chain.jupiter import Jupiter
from bot.chain.jupiter_client import JupiterClient
from bot.chain.key_file import Key
from bot.chain.launch_sources import LaunchSources
from bot.chain.launch_stream import SILENCE_S, PumpLaunchStream
from bot.chain.new_key import NewKey, RenewedHints, RenewedSource
from bot.chain.polled_launches import NAME as POLLING
from bot.chain.polled_launches import PolledLaunches, PollingRule
from bot.chain.pool_news import PumpPoolNews
from bot.chain.pump_chain import PumpChain
from bot.chain.raced_news import RacedNews
from bot.chain.routed_chain import RoutedChain
from bot.chain.rpc import RpcClient
from bot.chain.slot_bound import SlotBound
from bot.chain.subscriptions import OwnSubscriptions, WebSocketSubscriptions
from bot.chain.tip_floor import PATH as TIP_FLOOR
from bot.chain.transport import open_http_transport
from bot.chain.unit_prices import FeeHints
from bot.chain.wallet_hints import NAME as HELIUS
from bot.chain.wallet_hints import EnhancedHints
from bot.chain.wallet_stream import GeyserWallets
from bot.clock import Clock
from bot.compose import engine_regions
from bot.errors import ChainUnavailable, StartupError
from bot.execution.event_reads import EventReads
from bot.local_chain import LocalChainAddress
from bot.market.pumpportal import open_portal
from bot.ports import LaunchHints, LaunchSource, WalletNews
from bot.start import Options
from bot.supervision.sections import breaker_rule

Post = Callable[[bytes], Awaitable[bytes]]

RPC_DEADLINE_S = 2.5
CREDIT_FILE = "rpc-credits.json"
SILENT_SLOTS = 4  # a local chain with slots longer than half a second is silent for longer
POLLED_LONGER_S = 6.0
STILL_SLOTS = 6  # the same for how long its slot may stand
LOCAL_ROUTER_REQUESTS_PER_S = 20.0
FIRST_ANSWER_TRIES, FIRST_ANSWER_AGAIN_S = 5, 1.0  # a start waits some 14 s for who is silent, 4 s for who refuses


@asynccontextmanager
async def chain(
    endpoints: Endpoints,
    clock: Clock,
    chosen: settings.Settings,
    cluster: LocalChainAddress,
    keys: ApiKeys,
    *,
    sends: bool,
) -> AsyncIterator[tuple[PumpChain, BlockEngines | None, Jupiter | None]]:
    """The chain, with block engines if any, where orders are sent at all, and with advice on fees and the aggregator if any.

    The aggregator is that of the settings, else the local chain's. Raises StartupError for a URL that is none.
    """
    async with AsyncExitStack() as opened:
        engines = None
        regions = engine_regions(chosen, cluster.engine_url, keys.of_service(ENGINE)) if sends else []
        if regions:
            local_floor = cluster.engine_url + TIP_FLOOR if cluster.engine_url else None
            floor_url = chosen.block_engine.tip_floor_url or local_floor
            engines = await opened.enter_async_context(open_engines(regions, floor_url, clock))
        hints = None
        if chosen.helius.url is not None:
            advisor = open_http_transport(
                chosen.helius.url.get_secret_value(), max_in_flight=4, key=keys.of_service(FEE_HINTS)
            )
            hints = FeeHints(await opened.enter_async_context(advisor))
        wish = chosen.jupiter
        url = wish.url.get_secret_value() if wish.url is not None else cluster.jupiter_url
        if not url:
            yield PumpChain(endpoints, engines, hints), engines, None
            return
        api = await opened.enter_async_context(open_http_api(url, keys.of_service(ROUTER)))
        rate = LOCAL_ROUTER_REQUESTS_PER_S if wish.url is None else wish.requests_per_s
        router = Jupiter(JupiterClient(api), rate, clock, endpoints.newest_slot)
        yield RoutedChain(endpoints, engines, router, hints), engines, router


@asynccontextmanager
async def pool(
    cluster: LocalChainAddress, clock: Clock, options: Options, keys: ApiKeys
) -> AsyncIterator[tuple[Post, Endpoints]]:
    """The pool over a cluster's endpoints, each asked which chain it serves, and the bare way to the first of them.

    What was asked this month is kept at the end. Raises ChainUnavailable when nobody answers, StartupError when all who
    answer serve another chain or when the settings name an endpoint that is not there, or a URL that is none.
    """
    chosen = options.settings.rpc
    wishes = listed(chosen, len(cluster.http_urls))
    async with AsyncExitStack() as opened:
        transports = [
            await opened.enter_async_context(
                open_transport(url, batch=wish.batch, http2=wish.http2, key=keys.of_endpoint(place))
            )
            for place, (url, wish) in enumerate(zip(cluster.http_urls, wishes, strict=True))
        ]
        clients = [
            RpcClient(transport, RPC_DEADLINE_S, at_once=wish.batch)
            for transport, wish in zip(transports, wishes, strict=True)
        ]
        endpoints = _pool_over(clients, clock, options, keys)
        await first_answer(endpoints, cluster.genesis_hash)
        try:
            yield transports[0].post, endpoints
        finally:
            with trio.CancelScope(shield=True):
                await endpoints.keep_credits()


async def first_answer(endpoints: Endpoints, genesis_hash: str | None) -> str:
    """Which chain the endpoints serve, as `Endpoints.admit`, asked again while nobody answers; raises what the last try did.

    A start is not given up, and positions are not left unwatched, for two slow seconds of a provider or of this machine.
    """
    for _ in range(FIRST_ANSWER_TRIES - 1):
        try:
            return await endpoints.admit(genesis_hash)
        except ChainUnavailable:
            await trio.sleep(FIRST_ANSWER_AGAIN_S)
    return await endpoints.admit(genesis_hash)


def _pool_over(clients: Sequence[RpcClient], clock: Clock, options: Options, keys: ApiKeys) -> Endpoints:
    chosen = options.settings.rpc
    endpoints = Endpoints(
        clients,
        clock,
        breaker_rule(options.supervision),
        max_lag_slots=chosen.max_lag_slots,
        max_still_s=max(chosen.max_still_s, STILL_SLOTS * options.settings.localnet.slot_ms / 1000),
        allowances=allowances(chosen, len(clients)),
        credit_file=CreditFile(options.directory / CREDIT_FILE),
        landmark=LANDMARK,
    )
    for place, client in enumerate(clients):
        client.note = keys.note(place)
        keys.tell(place, partial(endpoints.new_key, place))
    return endpoints


def allowances(chosen: settings.Rpc, count: int) -> list[AllowanceRule]:
    """The rule of each endpoint in order; raises StartupError for settings that cannot be meant."""
    for path, fault in settings.endpoint_faults(chosen, count):
        raise StartupError(f"{'.'.join(path)}: {fault}")
    rules = {f"rpc-{place}": AllowanceRule() for place in range(1, count + 1)}
    for one in chosen.endpoints:
        rules[one.name] = AllowanceRule(
            frozenset(one.roles),
            one.requests_per_second,
            one.requests_per_month,
            settings.basis_points(one.exit_share_percent),
        )
    return list(rules.values())


def listed(chosen: settings.Rpc, count: int) -> list[settings.RpcEndpoint]:
    """What the settings say of each endpoint, in order; of one that is not listed, the defaults."""
    told = {one.name: one for one in chosen.endpoints}
    names = [f"rpc-{place}" for place in range(1, count + 1)]
    return [told.get(name) or settings.RpcEndpoint(name=name) for name in names]


@dataclass(frozen=True, slots=True)
class StreamTerms:
    """What all streams of one cluster have in common: keys, how long a slot is, what can be read of them, what can be."""

    keys: ApiKeys
    slot_ms: int
    reads: EventReads
    bound: SlotBound

    @property
    def silence_s(self) -> float:
        """For how long a stream that is judged by its slots may tell no new one."""
        return max(SILENCE_S, SILENT_SLOTS * self.slot_ms / 1000)


def stream_terms(endpoints: Endpoints, keys: ApiKeys, slot_ms: int) -> StreamTerms:
    """How far ahead of the endpoints a stream may be is one bound for all; an endpoint alone is followed again at once."""
    rest_s = DISTRUST_S if len(endpoints.names) > 1 else 0.0
    bound = SlotBound(endpoints.newest_slot, endpoints.distrust, slot_s=slot_ms / 1000, rest_s=rest_s)
    return StreamTerms(keys, slot_ms, EventReads(), bound)


def _streams(
    urls: Sequence[str], endpoints: Endpoints, chosen: settings.Rpc, terms: StreamTerms
) -> list[OwnSubscriptions]:
    """Those of the addresses whose endpoint has the role for it, heard while it serves our chain."""
    rules = allowances(chosen, len(urls))
    places = [place for place, rule in enumerate(rules) if "stream" in rule.roles]
    return [
        OwnSubscriptions(
            WebSocketSubscriptions(urls[place], key=terms.keys.of_endpoint(place)),
            partial(endpoints.refuses, place),
            bound=terms.bound,
            teller=endpoints.names[place],
        )
        for place in places
    ]


def pool_news(
    urls: Sequence[str],
    endpoints: Endpoints,
    chosen: settings.Rpc,
    terms: StreamTerms,
) -> PumpPoolNews:
    """Word of trades in pools over the same addresses."""
    sources = _streams(urls, endpoints, chosen, terms)
    return PumpPoolNews(sources, endpoints.newest_slot, silence_s=terms.silence_s, reads=terms.reads)


def chain_news(
    urls: Sequence[str],
    endpoints: Endpoints,
    chosen: settings.Rpc,
    terms: StreamTerms,
) -> EndpointNews | None:
    """Word of orders on their way over the same addresses; None where the settings allow no subscription for it."""
    if chosen.subscriptions_max == 0:
        return None
    sources = _streams(urls, endpoints, chosen, terms)
    raced = RacedNews(sources, endpoints.newest_slot, silence_s=terms.silence_s, bound=terms.bound)
    return EndpointNews(raced, most=chosen.subscriptions_max, others=len(endpoints.names) > 1)


def launch_stream(
    cluster: LocalChainAddress,
    endpoints: Endpoints,
    chain: PumpChain,
    clock: Clock,
    chosen: settings.Settings,
    *,
    terms: StreamTerms,
) -> LaunchSources:
    """Launches from all sources of the settings.

    Raises StartupError where one cannot be had, or none tells of trades.
    """

    def logs() -> LaunchSource:
        streams = _streams(cluster.ws_urls, endpoints, chosen.rpc, terms)
        return PumpLaunchStream(
            streams,
            chain.recorded,
            chain.signatures_since,
            clock,
            silence_s=terms.silence_s,
            reads=terms.reads,
            newest_slot=chain.newest_slot,
            tellers=[stream.teller for stream in streams],
            bound=terms.bound,
            others=len(endpoints.names) > 1,
        )

    def pumpportal() -> LaunchSource:
        new_key = _told(terms.keys, PORTAL)
        hints = RenewedHints(_portal(chosen.streams, cluster.pumpportal_url, terms.keys), new_key)
        return HintedLaunches(
            hints, chain.recorded, clock, per_second=chosen.streams.reads_per_second, bound=terms.bound
        )

    def grpc() -> LaunchSource:
        call = _geyser(chosen.streams, cluster.grpc_url, terms.keys)
        source = GeyserLaunches(
            call, chain.newest_slot, clock, silence_s=terms.silence_s, reads=terms.reads, bound=terms.bound
        )
        return RenewedSource(source, _told(terms.keys, GRPC))

    makers: dict[str, Callable[[], LaunchSource]] = {"logs": logs, "grpc": grpc, "pumpportal": pumpportal}
    sources = [makers[name]() for name in chosen.streams.sources if name != POLLING]
    polling = _polling(chain, clock, chosen, terms.bound) if POLLING in chosen.streams.sources else None
    if polling is None and not any(source.complete for source in sources):
        raise StartupError(
            "streams.sources: pumpportal tells no trades without streams.pumpportal_key; set it, or name another source"
        )
    return LaunchSources(sources, clock, polling)


def wallet_news(
    cluster: LocalChainAddress,
    newest_slot: Callable[[], int],
    chosen: settings.Settings,
    *,
    terms: StreamTerms,
    is_local: bool,
) -> WalletNews | None:
    """What followed wallets do, from the source of the settings; None where their histories are polled and no more.

    `newest_slot` is that of the RPC endpoints. Raises StartupError for a source without an address.
    """
    if chosen.tracking.source == POLLING:
        return None
    if chosen.tracking.source == HELIUS:
        wish = chosen.tracking.helius_url
        own_url = cluster.ws_urls[0] if is_local else ""
        url = own_url if wish is None else wish.get_secret_value()
        if urlsplit(url).scheme not in {"ws", "wss"}:
            raise StartupError("tracking.source names helius; give its address in tracking.helius_url, ws:// or wss://")
        socket = WebSocketSubscriptions(url, key=terms.keys.of_service(WALLET_HINTS))
        source = OwnSubscriptions(socket, lambda: False, bound=terms.bound)
        return EnhancedHints(source, newest_slot, silence_s=terms.silence_s)
    call = _geyser(chosen.streams, cluster.grpc_url, terms.keys, "tracking.source")
    news = GeyserWallets(
        call, newest_slot, silence_s=terms.silence_s, per_call=chosen.tracking.wallets_per_call, bound=terms.bound
    )
    terms.keys.tell_service(GRPC, news.key_changed)
    return news


def _told(keys: ApiKeys, setting: str) -> NewKey:
    """When the key changes that this setting names."""
    new_key = NewKey()
    keys.tell_service(setting, new_key.came)
    return new_key


def _polling(chain: PumpChain, clock: Clock, chosen: settings.Settings, bound: SlotBound) -> PolledLaunches:
    """The last source; it follows a coin for as long as a tracker observes it, and a little longer."""
    rule = PollingRule(
        interval_s=chosen.streams.poll_interval_s,
        per_second=chosen.streams.reads_per_second,
        follow_s=chosen.trading.observe_s + POLLED_LONGER_S,
    )
    return PolledLaunches(chain.signatures_of, chain.recorded, chain.newest_slot, clock, rule, bound=bound)


def _geyser(
    chosen: settings.Streams, local_url: str | None, keys: ApiKeys, named_by: str = "streams.sources"
) -> OpenCall:
    """A Geyser stream at the address of the settings, else the local chain's; each call carries the token of that moment."""
    try:
        from bot.chain import grpc_call
    except ImportError:
        raise StartupError(f"{named_by} names grpc, which needs the library h2; install it: pip install h2") from None
    url = local_url if chosen.grpc_url is None else chosen.grpc_url.get_secret_value()
    if url is None:
        raise StartupError(f"{named_by} names grpc; give its address in streams.grpc_url")
    target, token = grpc_call.target_of(url), keys.of_service(GRPC) or _fixed(chosen.grpc_token)

    def open_call() -> AbstractAsyncContextManager[Call]:
        return grpc_call.open_call(target, SUBSCRIBE, [] if token is None else [("x-token", token())])

    return open_call


def _fixed(secret: SecretStr | None) -> Key | None:
    """A key that stands in the settings themselves and never changes."""
    return None if secret is None else secret.get_secret_value


def _portal(chosen: settings.Streams, local_url: str | None, keys: ApiKeys) -> LaunchHints:
    """PumpPortal at the address of the settings, else its stand-in beside the local chain."""
    url = chosen.pumpportal_url or local_url
    if url is None:
        raise StartupError("streams.sources names pumpportal; give its address in streams.pumpportal_url")
    key = keys.of_service(PORTAL) or _fixed(chosen.pumpportal_key)
    return open_portal(url, key, silence_s=chosen.pumpportal_silence_s)
