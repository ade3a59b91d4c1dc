"""The routes to the chain: the pool of RPC endpoints and the stream of launches, put together from their addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio

from bot import settings
from bot.chain.allowance import ALL_ROLES, AllowanceRule
from bot.chain.credit_file import CreditFile
from bot.chain.endpoints import Endpoints
from bot.chain.launch_stream import SILENCE_S, PumpLaunchStream
from bot.chain.pool_news import PumpPoolNews
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import OwnSubscriptions, WebSocketSubscriptions
from bot.chain.transport import Transport
from bot.clock import Clock
from bot.errors import StartupError
from bot.start import Options
from bot.supervision_sections import breaker_rule

RPC_DEADLINE_S = 2.5
WITNESSES = frozenset({"read", "history"})  # what is gone, or was never there, must be said by two
CREDIT_FILE = "rpc-credits.json"
SILENT_SLOTS = 4  # a local chain with slots longer than half a second is silent for longer
STILL_SLOTS = 6  # the same for how long its slot may stand


@asynccontextmanager
async def pool(
    transports: Sequence[Transport], genesis_hash: str, clock: Clock, options: Options
) -> AsyncIterator[Endpoints]:
    """The pool over these endpoints, each asked which chain it serves; what was asked this month is kept at the end.

    Raises ChainUnavailable when nobody answers, StartupError when all who answer serve another chain or when the settings
    name an endpoint that is not there.
    """
    chosen = options.settings.rpc
    endpoints = Endpoints(
        [RpcClient(transport, RPC_DEADLINE_S) for transport in transports],
        clock,
        breaker_rule(options.supervision),
        max_lag_slots=chosen.max_lag_slots,
        max_still_s=max(chosen.max_still_s, STILL_SLOTS * options.settings.localnet.slot_ms / 1000),
        allowances=allowances(chosen, len(transports)),
        credit_file=CreditFile(options.directory / CREDIT_FILE),
    )
    await endpoints.admit(genesis_hash)
    try:
        yield endpoints
    finally:
        with trio.CancelScope(shield=True):
            await endpoints.keep_credits()


def allowances(chosen: settings.Rpc, count: int) -> list[AllowanceRule]:
    """The rule of each endpoint in order; raises StartupError for settings that cannot be meant."""
    names = [f"rpc-{place}" for place in range(1, count + 1)]
    rules = {name: AllowanceRule() for name in names}
    for place, one in enumerate(chosen.endpoints):
        if one.name not in rules:
            raise StartupError(f"rpc.endpoints[{place}].name: there is no {one.name}; there are {', '.join(names)}")
        if one.name in {before.name for before in chosen.endpoints[:place]}:
            raise StartupError(f"rpc.endpoints[{place}].name: {one.name} is listed twice")
        rules[one.name] = AllowanceRule(
            frozenset(one.roles),
            one.requests_per_second,
            one.requests_per_month,
            settings.basis_points(one.exit_share_percent),
        )
    for role in sorted(ALL_ROLES):
        needed = min(count, 2) if role in WITNESSES else 1
        if sum(role in rule.roles for rule in rules.values()) < needed:
            raise StartupError(
                f"rpc.endpoints: the role {role} is given to fewer than {needed}; what is gone needs two"
            )
    return list(rules.values())


def batches(chosen: settings.Rpc, count: int) -> list[int]:
    """How many requests each endpoint takes at once, in order."""
    told = {one.name: one.batch for one in chosen.endpoints}
    usual: int = settings.RpcEndpoint.model_fields["batch"].default
    return [told.get(f"rpc-{place}", usual) for place in range(1, count + 1)]


def _streams(urls: Sequence[str], endpoints: Endpoints, chosen: settings.Rpc) -> list[OwnSubscriptions]:
    """Those of the addresses whose endpoint has the role for it, heard while it serves our chain."""
    rules = allowances(chosen, len(urls))
    return [
        OwnSubscriptions(WebSocketSubscriptions(url), partial(endpoints.refuses, place))
        for place, (url, rule) in enumerate(zip(urls, rules, strict=True))
        if "stream" in rule.roles
    ]


def pool_news(urls: Sequence[str], endpoints: Endpoints, chosen: settings.Rpc) -> PumpPoolNews:
    """Word of trades in pools over the same addresses."""
    return PumpPoolNews(_streams(urls, endpoints, chosen))


def launch_stream(
    urls: Sequence[str], endpoints: Endpoints, chain: PumpChain, clock: Clock, chosen: settings.Rpc, *, slot_ms: int
) -> PumpLaunchStream:
    """The launchpad's events over the WebSockets at these addresses."""
    return PumpLaunchStream(
        _streams(urls, endpoints, chosen),
        chain.events_of,
        chain.signatures_since,
        clock,
        silence_s=max(SILENCE_S, SILENT_SLOTS * slot_ms / 1000),
    )
