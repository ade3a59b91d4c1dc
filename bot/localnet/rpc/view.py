"""What one endpoint sees of the chain: everything, or what the faults `stale`, `empty` and `genesis` leave of it.

RPC methods read the chain through it and never past it, so that a fault holds for every method alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from bot.localnet.addresses import GLOBAL_ACCOUNT, RECENT_BLOCKHASHES, SYSVAR_PROGRAM
from bot.localnet.blockhashes import LISTED, MAX_AGE_BLOCKS, listing
from bot.localnet.chain import Chain, Commitment, Position, height_at, slot_at
from bot.localnet.faults import EMPTY, GENESIS, STALE, UPGRADED, FaultTable
from bot.localnet.log_lines import told_lines
from bot.localnet.records import Block, BlockHeader, ExecutedTransaction, TransactionStatus
from bot.localnet.store import Store
from bot.localnet.tokens import TokenAccount, token_account


@dataclass(frozen=True, slots=True)
class _Past:
    """The chain as it was when the endpoint was cut off: its last blocks then, and what was changed since.

    `gone` are transactions of that time that a fork has taken back since, which the endpoint has not heard of.
    """

    position: Position
    blocks: tuple[Block, ...]
    before: dict[Pubkey, Account | None] = field(default_factory=dict)
    gone: dict[str, ExecutedTransaction] = field(default_factory=dict)

    def account_at(self, key: Pubkey, slot: int, newest: Callable[[Pubkey], Account | None]) -> Account | None:
        for block in self.blocks:
            if block.slot > slot and key in block.before:
                return block.before[key]
        return self.before[key] if key in self.before else newest(key)


class View:
    """The chain through one endpoint.

    While `stale` is on it is the chain of the moment when the fault began. While `empty` is on slots and heights go on,
    and there are no accounts, no transactions and no statuses. While `genesis` is on it is said to be another chain.
    While `cut-logs` is on every log is cut. While `upgraded` is on the launchpad's own account is of a layout that nobody knows.
    """

    def __init__(self, chain: Chain, store: Store, faults: FaultTable) -> None:
        self._chain = chain
        self._store = store
        self._faults = faults
        self._past: _Past | None = None
        faults.observe(self._notice_the_switch)

    def _notice_the_switch(self) -> None:
        if self._faults.get(STALE) is None:
            self._past = None
        elif self._past is None:
            self._past = _Past(self._chain.position, tuple(self._chain.blocks))

    def on_block(self) -> None:
        """Remember what the newest block changed while the endpoint is cut off; to be called once for each."""
        if (past := self.past) is not None and self._chain.blocks:
            for key, account in self._chain.blocks[-1].before.items():
                past.before.setdefault(key, account)

    def before_fork(self, slots: int) -> None:
        """Remember what a fork is about to take back while the endpoint is cut off; to be called before each."""
        if (past := self.past) is None:
            return
        for block in self._chain.blocks:
            if block.slot <= self._chain.position.slot - slots:
                continue
            for key in block.before:
                past.before.setdefault(key, self._chain.accounts.get(key))
            if block.slot <= past.position.slot:
                past.gone.update((landed.record.signature, landed.record) for landed in block.transactions)

    @property
    def past(self) -> _Past | None:
        """The moment at which the endpoint was cut off; None while it is not."""
        if self._past is not None and self._faults.get(STALE) is None:
            self._past = None
        return self._past

    @property
    def is_cut_off(self) -> bool:
        """It hears nothing of the cluster and passes nothing on to it."""
        return self.past is not None

    @property
    def is_empty(self) -> bool:
        return self._faults.get(EMPTY) is not None

    @property
    def genesis_hash(self) -> Hash:
        real = self._chain.genesis_hash
        if self._faults.get(GENESIS) is None:
            return real
        return Hash(hashlib.sha256(b"another chain than " + bytes(real)).digest())

    @property
    def position(self) -> Position:
        past = self.past
        return self._chain.position if past is None else past.position

    @property
    def blocks(self) -> Sequence[Block]:
        past = self.past
        return self._chain.blocks if past is None else past.blocks

    def slot_at(self, commitment: Commitment) -> int:
        """The newest slot at a commitment level: a node knows of none without a block before the next one with a block."""
        position = self.position
        return min(slot_at(position, commitment), position.slot - position.skipped)

    def height_at(self, commitment: Commitment) -> int:
        """The newest block height at a commitment level."""
        return height_at(self.position, self.blocks, commitment)

    def blockhash_at(self, commitment: Commitment) -> tuple[Hash, int]:
        """The newest blockhash at a commitment level and the last block height at which it may be used."""
        height = self.height_at(commitment)
        known = next((Hash.from_string(block.blockhash) for block in self.blocks if block.height == height), None)
        return known or self._chain.blockhashes.at(height), height + MAX_AGE_BLOCKS

    def _recent_blockhashes(self, commitment: Commitment) -> Account:
        """The sysvar with this chain's own blockhashes; LiteSVM's has the one that it knows itself."""
        height = self.height_at(commitment)
        known = {block.height: Hash.from_string(block.blockhash) for block in self.blocks}
        heights = range(height, max(-1, height - LISTED), -1)
        data = listing([known.get(one) or self._chain.blockhashes.at(one) for one in heights])
        return Account(self._chain.svm.minimum_balance_for_rent_exemption(len(data)), data, SYSVAR_PROGRAM)

    def account_at(self, key: Pubkey, commitment: Commitment) -> Account | None:
        if self.is_empty:
            return None
        if key == RECENT_BLOCKHASHES:
            return self._recent_blockhashes(commitment)
        if key == GLOBAL_ACCOUNT and self._faults.get(UPGRADED) is not None:
            return _of_another_layout(self._chain.account_at(key, commitment))
        past = self.past
        if past is None:
            return self._chain.account_at(key, commitment)
        return past.account_at(key, self.slot_at(commitment), self._chain.accounts.get)

    def owned_by_program(self, program: Pubkey) -> AbstractSet[Pubkey]:
        """Which accounts to look at; some of them may belong to another program at the commitment that is asked for."""
        return self._chain.accounts.owned_by_program(program) | self._changed(lambda one: one.owner == program)

    def tokens_of_owner(self, owner: Pubkey) -> AbstractSet[Pubkey]:
        return self._chain.accounts.tokens_of_owner(owner) | self._changed_tokens(lambda one: one.owner == owner)

    def tokens_of_mint(self, mint: Pubkey) -> AbstractSet[Pubkey]:
        return self._chain.accounts.tokens_of_mint(mint) | self._changed_tokens(lambda one: one.mint == mint)

    def _changed(self, matches: Callable[[Account], bool]) -> set[Pubkey]:
        """Accounts that matched when the endpoint was cut off and were changed or closed since."""
        past = self.past
        known: Iterable[tuple[Pubkey, Account | None]] = () if past is None else past.before.items()
        return {key for key, account in known if account is not None and matches(account)}

    def _changed_tokens(self, matches: Callable[[TokenAccount], bool]) -> set[Pubkey]:
        return self._changed(lambda account: (held := token_account(account)) is not None and matches(held))

    def status(self, signature: Signature) -> TransactionStatus | None:
        if (gone := self._gone(signature)) is not None:
            return TransactionStatus(gone.signature, gone.slot, gone.block_time_s, gone.error)
        status = None if self.is_empty else self._store.status(signature)
        return status if status is not None and status.slot <= self.position.slot else None

    def _gone(self, signature: Signature) -> ExecutedTransaction | None:
        past = self.past
        return None if past is None or self.is_empty else past.gone.get(str(signature))

    def transaction(self, signature: Signature) -> ExecutedTransaction | None:
        record = None if self.is_empty else self._gone(signature) or self._store.transaction(signature)
        if record is None or record.slot > self.position.slot:
            return None
        return self._told(record)

    def block(self, slot: int) -> BlockHeader | None:
        """The block of a slot; None for a slot that had none, is still to come or is not kept any more."""
        if slot > self.position.slot:
            return None
        for block in self.blocks:
            if block.slot == slot:
                return BlockHeader(block.slot, block.height, block.block_time_s, block.blockhash)
        return self._store.block(slot)

    def transactions_in(self, slot: int) -> list[ExecutedTransaction]:
        """The transactions of a block in their order."""
        if self.is_empty:
            return []
        for block in self.blocks:
            if block.slot == slot:
                return [self._told(landed.record) for landed in block.transactions]
        return [self._told(record) for record in self._store.transactions_in(slot)]

    def _told(self, record: ExecutedTransaction) -> ExecutedTransaction:
        return replace(record, logs=tuple(self.told_logs(record.logs)))

    def told_logs(self, lines: Iterable[str]) -> list[str]:
        """The log of a transaction as this endpoint tells it: whole, or cut while `cut-logs` is on."""
        return told_lines(lines, self._faults)

    def transactions_of(
        self,
        address: Pubkey,
        commitment: Commitment,
        *,
        before: Signature | None,
        until: Signature | None,
        limit: int,
    ) -> Sequence[TransactionStatus]:
        """Transactions that touched an address, the newest first."""
        if self.is_empty:
            return ()
        newest = self.slot_at(commitment)
        return self._store.transactions_of(address, newest_slot=newest, before=before, until=until, limit=limit)


def _of_another_layout(account: Account | None) -> Account | None:
    """The same account behind a discriminator that no version of the program that we know has written."""
    return account and Account(account.lamports, bytes(8) + account.data[8:], account.owner)
