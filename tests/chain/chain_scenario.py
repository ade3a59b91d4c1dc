"""What the tests of the chain do on a local cluster, the same over both doors: fund wallets, launch coins, trade, wait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import trio
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.chain.endpoints import Endpoints
from bot.chain.http_api import open_http_api
from bot.chain.jupiter import Jupiter
from bot.chain.jupiter_client import JupiterClient
from bot.chain.launch_stream import PumpLaunchStream
from bot.chain.pump_chain import PumpChain
from bot.chain.routed_chain import RoutedChain
from bot.chain.rpc import RpcClient
from bot.chain.subscriptions import Subscriptions, WebSocketSubscriptions
from bot.chain.transport import Transport, open_http_transport
from bot.clock import Clock, system_clock, virtual_clock
from bot.errors import ChainUnavailable
from bot.localnet import launchpad
from bot.localnet.inprocess import InProcessChain
from bot.ports import SwapOrder
from bot.trading.fill import LandedTransaction
from bot.trading.intent import Side
from bot.trading.recovery import SignatureStatus
from bot.trading.units import BPS, bps_floor
from bot.trading.venue import quote_buy, quote_sell
from tests.chain.chain_doubles import InProcessSubscriptions, InProcessTransport, in_process_router

SOL = 1_000_000_000
EPOCH_MS = 1_790_000_000_000
POLL_S = 0.01
CALL_DEADLINE_S = 3.0
OFFER_SLIPPAGE_BPS = 100
OFFERS_PER_S = 20.0


def endpoints(transports: Sequence[Transport], clock: Clock, landmark: str = "") -> Endpoints:
    return Endpoints([RpcClient(transport, CALL_DEADLINE_S) for transport in transports], clock, landmark=landmark)


def pump_chain(transports: Sequence[Transport], clock: Clock) -> PumpChain:
    return PumpChain(endpoints(transports, clock))


def launch_stream(subscriptions: Subscriptions, chain: PumpChain, clock: Clock) -> PumpLaunchStream:
    return PumpLaunchStream(subscriptions, chain.recorded, chain.signatures_since, clock)


@dataclass(frozen=True)
class World:
    """A running cluster seen through the ports. `transport` also answers what the bot never asks, such as airdrops."""

    chain: PumpChain
    stream: PumpLaunchStream
    transport: Transport
    fresh: Callable[[], Keypair] = Keypair

    async def rpc(self, method: str, *params: Any) -> Any:
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answer = msgspec.json.decode(await self.transport.post(body))
        assert "error" not in answer, answer
        return answer["result"]

    async def funded(self, lamports: int = 10 * SOL) -> Keypair:
        wallet = self.fresh()
        await self.rpc("requestAirdrop", str(wallet.pubkey()), lamports)
        while await self._lamports(wallet) != lamports:
            await trio.sleep(POLL_S)
        return wallet

    async def _lamports(self, wallet: Keypair) -> int | None:
        """None while a second endpoint is away that would have to say that a new wallet is empty."""
        try:
            return (await self.chain.balances(str(wallet.pubkey()))).lamports
        except ChainUnavailable:
            return None

    async def launched(
        self, creator: Keypair, *, name: str = "Coin", symbol: str = "COIN", legacy: bool = False
    ) -> str:
        """A new coin on its curve; returns its mint, which is one of SPL Token for a `legacy` launch."""
        mint, create = self.fresh(), launchpad.create if legacy else launchpad.create_v2
        instruction = create(
            mint.pubkey(), creator.pubkey(), name=name, symbol=symbol, uri="https://example.test/coin.json"
        )
        blockhash = Hash.from_string((await self.chain.latest_blockhash()).value)
        message = Message.new_with_blockhash([instruction], creator.pubkey(), blockhash)
        transaction = VersionedTransaction(message, [creator, mint])
        await self.chain.send(bytes(transaction))
        await self.settled(str(transaction.signatures[0]))
        return str(mint.pubkey())

    async def buy_order(self, wallet: Keypair, mint: str, spend_lamports: int, **changes: Any) -> SwapOrder:
        """A buy at the quote of this moment, without slippage."""
        venue = await self.chain.venue(mint)
        quote = quote_buy(venue, spend_lamports, await self.chain.fees())
        return _order(wallet, mint, Side.BUY, venue, spend_lamports, quote.token_raw, quote.token_raw, changes)

    async def sell_order(self, wallet: Keypair, mint: str, token_raw: int, **changes: Any) -> SwapOrder:
        venue = await self.chain.venue(mint)
        quote = quote_sell(venue, token_raw, await self.chain.fees())
        return _order(wallet, mint, Side.SELL, venue, 0, token_raw, quote.received_lamports, changes)

    async def signed(self, wallet: Keypair, order: SwapOrder) -> tuple[bytes, str]:
        message = self.chain.build(order, await self.chain.latest_blockhash())
        return self.chain.assemble(message, bytes(wallet.sign_message(message)))

    async def settled(self, signature: str) -> SignatureStatus:
        while True:
            status = (await self.chain.statuses([signature]))[0]
            if status is not None and status.settled:
                return status
            await trio.sleep(POLL_S)

    async def landed(self, wallet: Keypair, order: SwapOrder) -> LandedTransaction:
        """Sign, send and wait for an order; what it did."""
        raw, signature = await self.signed(wallet, order)
        await self.chain.send(raw)
        await self.settled(signature)
        landed = await self.chain.landed(signature, str(wallet.pubkey()), order.mint)
        assert landed is not None
        return landed

    async def offered_order(self, wallet: Keypair, mint: str, side: Side, amount: int) -> SwapOrder:
        """An order that stands on the aggregator's offer for an amount, simulated, with its minimum 1 % below."""
        offer = await self.chain.offer(mint, side, amount, OFFER_SLIPPAGE_BPS)
        promised = offer.token_raw if side is Side.BUY else offer.quote_lamports
        limit = bps_floor(promised, BPS - OFFER_SLIPPAGE_BPS)
        spend = amount if side is Side.BUY else 0
        order = _order(wallet, mint, side, offer, spend, offer.token_raw, limit, {})
        return replace(order, compute_unit_limit=await self.chain.compute_units(order) * 3 // 2)

    async def held(self, wallet: Keypair, mint: str) -> int:
        return (await self.chain.balances(str(wallet.pubkey()))).token_raw.get(mint, 0)


def _order(
    wallet: Keypair, mint: str, side: Side, venue: Any, spend: int, token_raw: int, limit: int, changes: dict[str, Any]
) -> SwapOrder:
    order = SwapOrder(
        wallet_address=str(wallet.pubkey()),
        mint=mint,
        side=side,
        venue=venue,
        spend_lamports=spend,
        token_raw=token_raw,
        limit_raw=limit,
        compute_unit_limit=200_000,
        priority_fee_lamports=50_000,
    )
    return replace(order, **changes)


@asynccontextmanager
async def virtual_world(
    net: InProcessChain | None = None, *, routed: bool = False, fresh: Callable[[], Keypair] = Keypair
) -> AsyncIterator[World]:
    """A cluster inside the test, a block every slot of virtual time; `routed` with its aggregator.

    `fresh` makes the keys of wallets and coins.
    """
    net = net or InProcessChain(seed=7)
    net.step()
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    transport = InProcessTransport(net)
    pool = endpoints([transport], clock)
    chain = RoutedChain(pool, None, in_process_router(net, pool, clock)) if routed else PumpChain(pool)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(net.run)
        yield World(chain, launch_stream(InProcessSubscriptions(net), chain, clock), transport, fresh)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def real_world(http_url: str, ws_url: str, jupiter_url: str | None = None) -> AsyncIterator[World]:
    """A cluster in another process, over sockets; with the address of its aggregator that too."""
    clock = system_clock()
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(open_http_transport(http_url))
        pool = endpoints([transport], clock)
        chain = PumpChain(pool)
        if jupiter_url is not None:
            client = JupiterClient(await stack.enter_async_context(open_http_api(jupiter_url, None)))
            chain = RoutedChain(pool, None, Jupiter(client, OFFERS_PER_S, clock, pool.newest_slot))
        yield World(chain, launch_stream(WebSocketSubscriptions(ws_url), chain, clock), transport)


@asynccontextmanager
async def real_pool(localnet: dict[str, Any]) -> AsyncIterator[tuple[World, Endpoints]]:
    """A cluster in another process through all its endpoints; `transport` is the last one's."""
    clock = system_clock()
    async with AsyncExitStack() as stack:
        transports = [
            await stack.enter_async_context(open_http_transport(one["http_url"])) for one in localnet["endpoints"]
        ]
        pool = endpoints(transports, clock)
        await pool.admit(localnet["genesis_hash"])
        chain = PumpChain(pool)
        sources = [WebSocketSubscriptions(one["ws_url"]) for one in localnet["endpoints"]]
        yield (
            World(chain, PumpLaunchStream(sources, chain.recorded, chain.signatures_since, clock), transports[-1]),
            pool,
        )


def unknown_mint() -> str:
    return str(Pubkey.new_unique())
