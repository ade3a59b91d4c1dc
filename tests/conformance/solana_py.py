"""solana-py drives the local chain, unmodified: its HTTP client, its subscriptions and its token instructions.

solana-py's subscriptions run on asyncio alone, and so does this process. Every answer is parsed into a type of solders,
which refuses what does not have the shape of a real node's. One line of JSON is written for each thing that was done.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Processed
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.models import MemcmpOpts, TokenAccountOpts, TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.rpc.config import RpcTransactionLogsFilterMentions
from solders.rpc.responses import (
    AccountNotification,
    LogsNotification,
    Notification,
    SignatureNotification,
    SlotNotification,
)
from solders.signature import Signature
from solders.system_program import CreateAccountParams, TransferParams, create_account, transfer
from solders.transaction import VersionedTransaction
from spl.token.constants import MINT_LEN, TOKEN_2022_PROGRAM_ID, TOKEN_PROGRAM_ID
from spl.token.instructions import (
    create_associated_token_account,
    get_associated_token_address,
    initialize_mint,
    mint_to,
)
from spl.token.models import InitializeMintParams, MintToParams

SOL = 1_000_000_000
FEE_LAMPORTS = 5_000
TOKEN_ACCOUNT_LENGTH = 165
DEADLINE_S = 30
AIRDROP_LAMPORTS = 10 * SOL
SENT_LAMPORTS = 1_234_567

Told = TypeVar("Told", bound=Notification)


@dataclass(slots=True)
class Driver:
    """One client of the chain with a funded wallet, and whether all that it did was as it must be."""

    http: AsyncClient
    ws_url: str
    payer: Keypair = field(default_factory=Keypair)
    friend: Pubkey = field(default_factory=lambda: Keypair().pubkey())
    mint: Keypair = field(default_factory=Keypair)
    failed: bool = False

    async def does(self, what: str, act: Callable[[], Awaitable[str]]) -> None:
        """Do one thing and write what it showed, or why it failed."""
        showed, failure = "", None
        try:
            showed = await asyncio.wait_for(act(), DEADLINE_S)
        except Exception as error:  # whatever it is, it is what the runner's table shows
            failure, self.failed = f"{type(error).__name__}: {error}", True
        sys.stdout.write(json.dumps({"did": what, "showed": showed, "failed": failure}) + "\n")
        sys.stdout.flush()

    async def signed(self, instructions: Sequence[Instruction], *signers: Keypair) -> VersionedTransaction:
        """A transaction on a fresh blockhash."""
        blockhash = (await self.http.get_latest_blockhash()).value.blockhash
        message = MessageV0.try_compile(self.payer.pubkey(), instructions, [], blockhash)
        return VersionedTransaction(message, [self.payer, *signers])

    async def sent(self, instructions: Sequence[Instruction], *signers: Keypair) -> Signature:
        """Send and wait by solana-py's own polling, up to the height at which the blockhash ends."""
        latest = (await self.http.get_latest_blockhash()).value
        options = TxOpts(
            skip_confirmation=False,
            preflight_commitment=Confirmed,
            last_valid_block_height=latest.last_valid_block_height,
        )
        return (await self.http.send_transaction(await self.signed(instructions, *signers), options)).value

    async def balance(self, address: Pubkey) -> int:
        """Lamports at commitment confirmed."""
        return (await self.http.get_balance(address)).value

    def payment(self, lamports: int) -> Instruction:
        """A transfer from the payer to his friend."""
        return transfer(TransferParams(from_pubkey=self.payer.pubkey(), to_pubkey=self.friend, lamports=lamports))

    async def reads_the_cluster(self) -> str:
        """Everything that a client asks of a cluster before it trusts it."""
        assert await self.http.is_connected()
        version = (await self.http.get_version()).value.solana_core
        slot = (await self.http.get_slot(Processed)).value
        assert slot > (await self.http.get_block_height(Processed)).value
        assert (await self.http.get_epoch_info()).value.slots_in_epoch > 0
        assert (await self.http.get_minimum_balance_for_rent_exemption(0)).value > 0
        assert (await self.http.get_recent_prioritization_fees()).value is not None
        return f"solana-core {version}, slot {slot}"

    async def airdrop(self) -> str:
        """A funded wallet."""
        signature = (await self.http.request_airdrop(self.payer.pubkey(), AIRDROP_LAMPORTS)).value
        await self.http.confirm_transaction(signature, sleep_seconds=0.05)
        assert await self.balance(self.payer.pubkey()) == AIRDROP_LAMPORTS
        return f"{AIRDROP_LAMPORTS // SOL} SOL"

    async def transfers(self) -> str:
        """A transfer whose costs are exact."""
        signature = await self.sent([self.payment(SENT_LAMPORTS)])
        assert await self.balance(self.friend) == SENT_LAMPORTS
        assert await self.balance(self.payer.pubkey()) == AIRDROP_LAMPORTS - SENT_LAMPORTS - FEE_LAMPORTS
        for encoding in ("json", "jsonParsed", "base64"):
            told = (await self.http.get_transaction(signature, encoding, Confirmed, 0)).value
            assert told is not None
            assert told.transaction.meta is not None
            assert told.transaction.meta.fee == FEE_LAMPORTS
        history = (await self.http.get_signatures_for_address(self.friend, limit=1)).value
        assert history[0].signature == signature
        return f"{SENT_LAMPORTS} lamports and a fee of {FEE_LAMPORTS}"

    async def reads_blocks(self) -> str:
        """A block with a transaction in it, its signatures alone, and which slots have one."""
        known = (await self.http.get_signatures_for_address(self.friend, limit=1, commitment=Confirmed)).value[0]
        found = (await self.http.get_blocks(known.slot - 1, known.slot)).value
        while known.slot not in found:  # asked at finalized, some slots behind
            await asyncio.sleep(0.1)
            found = (await self.http.get_blocks(known.slot - 1, known.slot)).value
        for encoding in ("json", "jsonParsed", "base64"):
            block = (await self.http.get_block(known.slot, encoding, 0)).value
            assert block is not None
            assert block.transactions is not None
            assert block.block_time == (await self.http.get_block_time(known.slot)).value
            before = (await self.http.get_block(block.parent_slot, encoding, 0)).value
            assert before is not None
            assert before.blockhash == block.previous_blockhash
        assert known.slot >= (await self.http.get_first_available_block()).value
        return f"{len(block.transactions)} transactions in slot {known.slot}"

    async def hears(self) -> str:
        """Subscriptions to slots, logs, an account and a signature, over one connection."""
        async with SolanaWsClient(self.ws_url) as stream:
            await stream.slot_subscribe()
            mentions = RpcTransactionLogsFilterMentions(self.friend)
            await stream.logs_subscribe(filter_=mentions, commitment=Processed)
            account = await stream.account_subscribe(pubkey=self.friend, commitment=Confirmed, encoding="base64")
            transaction = await self.signed([self.payment(777)])
            signature = transaction.signatures[0]
            await stream.signature_subscribe(signature=signature, commitment=Confirmed)
            before = await self.balance(self.friend)
            await self.http.send_transaction(transaction, TxOpts(preflight_commitment=Confirmed))
            heard = await _all_of(
                stream, {SlotNotification, LogsNotification, AccountNotification, SignatureNotification}
            )
            logs, changed = _one(heard, LogsNotification), _one(heard, AccountNotification)
            assert logs.result.value.signature == signature
            assert changed.result.value.lamports == before + 777
            await stream.unsubscribe(account)
        return "slot, logs, account and signature of one transfer"

    async def mints(self, name: str, program: Pubkey) -> str:
        """A mint and a token account, made by solana-py's own instructions."""
        mint = self.mint = Keypair()
        rent = (await self.http.get_minimum_balance_for_rent_exemption(MINT_LEN)).value
        holder = self.payer.pubkey()
        tokens = get_associated_token_address(holder, mint.pubkey(), program)
        instructions = [
            create_account(
                CreateAccountParams(
                    from_pubkey=holder, to_pubkey=mint.pubkey(), lamports=rent, space=MINT_LEN, owner=program
                )
            ),
            initialize_mint(
                InitializeMintParams(decimals=6, program_id=program, mint=mint.pubkey(), mint_authority=holder)
            ),
            create_associated_token_account(holder, holder, mint.pubkey(), program),
            mint_to(
                MintToParams(
                    program_id=program, mint=mint.pubkey(), dest=tokens, mint_authority=holder, amount=2_500_000
                )
            ),
        ]
        await self.sent(instructions, mint)
        assert (await self.http.get_token_account_balance(tokens)).value.ui_amount_string == "2.5"
        assert (await self.http.get_token_supply(mint.pubkey())).value.amount == "2500000"
        owned = await self.http.get_token_accounts_by_owner_json_parsed(holder, TokenAccountOpts(mint=mint.pubkey()))
        assert owned.value[0].account.data.parsed["info"]["tokenAmount"]["amount"] == "2500000"
        return f"2.5 tokens of {name}"

    async def filters(self) -> str:
        """Program accounts by length and content."""
        found = await self.http.get_program_accounts(
            TOKEN_PROGRAM_ID,
            encoding="base64",
            filters=[TOKEN_ACCOUNT_LENGTH, MemcmpOpts(offset=32, bytes=str(self.payer.pubkey()))],
        )
        assert len(found.value) == 1
        return f"{found.value[0].pubkey}"

    async def is_refused(self) -> str:
        """More than the wallet holds: an error of the preflight with its code and its log."""
        try:
            await self.sent([self.payment(1_000 * SOL)])
        except RPCException as refusal:
            text = str(refusal)
            assert "custom program error: 0x1" in text, text
            assert "insufficient lamports" in text, text
            return type(refusal.args[0]).__name__
        raise AssertionError("it was not refused")

    async def lands_with_an_error(self) -> str:
        """The same without a preflight: it lands, and its status says why it did nothing."""
        options = TxOpts(skip_preflight=True, preflight_commitment=Confirmed)
        signature = (await self.http.send_transaction(await self.signed([self.payment(1_000 * SOL)]), options)).value
        status = (await self.http.confirm_transaction(signature, Confirmed, 0.05)).value[0]
        assert status is not None
        assert status.err is not None
        return str(status.err)

    async def expires(self) -> str:
        """A signature that never lands is given up at the height that its sender named."""
        height = (await self.http.get_block_height()).value
        try:
            await self.http.confirm_transaction(
                Signature.new_unique(), Confirmed, 0.05, last_valid_block_height=height + 3
            )
        except TransactionExpiredBlockheightExceededError as expired:
            return type(expired).__name__
        raise AssertionError("it was not given up")


async def _all_of(stream: SolanaWsClient, kinds: set[type[Notification]]) -> list[Notification]:
    """What was heard until each of these kinds was there."""
    heard: list[Notification] = []
    while not kinds <= {type(one) for one in heard}:
        heard.append(await stream.recv())
    return heard


def _one(heard: Sequence[Notification], kind: type[Told]) -> Told:
    return next(one for one in heard if isinstance(one, kind))


async def main() -> int:
    """Drive the chain that the environment names; the exit code."""
    async with AsyncClient(os.environ["CHAIN_HTTP_URL"], commitment=Confirmed) as http:
        driver = Driver(http, os.environ["CHAIN_WS_URL"])
        await driver.does("reads the cluster", driver.reads_the_cluster)
        await driver.does("airdrop", driver.airdrop)
        await driver.does("transfer, and the transaction in each encoding", driver.transfers)
        await driver.does("subscriptions", driver.hears)
        await driver.does("a block in each encoding, and which slots have one", driver.reads_blocks)
        for name, program in (("SPL Token", TOKEN_PROGRAM_ID), ("Token-2022", TOKEN_2022_PROGRAM_ID)):
            await driver.does(f"a mint and an account of {name}", partial(driver.mints, name, program))
        await driver.does("program accounts by length and content", driver.filters)
        await driver.does("insufficient funds, refused by the preflight", driver.is_refused)
        await driver.does("insufficient funds, landed with the error", driver.lands_with_an_error)
        await driver.does("what never lands is told as expired", driver.expires)
    return int(driver.failed)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
