"""One launch to a thousand enabled users: how soon after the last byte of the deciding frame each signed buy has been taken.

The whole bot on a real PostgreSQL that keeps every commit on the disk, and on the local chain in a process of its own with
two endpoints, on the wall clock; once with JSON-RPC batches and once without. What both processes burn until the last buy is
told apart: this machine's cores are shared with the chain, which a real endpoint would not be.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import trio
from solders.transaction import VersionedTransaction

from bot.adapters import Adapters
from bot.execution.policy import Policy
from bot.localnet.inprocess import InProcessChain
from bot.ports import Chain, Routing
from bot.storage.embedded import embedded_postgres
from bot.storage.store import open_store
from bot.trading.limits import Ceilings
from bot.trading.trading_state import State
from tests.bench.entry import BUY_LAMPORTS, BUYERS, LAST_LAMPORTS, SELLERS, SETTINGS, TRIED_AFTER_S
from tests.bench.measure import cpu_s, wall_s
from tests.bench.remote import BATCH, SLOT_MS, RemoteWorld, remote_chain
from tests.bench.table import Line, duration
from tests.bench.taps import SocketTap
from tests.whole.crowd import Crowd
from tests.whole.virtual import living_bot

USERS = 1_000
SPEND_LAMPORTS = 2_000_000
READY_WITHIN_S = 150
SERVED_WITHIN_S = 60
TOLD_WITHIN_S = 20
LOOK_S = 0.1
STILL_S = 5.0  # nobody was served for so long: whoever is left was refused
WITHIN_S = 1.0
POLICY = Policy(ceilings=Ceilings())
THOUSAND = replace(SETTINGS, snipe_max_lamports=SPEND_LAMPORTS)


class SendTap:
    """The chain, with the moment at which each wallet's bytes had been taken by an endpoint."""

    def __init__(self, inner: Chain, served: dict[str, float]) -> None:
        self._inner = inner
        self._served = served

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    async def send(self, raw: bytes, routing: Routing | None = None) -> None:
        await self._inner.send(raw, routing)
        payer = str(VersionedTransaction.from_bytes(raw).message.account_keys[0])
        self._served.setdefault(payer, wall_s())


class LaunchWorld(RemoteWorld):
    """The whole bot's world; `served` has when each wallet's first bytes were taken, by its address."""

    served: dict[str, float]

    def adapters(self) -> Adapters:
        made = super().adapters()
        self.served = {}
        return replace(made, chain=cast(Chain, SendTap(made.chain, self.served)))


@dataclass(frozen=True, slots=True)
class Served:
    """One launch: seconds from the deciding frame, in the order of service, with each user's place among the registered."""

    waits_s: Sequence[float]
    places: Sequence[int]
    cpu_s: float
    chain_cpu_s: float


def launch(_: random.Random) -> list[Line]:
    """With batches, which is what its figure is for. It begins with a thousand users who are made and funded."""
    return _lines(f"a launch to {USERS:,} users, batches of {BATCH}", _launched(BATCH), judged=True)


def launch_alone(_: random.Random) -> list[Line]:
    """For an endpoint that takes no batches: each question goes by itself."""
    return _lines(f"a launch to {USERS:,} users, no batches", _launched(1), judged=False)


def _launched(batch: int) -> Served:
    with tempfile.TemporaryDirectory() as folder:
        return trio.run(_measure, Path(folder), batch)


def _lines(what: str, served: Served, *, judged: bool) -> list[Line]:
    waits_s = served.waits_s
    missing = USERS - len(waits_s)
    last = duration(waits_s[-1]) + (f", {missing} refused" if missing else "")
    reached = "" if not judged else "yes" if waits_s[-1] <= WITHIN_S and not missing else "NO"
    early = sum(place < USERS // 10 for place in served.places[: USERS // 10])
    return [
        Line(
            f"{what}: last buy taken", last, to_reach=f"{duration(WITHIN_S)} or less" if judged else "", reached=reached
        ),
        Line("  first, and half of them", f"{duration(waits_s[0])}, {duration(waits_s[len(waits_s) // 2])}"),
        Line("  CPU of the bot, and of the chain", f"{duration(served.cpu_s)}, {duration(served.chain_cpu_s)}"),
        Line("  of the first tenth to be served, registered first", f"{early} of {USERS // 10}"),
    ]


async def _measure(root: Path, batch: int) -> Served:
    async with (
        embedded_postgres(root / "postgres") as server,
        open_store(server.address) as store,
        remote_chain(root / "chain", batch=batch) as chain,
    ):
        world, tap = LaunchWorld(chain, store), SocketTap()
        people = [await world.user(f"user-{number}", THOUSAND) for number in range(USERS)]
        place_of = {wallet.address: place for place, (_, wallet) in enumerate(people)}
        crowd = Crowd(cast(InProcessChain, chain))
        for trader in range(1, BUYERS + 2):
            crowd._trader(trader)
        async with living_bot(world, policy=POLICY) as bot:
            with trio.fail_after(READY_WITHIN_S):
                while not (bot.guard.state is State.OPEN and bot.reconciler.reconciled and not bot.guard.causes()):
                    await trio.sleep(LOOK_S)
            with tap.on():
                mint = crowd.launch()
                await trio.sleep(2 * SLOT_MS / 1000)
                for trader in range(2, BUYERS + 1):
                    crowd.buy(mint, trader, BUY_LAMPORTS)
                await trio.sleep(TRIED_AFTER_S)
                for trader in SELLERS:
                    crowd.sell_all(mint, trader)
                await trio.sleep(2 * SLOT_MS / 1000)
                signature = crowd.buy(mint, BUYERS + 1, LAST_LAMPORTS)
                burned = cpu_s(), chain.cpu_s()
                told_s = await _told(tap, signature)
                await _until_served(world.served)
            burned = cpu_s() - burned[0], chain.cpu_s() - burned[1]
    in_order = sorted(world.served.items(), key=lambda one: one[1])
    return Served([at_s - told_s for _, at_s in in_order], [place_of[address] for address, _ in in_order], *burned)


async def _told(tap: SocketTap, signature: str) -> float:
    """When the deciding frame had been read."""
    with trio.fail_after(TOLD_WITHIN_S):
        while signature not in tap.named:
            await trio.sleep(LOOK_S / 100)
    return tap.last_byte_s(signature, wall_s())


async def _until_served(served: dict[str, float]) -> None:
    """All of them, or those who were not refused."""
    with trio.move_on_after(SERVED_WITHIN_S):
        while len(served) < USERS:
            if served and wall_s() - max(served.values()) > STILL_S:
                return
            await trio.sleep(LOOK_S)
