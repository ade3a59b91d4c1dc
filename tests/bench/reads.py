"""Reads of balances over HTTP from a chain in a process of its own: one after the other, and many at once.

The floor is what one would write without this program: an httpx client, a request per read, its JSON in and out. What HTTP/2
costs is held against ours over HTTP/1.1.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import httpx
import trio

from bot.chain.batches import open_transport
from bot.chain.rpc import RpcClient
from tests.bench.measure import Metrics, Rounds, compete_inside, cpu_s
from tests.bench.remote import BATCH, RPC_DEADLINE_S, remote_chain
from tests.bench.table import Line, line, rate, ratio_of_at_least

ROUNDS = 5
READS = 400
AT_ONCE = 100
WALLET = "11111111111111111111111111111112"
# A flatten of a thousand positions leaves 5 ms of CPU for each exit, reads and all.
LEAST_RATIO_AT_ONCE = 4.0

Read = Callable[[], Awaitable[object]]


def reads(draw: random.Random) -> list[Line]:
    """CPU of the reader alone; the chain's own is in its own process."""
    with tempfile.TemporaryDirectory() as folder:
        rounds = trio.run(_measure, Path(folder), draw)
    return [
        line(rounds, "balance read over HTTP, one after the other", "ours by 1", "plain httpx by 1", rate),
        line(
            rounds,
            f"balance read over HTTP, {AT_ONCE} at once",
            f"ours by {AT_ONCE}",
            f"plain httpx by {AT_ONCE}",
            rate,
            goal=ratio_of_at_least(LEAST_RATIO_AT_ONCE),
        ),
        *(
            line(rounds, f"the same over HTTP/2, {how}", f"ours over HTTP/2 by {readers}", f"ours by {readers}", rate)
            for how, readers in (("one after the other", 1), (f"{AT_ONCE} at once", AT_ONCE))
        ),
    ]


async def _measure(root: Path, draw: random.Random) -> Rounds:
    async with remote_chain(root) as chain, httpx.AsyncClient(trust_env=False) as plain:
        url = chain.address.http_urls[0]
        async with (
            open_transport(url, batch=BATCH) as transport,
            open_transport(url, batch=BATCH, http2=True) as over_http2,
        ):
            ours = Reader("ours", partial(RpcClient(transport, RPC_DEADLINE_S).balance, WALLET, "confirmed"))
            newer = RpcClient(over_http2, RPC_DEADLINE_S)
            other = Reader("ours over HTTP/2", partial(newer.balance, WALLET, "confirmed"))
            floor = Reader("plain httpx", partial(_plain, plain, url, count(1)))
            turns = [partial(one.turn, readers) for one in (ours, other, floor) for readers in (1, AT_ONCE)]
            return await compete_inside(turns, rounds=ROUNDS, draw=draw)


@dataclass(frozen=True, slots=True)
class Reader:
    """One way to read, and what it is called in the table."""

    name: str
    read: Read

    async def turn(self, readers: int) -> Metrics:
        """All reads, by so many tasks at once."""

        async def work() -> None:
            for _ in range(READS // readers):
                await self.read()

        began_s = cpu_s()
        async with trio.open_nursery() as nursery:
            for _ in range(readers):
                nursery.start_soon(work)
        return {f"{self.name} by {readers}": (cpu_s() - began_s) / READS}


async def _plain(client: httpx.AsyncClient, url: str, ids: count[int]) -> object:
    request = {"jsonrpc": "2.0", "id": next(ids), "method": "getBalance", "params": [WALLET]}
    return (await client.post(url, json=request)).json()["result"]["value"]
