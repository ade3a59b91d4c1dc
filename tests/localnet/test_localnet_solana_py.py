"""A client that parses strictly: solana-py's AsyncClient drives the node's HTTP door, unmodified, under trio."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
from solana.exceptions import SolanaRpcException
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException
from solana.rpc.models import DataSliceOpts, MemcmpOpts, TokenAccountOpts, TxOpts
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.rpc.responses import LogsNotification, SubscriptionResult, parse_websocket_message
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus
from trio_websocket import ConnectionClosed, open_websocket_url

from bot.localnet import launchpad
from bot.localnet.addresses import LAUNCHPAD_PROGRAM, TOKEN_2022_PROGRAM, associated_token, bonding_curve
from bot.localnet.cluster import Cluster
from bot.localnet.doors.connections import open_listeners
from bot.localnet.doors.http import HttpDoor
from bot.localnet.doors.websocket import WebSocketDoor
from bot.localnet.store import Store

SOL = 1_000_000_000
DEADLINE_S = 20
SLOT_MS = 20


@dataclass
class Served:
    """A cluster behind its real doors."""

    cluster: Cluster
    client: AsyncClient
    ws_url: str

    async def funded(self) -> Keypair:
        wallet = Keypair()
        signature = (await self.client.request_airdrop(wallet.pubkey(), 50 * SOL)).value
        await self.landed(signature)
        return wallet

    async def landed(self, signature: Signature) -> None:
        while True:
            (status,) = (await self.client.get_signature_statuses([signature])).value
            if status is not None and status.confirmation_status != TransactionConfirmationStatus.Processed:
                assert status.err is None
                return
            await trio.sleep(SLOT_MS / 1000)

    async def sent(self, instructions: list, *signers: Keypair) -> Signature:
        blockhash = (await self.client.get_latest_blockhash(Confirmed)).value.blockhash
        message = MessageV0.try_compile(signers[0].pubkey(), instructions, [], blockhash)
        transaction = VersionedTransaction(message, signers)
        options = TxOpts(skip_confirmation=True, preflight_commitment=Processed)
        signature = (await self.client.send_transaction(transaction, options)).value
        await self.landed(signature)
        return signature


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    cluster = Cluster(
        Store(), seed=8, salt=b"", time_s=1_790_000_000, clock=trio.current_time, market=None, slot_ms=SLOT_MS
    )
    listeners = await open_listeners(0)
    http = HttpDoor(cluster.faults, cluster.endpoints[0].rates, cluster.dispatcher.handle_bytes)
    websocket = WebSocketDoor(cluster.faults, cluster.pubsub.open_at)

    async def produce() -> None:
        while True:
            await trio.sleep(SLOT_MS / 1000)
            cluster.tick(cluster.chain.position.time_s + 1)

    with trio.fail_after(DEADLINE_S):
        async with trio.open_nursery() as nursery:
            await nursery.start(trio.serve_listeners, http.serve, listeners.http)
            await nursery.start(trio.serve_listeners, websocket.serve, listeners.websocket)
            nursery.start_soon(produce)
            async with AsyncClient(f"http://127.0.0.1:{listeners.port}", commitment=Confirmed) as client:
                yield Served(cluster, client, f"ws://127.0.0.1:{listeners.port + 1}")
            nursery.cancel_scope.cancel()
    cluster.close()


async def launched(node: Served) -> tuple[Keypair, Keypair]:
    creator, mint = await node.funded(), Keypair()
    create = launchpad.create_v2(mint.pubkey(), creator.pubkey(), name="Coin", symbol="COIN", uri="https://c.invalid")
    await node.sent([create], creator, mint)
    return creator, mint


async def test_a_strict_client_reads_the_cluster() -> None:
    async with served() as node:
        client = node.client
        assert await client.is_connected()
        assert (await client.get_version()).value.solana_core == "4.1.2"
        assert (await client.get_genesis_hash()).value == node.cluster.chain.genesis_hash
        assert (await client.get_slot(Processed)).value >= (await client.get_slot(Confirmed)).value - 5
        assert (await client.get_block_height(Processed)).value >= 0
        latest = (await client.get_latest_blockhash(Confirmed)).value
        assert latest.last_valid_block_height >= 150
        assert (await client.get_minimum_balance_for_rent_exemption(0)).value == 890_880
        assert (await client.get_epoch_info(Confirmed)).value.slots_in_epoch == 432_000
        assert (await client.get_transaction_count(Confirmed)).value >= 0


async def test_a_strict_client_trades_and_reads_what_it_did() -> None:
    async with served() as node:
        client = node.client
        creator, mint = await launched(node)
        user = await node.funded()
        tokens = associated_token(user.pubkey(), mint.pubkey())
        signature = await node.sent(
            [
                launchpad.create_associated_token(user.pubkey(), user.pubkey(), mint.pubkey()),
                launchpad.buy_exact_quote_in_v2(
                    mint.pubkey(), user.pubkey(), creator.pubkey(), spend_lamports=SOL, min_token_raw=1
                ),
            ],
            user,
        )
        for encoding in ("json", "jsonParsed", "base64"):
            found = (await client.get_transaction(signature, encoding, Confirmed, 1)).value
            assert found is not None
            assert found.transaction.meta is not None
            assert found.transaction.meta.err is None
        held = int((await client.get_token_account_balance(tokens)).value.amount)
        assert held > 0
        by_mint = await client.get_token_accounts_by_owner_json_parsed(
            user.pubkey(), TokenAccountOpts(mint=mint.pubkey())
        )
        assert by_mint.value[0].account.data.parsed["info"]["tokenAmount"]["amount"] == str(held)
        by_program = await client.get_token_accounts_by_owner(
            user.pubkey(), TokenAccountOpts(program_id=TOKEN_2022_PROGRAM)
        )
        assert by_program.value[0].pubkey == tokens
        assert (await client.get_token_supply(mint.pubkey())).value.amount == str(10**15)
        assert len((await client.get_token_largest_accounts(mint.pubkey())).value) == 2
        curve = bonding_curve(mint.pubkey())
        assert (await client.get_account_info(curve)).value.owner == LAUNCHPAD_PROGRAM
        assert len((await client.get_multiple_accounts([curve, mint.pubkey(), Pubkey.new_unique()])).value) == 3
        curves = await client.get_program_accounts(
            LAUNCHPAD_PROGRAM,
            encoding="base64",
            data_slice=DataSliceOpts(offset=8, length=8),
            filters=[125, MemcmpOpts(offset=49, bytes=str(creator.pubkey()))],
        )
        assert [one.pubkey for one in curves.value] == [curve]
        history = (await client.get_signatures_for_address(user.pubkey(), limit=5, commitment=Confirmed)).value
        assert history[0].signature == signature


async def test_a_strict_client_understands_a_refusal() -> None:
    async with served() as node:
        creator, mint = await launched(node)
        user = await node.funded()
        dear = launchpad.buy_v2(mint.pubkey(), user.pubkey(), creator.pubkey(), token_raw=10**12, max_pay_lamports=1)
        account = launchpad.create_associated_token(user.pubkey(), user.pubkey(), mint.pubkey())
        with pytest.raises(RPCException) as refused:
            await node.sent([account, dear], user)
        assert "0x1772" in str(refused.value)


async def test_an_outage_is_an_error_of_transport_and_passes() -> None:
    async with served() as node:
        node.cluster.faults.set("rpc-down", for_s=60)
        with pytest.raises(SolanaRpcException):
            await node.client.get_slot()
        node.cluster.faults.clear()
        assert (await node.client.get_slot(Processed)).value > 0


async def test_each_fault_breaks_what_it_names_and_nothing_else() -> None:
    async with served() as node, open_websocket_url(node.ws_url) as stream:
        node.cluster.faults.set("stream-drop", for_s=60)
        with pytest.raises(ConnectionClosed):
            await stream.get_message()
        user = await node.funded()
        node.cluster.faults.clear()
        node.cluster.faults.set("drop-tx", for_s=60)
        blockhash = (await node.client.get_latest_blockhash(Confirmed)).value.blockhash
        message = MessageV0.try_compile(user.pubkey(), [], [], blockhash)
        accepted = (await node.client.send_transaction(VersionedTransaction(message, [user]))).value
        for _ in range(3):
            node.cluster.tick(node.cluster.chain.position.time_s)
        assert (await node.client.get_signature_statuses([accepted])).value == [None]
        node.cluster.faults.set("rate-limit", for_s=60)
        with pytest.raises(SolanaRpcException):
            await node.client.get_slot()


async def test_a_websocket_client_hears_logs_of_a_launch() -> None:
    async with served() as node, open_websocket_url(node.ws_url) as stream:
        request = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "logsSubscribe",
            "params": [{"mentions": [str(LAUNCHPAD_PROGRAM)]}, {"commitment": "processed"}],
        }
        await stream.send_message(json.dumps(request))
        (subscribed,) = parse_websocket_message(await stream.get_message())
        assert isinstance(subscribed, SubscriptionResult)
        await launched(node)
        (heard,) = parse_websocket_message(await stream.get_message())
        assert isinstance(heard, LogsNotification)
        assert heard.subscription == subscribed.result
        assert any("CreateV2" in line for line in heard.result.value.logs)


async def test_a_client_that_talks_nonsense_harms_nobody_else() -> None:
    async with served() as node:
        port = int(node.ws_url.rpartition(":")[2])
        for target in (port, port - 1):
            stream = await trio.open_tcp_stream("127.0.0.1", target)
            async with stream:
                await stream.send_all(b"\x00\xffnonsense\r\n\r\n" * 20)
                while True:
                    try:
                        if not await stream.receive_some():
                            break
                    except trio.BrokenResourceError:
                        break
        assert await node.client.is_connected()
        async with open_websocket_url(node.ws_url) as websocket:
            await websocket.send_message("not json")
            answer = json.loads(await websocket.get_message())
            assert answer["error"]["code"] == -32700
