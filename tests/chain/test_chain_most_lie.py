"""Two of three endpoints show of a wallet what is not there, alike: a sale that fails for it is the last one that does."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import trio
from solders.keypair import Keypair
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.chain.pump_chain import PumpChain
from bot.clock import virtual_clock
from bot.execution.lanes import exit_lane
from bot.localnet.inprocess import InProcessChain
from bot.ports import WalletBalances
from bot.trading.failures import TOO_LITTLE_THERE
from tests.chain.chain_doubles import InProcessSubscriptions, InProcessTransport
from tests.chain.chain_scenario import EPOCH_MS, SOL, World, endpoints, launch_stream

AMOUNT = slice(64, 72)
LIARS = 2


@dataclass(slots=True)
class Lie:
    """What the liars say of every token account: so many units more, fewer where negative. None while they are honest."""

    by_raw: int | None = None

    def told(self, account: Any) -> Any:
        """The account as they show it."""
        if (
            self.by_raw is None
            or not isinstance(account, dict)
            or account.get("owner") not in map(str, at.TOKEN_PROGRAMS)
        ):
            return account
        data = bytearray(base64.b64decode(account["data"][0]))
        if len(data) < AMOUNT.stop or len(data) == 82:  # a mint
            return account
        data[AMOUNT] = max(0, int.from_bytes(data[AMOUNT], "little") + self.by_raw).to_bytes(8, "little")
        return account | {"data": [base64.b64encode(data).decode(), account["data"][1]]}


class Lying(InProcessTransport):
    """An endpoint that bends the token accounts which it shows."""

    lie = Lie()

    async def post(self, body: bytes) -> bytes:
        answer = msgspec.json.decode(await super().post(body))
        for one in answer if isinstance(answer, list) else [answer]:
            result = one.get("result")
            value = result.get("value") if isinstance(result, dict) else None
            if b"getTokenAccountsByOwner" in body and isinstance(value, list):
                for held in value:
                    held["account"] = self.lie.told(held["account"])
            elif isinstance(value, list):
                result["value"] = [self.lie.told(account) for account in value]
            elif isinstance(value, dict):
                result["value"] = self.lie.told(value)
        return msgspec.json.encode(answer)


@dataclass(slots=True)
class Scene:
    """A program that has just started beside two liars, and whoever holds a coin."""

    world: World
    trader: Keypair
    mint: str
    held: int
    lie: Lie = field(default_factory=Lie)

    async def look(self) -> WalletBalances:
        with exit_lane(), trio.fail_after(30):
            return await self.world.chain.holding(str(self.trader.pubkey()), self.mint)

    async def sells(self, token_raw: int) -> int | None:
        """Sell, and the code that it failed with."""
        with exit_lane(), trio.fail_after(30):
            landed = await self.world.landed(
                self.trader, await self.world.sell_order(self.trader, self.mint, token_raw, limit_raw=0)
            )
        assert (landed.error is None) == (landed.token_delta_raw == -token_raw)
        return landed.program_error


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    net = InProcessChain(seed=7, endpoints=LIARS + 1)
    net.step(40)
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    transports = [
        (Lying if number < LIARS else InProcessTransport)(net, f"rpc-{number + 1}", number)
        for number in range(LIARS + 1)
    ]
    lie = Lie()
    for transport in transports[:LIARS]:
        assert isinstance(transport, Lying)
        transport.lie = lie
    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        pool = endpoints(transports, clock)
        chain = PumpChain(pool)
        await pool.admit(None)
        world = World(chain, launch_stream(InProcessSubscriptions(net), chain, clock), transports[-1])
        trader = await world.funded()
        mint = await world.launched(await world.funded())
        landed = await world.landed(trader, await world.buy_order(trader, mint, SOL))
        crowd = await world.funded()  # so that the curve could pay for more than the trader holds
        await world.landed(crowd, await world.buy_order(crowd, mint, SOL))
        fresh = PumpChain(pool)  # which has seen no buy of the wallet
        world = World(fresh, launch_stream(InProcessSubscriptions(net), fresh, clock), transports[-1])
        await fresh.venue(mint)
        yield Scene(world, trader, mint, landed.token_delta_raw, lie)
        nursery.cancel_scope.cancel()


async def test_after_a_sale_that_failed_the_least_is_sold_that_anybody_shows(autojump_clock: MockClock) -> None:
    async with scene() as here:
        here.lie.by_raw = 1_000_000
        look = await here.look()
        assert look.token_raw[here.mint] == here.held + 1_000_000, "two who say the same are believed"
        assert await here.sells(look.token_raw[here.mint]) in TOO_LITTLE_THERE
        for _ in range(3):
            look = await here.look()
            assert (look.token_raw[here.mint], look.is_least) == (here.held, True)
        assert await here.sells(here.held) is None
        assert not (await here.look()).is_least


async def test_who_shows_less_than_there_is_does_not_stop_the_sale_either(autojump_clock: MockClock) -> None:
    async with scene() as here:
        here.lie.by_raw = 1
        assert await here.sells((await here.look()).token_raw[here.mint]) in TOO_LITTLE_THERE
        here.lie.by_raw = 10 - here.held
        look = await here.look()
        assert (look.token_raw[here.mint], look.is_least) == (10, True)
        assert await here.sells(10) is None


async def test_who_shows_nothing_has_no_part_in_the_least(autojump_clock: MockClock) -> None:
    async with scene() as here:
        here.lie.by_raw = 1
        assert await here.sells((await here.look()).token_raw[here.mint]) in TOO_LITTLE_THERE
        here.lie.by_raw = -here.held
        assert (await here.look()).token_raw[here.mint] == here.held


async def test_nobody_but_an_exit_takes_the_least_for_what_is_there(autojump_clock: MockClock) -> None:
    async with scene() as here:
        here.lie.by_raw = 1
        assert await here.sells((await here.look()).token_raw[here.mint]) in TOO_LITTLE_THERE
        here.lie.by_raw = None
        look = await here.world.chain.balances(str(here.trader.pubkey()))
        assert (look.token_raw[here.mint], look.is_least) == (here.held, False)
