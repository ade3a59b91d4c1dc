"""The local chain as a process: doors on loopback, a block every slot, and an orderly end.

It writes `localnet.json` into its data directory once it answers, and removes it when it ends in order.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import trio

from bot.localnet import dollars
from bot.localnet.cluster import Cluster
from bot.localnet.dexscreener import DEFAULT_LISTED_AFTER_S
from bot.localnet.doors.connections import HOST, Listeners, open_all_listeners
from bot.localnet.doors.control import ControlDoor, socket_path
from bot.localnet.doors.http import AskedDoor, HttpDoor, PathDoor
from bot.localnet.doors.websocket import WebSocketDoor
from bot.localnet.errors import LocalnetError
from bot.localnet.faults import BIRDEYE_DOWN, DEXSCREENER_DOWN, ENGINE_DOWN, JUPITER_DOWN, RATINGS_DOWN, SOCIAL_DOWN
from bot.localnet.market.choice import choose_market

READY_FILE = "localnet.json"
HAS_GRPC = importlib.util.find_spec("h2") is not None  # a Geyser stream is told only where its library is installed


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for. `seed` None: the stored chain's, or a random one for a new chain.

    `genesis_hash` is in base58, None for one of a new chain's own or the stored one's.
    """

    directory: Path
    port: int
    seed: int | None
    slot_ms: int
    market_file: Path | None
    speed: float
    market: bool
    parent_pid: int | None
    endpoints: int = 1
    genesis_hash: str | None = None
    listed_after_s: float = DEFAULT_LISTED_AFTER_S


def run(options: Options) -> int:
    """Run the chain until a signal or its parent's end; the exit code."""
    try:
        return trio.run(_serve, options)
    except LocalnetError as error:
        print(f"localnet: {error}", file=sys.stderr)
        return 1


async def _serve(options: Options) -> int:
    control_path = socket_path(options.directory)
    cluster = Cluster.open(
        options.directory,
        seed=options.seed,
        genesis_hash=options.genesis_hash,
        salt=time.time_ns().to_bytes(8, "little") + secrets.token_bytes(24),
        time_s=int(time.time()),
        clock=trio.current_time,
        make_market=lambda seed: choose_market(seed, options.market_file, options.speed, enabled=options.market),
        slot_ms=options.slot_ms,
        endpoints=options.endpoints,
        listed_after_s=options.listed_after_s,
    )
    try:
        await _run_doors(options, cluster, control_path)
    finally:
        cluster.close()
    return 0


async def _run_doors(options: Options, cluster: Cluster, control_path: Path) -> None:
    control = ControlDoor(cluster.all_faults, cluster.fork, cluster.status)
    *listeners, engine, streams, tellers, people = await open_all_listeners(options.port, len(cluster.endpoints) + 4)
    for unused in () if HAS_GRPC else streams.http:
        await unused.aclose()
    control_listener = await control.open(control_path)
    ready_path = trio.Path(options.directory / READY_FILE)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            for endpoint, pair in zip(cluster.endpoints, listeners, strict=True):
                http = HttpDoor(
                    endpoint.faults,
                    endpoint.rates,
                    endpoint.dispatcher.handle_bytes,
                    show=lambda target: dollars.answer(target, cluster.chain.position.slot, cluster.seed),
                )
                websocket = WebSocketDoor(endpoint.faults, endpoint.pubsub.open_at)
                nursery.start_soon(trio.serve_listeners, http.serve, pair.http)
                nursery.start_soon(trio.serve_listeners, websocket.serve, pair.websocket)
            bundles = HttpDoor(
                cluster.engine.faults,
                cluster.engine,
                cluster.engine.handle_bytes,
                shut_by=ENGINE_DOWN,
                show=cluster.engine.shown,
            )
            nursery.start_soon(trio.serve_listeners, bundles.serve, engine.http)
            portal = WebSocketDoor(cluster.portal.faults, cluster.portal.open)
            nursery.start_soon(trio.serve_listeners, portal.serve, engine.websocket)
            routes = PathDoor(cluster.router.faults, cluster.router, cluster.router.handle, shut_by=JUPITER_DOWN)
            nursery.start_soon(trio.serve_listeners, routes.serve, streams.websocket)
            nursery.start_soon(_serve_tellers, cluster, tellers)
            nursery.start_soon(_serve_people, cluster, people)
            if HAS_GRPC:
                nursery.start_soon(_serve_grpc, cluster, streams)
            nursery.start_soon(trio.serve_listeners, control.serve, [control_listener])
            nursery.start_soon(_produce_blocks, cluster)
            if options.parent_pid is not None:
                nursery.start_soon(_end_with_parent, options.parent_pid, nursery.cancel_scope)
            ready = _ready_record(cluster, listeners, Beside(engine, streams, tellers, people))
            await _write_atomically(ready_path, msgspec.json.encode(ready))
            print(f"localnet: {ready['http_url']} {ready['ws_url']} genesis {ready['genesis_hash']}", flush=True)
            async for _ in signals:
                break
            nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await ready_path.unlink(missing_ok=True)
            await trio.Path(control_path).unlink(missing_ok=True)


async def _serve_grpc(cluster: Cluster, streams: Listeners) -> None:
    from bot.localnet.doors.grpc import GrpcDoor

    await trio.serve_listeners(GrpcDoor(cluster.geyser).serve, streams.http)


async def _serve_tellers(cluster: Cluster, tellers: Listeners) -> None:
    """Those who tell of tokens: DexScreener on the first port of the pair, Birdeye on the second."""
    dexscreener, birdeye = cluster.dexscreener, cluster.birdeye
    pairs = AskedDoor(dexscreener.faults, dexscreener, dexscreener.handle, shut_by=DEXSCREENER_DOWN)
    tokens = AskedDoor(birdeye.faults, birdeye, birdeye.handle, shut_by=BIRDEYE_DOWN)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, pairs.serve, tellers.http)
        nursery.start_soon(trio.serve_listeners, tokens.serve, tellers.websocket)


async def _serve_people(cluster: Cluster, people: Listeners) -> None:
    """Where people write on the first port of the pair, those who count their moods on the second."""
    social, ratings = cluster.social, cluster.ratings
    posts = AskedDoor(social.faults, social, social.handle, shut_by=SOCIAL_DOWN, forms=social.handle_form)
    moods = AskedDoor(ratings.faults, ratings, ratings.handle, shut_by=RATINGS_DOWN)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, posts.serve, people.http)
        nursery.start_soon(trio.serve_listeners, moods.serve, people.websocket)


@dataclass(frozen=True, slots=True)
class Beside:
    """The pairs of doors beside those of the endpoints: each serves one thing on its first port, and another on its second."""

    engine: Listeners
    streams: Listeners
    tellers: Listeners
    people: Listeners


def _ready_record(cluster: Cluster, listeners: list[Listeners], beside: Beside) -> dict[str, Any]:
    """What `localnet.json` holds; `http_url` and `ws_url` are those of the first endpoint."""
    endpoints = [
        {
            "name": endpoint.name,
            "http_url": f"http://{HOST}:{pair.port}",
            "ws_url": f"ws://{HOST}:{pair.port + 1}",
        }
        for endpoint, pair in zip(cluster.endpoints, listeners, strict=True)
    ]
    return {
        "pid": os.getpid(),
        "http_url": endpoints[0]["http_url"],
        "ws_url": endpoints[0]["ws_url"],
        "endpoints": endpoints,
        "engine_url": f"http://{HOST}:{beside.engine.port}",
        "pumpportal_url": f"ws://{HOST}:{beside.engine.port + 1}/api/data",
        "grpc_url": f"http://{HOST}:{beside.streams.port}" if HAS_GRPC else None,
        "jupiter_url": f"http://{HOST}:{beside.streams.port + 1}",
        "dexscreener_url": f"http://{HOST}:{beside.tellers.port}",
        "birdeye_url": f"http://{HOST}:{beside.tellers.port + 1}",
        "social_url": f"http://{HOST}:{beside.people.port}",
        "ratings_url": f"http://{HOST}:{beside.people.port + 1}",
        "genesis_hash": str(cluster.chain.genesis_hash),
        "slot_ms": cluster.slot_ms,
        "seed": cluster.seed,
        "market": None if cluster.market is None else cluster.market.name,
    }


async def _write_atomically(path: trio.Path, content: bytes) -> None:
    temporary = path.with_suffix(".tmp")
    await temporary.write_bytes(content)
    await temporary.replace(path)


async def _produce_blocks(cluster: Cluster) -> None:
    """One block per slot; slots that were missed (a suspended machine) are not made up for, nor are skipped ones."""
    slot_s = cluster.slot_ms / 1000
    next_s = trio.current_time()
    while True:
        next_s = max(next_s + slot_s, trio.current_time())
        await trio.sleep_until(next_s)
        cluster.tick(int(time.time()))


async def _end_with_parent(parent_pid: int, scope: trio.CancelScope) -> None:
    """Cancel `scope` when the parent process ends, however it ends.

    A pidfd and not PR_SET_PDEATHSIG: that signal fires when the parent's *thread* ends, and trio starts processes from
    worker threads that end after some idle seconds.
    """
    try:
        handle = os.pidfd_open(parent_pid)
    except ProcessLookupError:
        scope.cancel()
        return
    try:
        if os.getppid() == parent_pid:
            await trio.lowlevel.wait_readable(handle)
        scope.cancel()
    finally:
        os.close(handle)
