"""Whoever migrates completed curves on the local chain: some slots after a curve's end, by an ordinary transaction.

Anybody may do that; without somebody who does, a completed coin could never be sold again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from bot.localnet import addresses as at
from bot.localnet.chain import DEPTH_OF, Chain
from bot.localnet.launchpad import create_associated_token, decode_curve, decode_curve_creator
from bot.localnet.liquidity import migrate_v2
from bot.localnet.records import Block

BALANCE_LAMPORTS = 1_000_000 * 1_000_000_000
UNIT_LIMIT = 500_000
AGAIN_SLOTS = 10
DEFAULT_DELAY_SLOTS = 40
STATE_KEY = "migrator/due"
COMPLETE_EVENT = bytes.fromhex("e445a52e51cb9a1d") + bytes.fromhex("5f72619cd42e9808")
MINT_AT = len(COMPLETE_EVENT) + 32


class Migrator:
    """Remembers each curve that completed and the slot at which it is due. Its key follows from the genesis hash.

    `delay_slots` is how long a completed curve waits for its pool; None leaves all of them waiting.
    """

    def __init__(self, genesis_hash: Hash, delay_slots: int | None) -> None:
        self._keypair = Keypair.from_seed(hashlib.sha256(b"migrator" + bytes(genesis_hash)).digest())
        self._delay_slots = delay_slots
        self._due: dict[str, int] = {}
        self._migrated: dict[str, int] = {}  # those among the due whose migration a fork may yet take back

    def genesis_accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """Its own wallet."""
        yield self._keypair.pubkey(), Account(BALANCE_LAMPORTS, b"", at.SYSTEM_PROGRAM)

    def restore(self, state: Mapping[str, bytes]) -> None:
        """Continue where a stored chain was."""
        if STATE_KEY in state:
            self._due = msgspec.json.decode(state[STATE_KEY], type=dict[str, int])

    def drain_changes(self) -> dict[str, bytes]:
        """What waits, for storing."""
        return {STATE_KEY: msgspec.json.encode(self._due)}

    @property
    def waiting(self) -> int:
        """How many completed curves wait for their pools."""
        return len(self._due) - len(self._migrated)

    def observe(self, block: Block) -> None:
        """See which curves completed."""
        program = str(at.LAUNCHPAD_PROGRAM)
        for landed in block.transactions:
            record = landed.record
            if record.error is not None:
                continue
            for _, invoked in record.inner:
                for inner in invoked:
                    if inner.data.startswith(COMPLETE_EVENT) and record.account_keys[inner.program_index] == program:
                        mint = Pubkey.from_bytes(inner.data[MINT_AT : MINT_AT + 32])
                        self._due[str(mint)] = block.slot + (self._delay_slots or 0)

    def step(self, chain: Chain) -> Iterator[VersionedTransaction]:
        """The migrations that are due in the next block; one that does not land comes again."""
        slot = chain.position.slot + 1
        if self._delay_slots is None:
            return
        for mint in [mint for mint, due in self._due.items() if due <= slot]:
            key = Pubkey.from_string(mint)
            account = chain.accounts.get(at.bonding_curve(key))
            curve = decode_curve(account)
            if account is None or curve is None or not curve.complete:
                # The trade that completed it went with a fork and is seen again if it lands again.
                self._forget(mint)
                continue
            if curve.virtual_token_raw == 0 and slot - self._migrated.setdefault(mint, slot) > DEPTH_OF["finalized"]:
                self._forget(mint)
                continue
            self._due[mint] = slot + AGAIN_SLOTS
            if curve.virtual_token_raw == 0:
                continue
            self._migrated.pop(mint, None)
            yield self._migration(key, decode_curve_creator(account), chain)

    def _forget(self, mint: str) -> None:
        del self._due[mint]
        self._migrated.pop(mint, None)

    def _migration(self, mint: Pubkey, creator: Pubkey, chain: Chain) -> VersionedTransaction:
        """Opens the account for the creator's fees too, which every trade in the pool names."""
        user = self._keypair.pubkey()
        fees_owner = at.pool_creator_authority(creator)
        instructions = [
            set_compute_unit_limit(UNIT_LIMIT),
            create_associated_token(user, fees_owner, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM),
            migrate_v2(mint, user),
        ]
        blockhash, _ = chain.blockhash_at("processed")
        message = MessageV0.try_compile(user, instructions, [], blockhash)
        return VersionedTransaction(message, [self._keypair])
