"""The engine of the local Solana: slots, blocks, a blockhash window and a landing queue over LiteSVM.

Sans-IO and deterministic: `submit` queues, `produce_block` executes at a time that is handed in, and nothing here reads
a clock, a file or a socket. Commitment levels are views by depth of the same chain. It forks on demand only:
`roll_back` takes back what is not finalized, and the slots of it stay skipped.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from solders.account import Account
from solders.clock import Clock
from solders.hash import Hash
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata, SimulatedTransactionInfo, TransactionMetadata

from bot.localnet.accounts import Accounts
from bot.localnet.blockhashes import MAX_AGE_BLOCKS, SLOT_HASHES, BlockhashWindow, ForkPoint
from bot.localnet.bundles import Bundle
from bot.localnet.execution import durable_nonce_matches, error_json, execute
from bot.localnet.landing import LandingQueue, PendingTransaction, priority_fee
from bot.localnet.records import Block, Landed

Commitment = Literal["processed", "confirmed", "finalized"]
DEPTH_OF: dict[Commitment, int] = {"processed": 0, "confirmed": 1, "finalized": 32}

FIRST_SLOT = 300_000_000
SLOTS_PER_EPOCH = 432_000
BLOCKS_KEPT = DEPTH_OF["finalized"] + 8
MAX_TRANSACTIONS_PER_BLOCK = 2_000
MAX_PENDING = 10_000
ROTATIONS = 1 << 14


class SignatureHistory(Protocol):
    """What the engine asks of the stored history: whether a signature was executed before."""

    def has(self, signature: Signature) -> bool: ...


class ForkRefused(Exception):
    """The slots that a fork should take back are finalized, or this process does not know them; the text is one line."""


class QueueFull(Exception):
    """The landing queue holds as many transactions as a node keeps; the transaction was not taken."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a chain stands: everything beside its accounts and history that a restart has to know.

    `slot` is the newest slot, which has no block of its own directly after a fork, nor while leaders are away: so many
    slots as `skipped` says have passed since then.
    """

    slot: int
    height: int
    time_s: int
    transactions: int
    forks: tuple[ForkPoint, ...] = ()
    skipped: int = 0


def slot_at(position: Position, commitment: Commitment) -> int:
    """The newest slot at a commitment level of a chain that stands there."""
    return position.slot - min(DEPTH_OF[commitment], position.slot - FIRST_SLOT)


def height_at(position: Position, blocks: Sequence[Block], commitment: Commitment) -> int:
    """The newest block height at a commitment level, of a chain with these newest blocks; skipped slots have none."""
    slot = slot_at(position, commitment)
    for block in reversed(blocks):
        if block.slot <= slot:
            return block.height
    if blocks:
        return max(0, blocks[0].height - (blocks[0].slot - slot))
    return max(0, position.height - DEPTH_OF[commitment])


@dataclass(frozen=True, slots=True)
class Simulation:
    """The outcome of a simulation. `meta` is None when it failed before execution; `post_accounts` on failure too."""

    error: Any
    meta: TransactionMetadata | None
    post_accounts: dict[Pubkey, Account]


class Chain:
    """A chain of blocks. `position` is that of the newest block; accounts of a stored chain are handed in."""

    def __init__(
        self,
        genesis_hash: Hash,
        history: SignatureHistory,
        *,
        programs: Iterable[tuple[Pubkey, bytes]],
        position: Position,
        stored_accounts: Iterable[tuple[Pubkey, Account]] = (),
    ) -> None:
        self.genesis_hash = genesis_hash
        self.position = position
        self.queue = LandingQueue()
        self._bundles: list[Bundle] = []
        self.blocks: deque[Block] = deque(maxlen=BLOCKS_KEPT)
        self._history = history
        # LiteSVM's own checks know one blockhash and a short history; signatures are verified when they come in.
        self.svm = LiteSVM().with_blockhash_check(False).with_transaction_history(0).with_sigverify(False)
        self.accounts = Accounts(self.svm)
        self.blockhashes = BlockhashWindow(genesis_hash, position.height, position.forks)
        self._slot_hashes: deque[tuple[int, Hash]] = deque(maxlen=SLOT_HASHES)
        self._rotate_durable_nonces()
        for program, code in programs:
            self.svm.add_program(program, code)
        for key, account in stored_accounts:
            self.accounts.restore(key, account)
        for back in range(min(SLOT_HASHES, position.height), -1, -1):
            self._slot_hashes.appendleft((position.slot - back, self.blockhashes.at(position.height - back)))
        self._open_next_bank(position.time_s)

    def _rotate_durable_nonces(self) -> None:
        """Give LiteSVM a blockhash of this chain's own, since durable nonce values derive from it.

        Every LiteSVM starts at the same hash and walks the same sequence; starting at a place that depends on the
        chain and its height keeps a nonce value from appearing on two chains, or twice on one after a restart.
        """
        salt = hashlib.sha256(bytes(self.genesis_hash) + self.position.height.to_bytes(8, "little")).digest()
        for _ in range(int.from_bytes(salt[:8], "little") % ROTATIONS):
            self.svm.expire_blockhash()

    def _open_next_bank(self, time_s: int) -> None:
        self.svm.expire_blockhash()
        self.svm.set_slot_hashes(list(self._slot_hashes))
        self._set_clock(time_s)

    def _set_clock(self, time_s: int) -> None:
        slot = self.position.slot + 1
        epoch = slot // SLOTS_PER_EPOCH
        epoch_start_s = time_s - int((slot % SLOTS_PER_EPOCH) * 0.4)
        self.svm.set_clock(Clock(slot, epoch_start_s, epoch, epoch + 1, time_s))

    def slot_at(self, commitment: Commitment) -> int:
        """The newest slot at a commitment level."""
        return slot_at(self.position, commitment)

    def height_at(self, commitment: Commitment) -> int:
        """The newest block height at a commitment level."""
        return height_at(self.position, self.blocks, commitment)

    def blockhash_at(self, commitment: Commitment) -> tuple[Hash, int]:
        """The newest blockhash at a commitment level and the last block height at which it may be used."""
        height = self.height_at(commitment)
        return self.blockhashes.at(height), height + MAX_AGE_BLOCKS

    def block_at(self, commitment: Commitment) -> Block | None:
        """The block of the newest slot at a commitment level; None for a skipped one, and one before this process."""
        slot = self.slot_at(commitment)
        for block in reversed(self.blocks):
            if block.slot == slot:
                return block
        return None

    def account_at(self, key: Pubkey, commitment: Commitment) -> Account | None:
        """The state of an account as a node at this commitment level sees it."""
        slot = self.slot_at(commitment)
        for block in self.blocks:
            if block.slot > slot and key in block.before:
                return block.before[key]
        return self.accounts.get(key)

    def submit(self, transaction: VersionedTransaction, raw: bytes) -> Signature:
        """Queue a transaction whose signatures the caller has verified; raises QueueFull."""
        if len(self.queue) >= MAX_PENDING:
            raise QueueFull(f"{MAX_PENDING} transactions wait already")
        return self.queue.push(transaction, raw)

    def submit_bundle(self, bundle: Bundle) -> None:
        """Queue a bundle of transactions that land together in the next block, or not at all; raises QueueFull."""
        if len(self._bundles) >= MAX_PENDING:
            raise QueueFull(f"{MAX_PENDING} bundles wait already")
        if all(waiting.id != bundle.id for waiting in self._bundles):
            self._bundles.append(bundle)

    def age_error(self, transaction: VersionedTransaction) -> str | None:
        """`BlockhashNotFound` when the transaction could not land in the next block, else None."""
        blockhash = transaction.message.recent_blockhash
        if self.blockhashes.accepts(blockhash, self.position.height + 1):
            return None
        return None if durable_nonce_matches(transaction, self.accounts) else "BlockhashNotFound"

    def simulate(self, transaction: VersionedTransaction, *, check_age: bool) -> Simulation:
        """Run a transaction on the newest state and forget it."""
        if check_age and (error := self.age_error(transaction)) is not None:
            return Simulation(error, None, {})
        result = self.svm.simulate_transaction(transaction)
        if isinstance(result, SimulatedTransactionInfo):
            return Simulation(None, result.meta(), dict(result.post_accounts()))
        assert isinstance(result, FailedTransactionMetadata)
        return Simulation(error_json(result), result.meta(), {})

    def was_skipped(self, slot: int) -> bool:
        """Whether a slot of the recent past has no block."""
        known = bool(self.blocks) and self.blocks[0].slot <= slot <= self.position.slot
        return known and all(block.slot != slot for block in self.blocks)

    def skip_slot(self, time_s: int) -> None:
        """Let a slot pass without a block: what waits goes on waiting, and no height is used up."""
        time_s = max(time_s, self.position.time_s)
        position = self.position
        self.position = replace(position, slot=position.slot + 1, time_s=time_s, skipped=position.skipped + 1)
        self._set_clock(time_s)

    def produce_block(self, time_s: int, price_jumps_for: Callable[[str], bool] = lambda _: False) -> Block:
        """Execute what waits and close the block. `time_s` is Unix time; it never runs backwards on the chain.

        `price_jumps_for` says of a fee payer whether his trades meet a price that they do not allow.
        """
        time_s = max(time_s, self.position.time_s)
        slot, height = self.position.slot + 1, self.position.height + 1
        self._set_clock(time_s)
        landed = self._land_bundles(slot, time_s, price_jumps_for)
        for pending in self.queue.take(MAX_TRANSACTIONS_PER_BLOCK):
            if self._history.has(pending.signature) or self.age_error(pending.transaction) is not None:
                continue
            jumps = price_jumps_for(str(pending.transaction.message.account_keys[0]))
            result = execute(
                pending, self.svm, self.accounts, slot=slot, index=len(landed), block_time_s=time_s, price_jumps=jumps
            )
            if result is not None:
                landed.append(result)
        blockhash = self.blockhashes.register(height)
        transactions = self.position.transactions + len(landed)
        self.position = Position(slot, height, time_s, transactions, self.position.forks)
        self._slot_hashes.appendleft((slot, blockhash))
        self._open_next_bank(time_s)
        before: dict[Pubkey, Account | None] = {}
        for done in landed:
            for key, account in done.before.items():
                before.setdefault(key, account)
        block = Block(slot, height, time_s, str(blockhash), tuple(landed), before)
        self.blocks.append(block)
        return block

    def roll_back(self, slots: int) -> tuple[Block, ...]:
        """Take back what the newest slots brought, as a fork that lost; their blocks, oldest first.

        The slots stay skipped: the next block has the next slot, and the height after that of the block that stayed.
        Accounts are what they were before, and what was signed on a blockhash of these blocks can never land. Raises
        ForkRefused for finalized slots, and for ones that were made before this process.
        """
        deepest = self.position.slot - self.slot_at("finalized")
        known = self.position.slot - self.blocks[0].slot + 1 if self.blocks else 0
        most = min(deepest, known)
        if not 0 < slots <= most:
            raise ForkRefused(f"a fork of {slots} slots is refused; {most} are not finalized and known to this process")
        stayed_slot = self.position.slot - slots
        gone: list[Block] = []
        while self.blocks and self.blocks[-1].slot > stayed_slot:
            gone.append(self.blocks.pop())
        for block in gone:
            for key, account in block.before.items():
                self.accounts.put(key, account)
            self._slot_hashes.popleft()
        height = self.position.height - len(gone)
        self.blockhashes.roll_back(height)
        self.position = Position(
            slot=self.position.slot,
            height=height,
            time_s=self.position.time_s,
            transactions=self.position.transactions - sum(len(block.transactions) for block in gone),
            forks=self.blockhashes.forks,
        )
        self._open_next_bank(self.position.time_s)
        return tuple(reversed(gone))

    def _land_bundles(self, slot: int, time_s: int, price_jumps_for: Callable[[str], bool]) -> list[Landed]:
        """The transactions of the bundles that succeed as a whole, the best tip first; the others leave no trace."""
        waiting, self._bundles = self._bundles, []
        landed: list[Landed] = []
        for bundle in sorted(waiting, key=lambda one: -one.tip_lamports):
            jumps = price_jumps_for(str(bundle.transactions[0][0].message.account_keys[0]))
            landed += self._land_bundle(bundle, slot, time_s, index=len(landed), price_jumps=jumps)
        return landed

    def _land_bundle(self, bundle: Bundle, slot: int, time_s: int, *, index: int, price_jumps: bool) -> list[Landed]:
        landed: list[Landed] = []
        for transaction, raw in bundle.transactions:
            signature = transaction.signatures[0]
            known = self._history.has(signature) or any(done.record.signature == str(signature) for done in landed)
            result = None
            if not known and self.age_error(transaction) is None:
                pending = PendingTransaction(transaction, raw, signature, priority_fee(transaction.message), 0)
                result = execute(
                    pending,
                    self.svm,
                    self.accounts,
                    slot=slot,
                    index=index,
                    block_time_s=time_s,
                    price_jumps=price_jumps,
                )
            if result is not None:
                landed.append(result)
            if result is None or result.record.error is not None:
                self._undo(landed)
                return []
            index += 1
        for transaction, _ in bundle.transactions:
            self.queue.forget(transaction.signatures[0])
        return landed

    def _undo(self, landed: list[Landed]) -> None:
        for done in reversed(landed):
            for key, account in done.before.items():
                self.accounts.put(key, account)
