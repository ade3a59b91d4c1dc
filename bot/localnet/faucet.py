"""The faucet of the local chain: a funded wallet that answers `requestAirdrop` with ordinary transfers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.localnet.addresses import SYSTEM_PROGRAM

FAUCET_BALANCE_LAMPORTS = 100_000_000 * 1_000_000_000
MAX_AIRDROP_LAMPORTS = 100_000 * 1_000_000_000
BASE_UNIT_LIMIT = 1_000


class Faucet:
    """Signs transfers from the faucet's wallet. Its key follows from the genesis hash: it is worth nothing elsewhere."""

    def __init__(self, genesis_hash: Hash) -> None:
        self._keypair = Keypair.from_seed(hashlib.sha256(b"faucet" + bytes(genesis_hash)).digest())
        self._serial = 0

    def genesis_accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """The faucet's own wallet."""
        yield self._keypair.pubkey(), Account(FAUCET_BALANCE_LAMPORTS, b"", SYSTEM_PROGRAM)

    def airdrop(self, recipient: Pubkey, lamports: int, blockhash: Hash) -> VersionedTransaction:
        """A signed transfer. The compute limit counts up, so that two equal airdrops on one blockhash differ."""
        self._serial += 1
        instructions = [
            set_compute_unit_limit(BASE_UNIT_LIMIT + self._serial % 100_000),
            transfer(TransferParams(from_pubkey=self._keypair.pubkey(), to_pubkey=recipient, lamports=lamports)),
        ]
        message = Message.new_with_blockhash(instructions, self._keypair.pubkey(), blockhash)
        return VersionedTransaction(message, [self._keypair])
