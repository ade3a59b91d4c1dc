"""The same sale as a legacy transaction, as v0 with a lookup table and as v1: read alike by whoever scans and adopts."""

from __future__ import annotations

import base64

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import Message, MessageV0, MessageV1, VersionedMessage
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from trio.testing import MockClock

from bot.chain.endpoints import Endpoints
from bot.chain.rpc import RpcClient
from bot.chain.swaps import PumpWallets
from bot.clock import Clock
from bot.localnet import launchpad
from bot.localnet.aggregator import lookup_table
from bot.localnet.inprocess import InProcessChain
from bot.trading.intent import Side
from tests.chain.chain_scenario import SOL, World, virtual_world

TABLE = Pubkey(bytes([77]) * 32)


def put_table(net: InProcessChain, addresses: list[Pubkey]) -> AddressLookupTableAccount:
    """A lookup table by decree, extended long ago."""
    net.cluster.chain.accounts.put(TABLE, lookup_table(addresses))
    return AddressLookupTableAccount(TABLE, addresses)


def compiled(version: str, net: InProcessChain, payer: Pubkey, sale: Instruction, recent: Hash) -> VersionedMessage:
    if version == "legacy":
        return Message.new_with_blockhash([sale], payer, recent)
    if version == "v1":
        return MessageV1.try_compile(payer, [sale], recent)
    table = put_table(net, [meta.pubkey for meta in sale.accounts if not meta.is_signer])
    message = MessageV0.try_compile(payer, [sale], [table], recent)
    assert len(message.account_keys) <= 3
    return message


async def sold(world: World, net: InProcessChain, version: str, wallet: Keypair, mint: str, token_raw: int) -> str:
    """The signature of a sale by hand, in a transaction of that version, that has landed."""
    key = Pubkey.from_string(mint)
    sale = launchpad.sell_v2(key, wallet.pubkey(), wallet.pubkey(), token_raw=token_raw, min_receive_lamports=0)
    recent = Hash.from_string((await world.chain.latest_blockhash()).value)
    transaction = VersionedTransaction(compiled(version, net, wallet.pubkey(), sale, recent), [wallet])
    encoded = base64.b64encode(bytes(transaction)).decode()
    await world.rpc("sendTransaction", encoded, {"encoding": "base64", "skipPreflight": True})
    signature = str(transaction.signatures[0])
    assert (await world.settled(signature)).error is None
    return signature


@pytest.mark.parametrize("version", ["legacy", "v0 with a table", "v1"])
async def test_a_sale_reads_alike_in_every_version(version: str, autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=7)
    async with virtual_world(net) as world:
        wallet = await world.funded()
        mint = await world.launched(wallet)
        await world.landed(wallet, await world.buy_order(wallet, mint, SOL // 10))
        held = await world.held(wallet, mint)
        signature = await sold(world, net, version, wallet, mint, held // 2)
        address = str(wallet.pubkey())
        history = PumpWallets(Endpoints([RpcClient(world.transport, 3.0)], Clock(lambda: 0, lambda: "id")))
        [swap] = await history.swaps(signature, address) or []
        assert (swap.mint, swap.side, swap.token_raw) == (mint, Side.SELL, held // 2)
        moved = await history.moved(signature, address)
        assert moved is not None
        assert (moved.token_raw, moved.paid, moved.signed, moved.used_the_key) == (
            {mint: -(held // 2)},
            True,
            True,
            True,
        )
        landed = await world.chain.landed(signature, address, mint)
        assert landed is not None and landed.trade is not None
        assert (landed.wallet_delta_lamports, landed.token_delta_raw) == (moved.lamports, -(held // 2))
        assert landed.trade.quote_lamports == swap.quote_lamports
