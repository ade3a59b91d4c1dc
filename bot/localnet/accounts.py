"""The accounts of the chain: LiteSVM's state, with indexes by owner, mint and program, and a journal of changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Set as AbstractSet

from solders.account import Account
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey

from bot.localnet.addresses import SYSTEM_PROGRAM
from bot.localnet.tokens import token_account

EMPTY_ACCOUNT = Account(0, b"", SYSTEM_PROGRAM)
NO_ACCOUNTS: frozenset[Pubkey] = frozenset()


class Accounts:
    """Account reads and writes in one place, so that indexes and the journal never miss a change.

    LiteSVM has neither snapshots nor indexes. Wallets (accounts of the system program) are not indexed by program:
    nobody may list them, as on a public node.
    """

    def __init__(self, svm: LiteSVM) -> None:
        self._svm = svm
        self._by_program: defaultdict[Pubkey, set[Pubkey]] = defaultdict(set)
        self._by_owner: defaultdict[Pubkey, set[Pubkey]] = defaultdict(set)
        self._by_mint: defaultdict[Pubkey, set[Pubkey]] = defaultdict(set)
        self._program_of: dict[Pubkey, Pubkey] = {}
        self._token_of: dict[Pubkey, tuple[Pubkey, Pubkey]] = {}
        self._changed: dict[Pubkey, Account | None] = {}

    def get(self, key: Pubkey) -> Account | None:
        """The newest state of an account, or None when it does not exist."""
        return self._svm.get_account(key)

    def put(self, key: Pubkey, account: Account | None) -> None:
        """Write an account outside of any transaction (genesis, restore, removal of dead tokens); None removes it."""
        self._svm.set_account(key, EMPTY_ACCOUNT if account is None else account)
        self.note(key, account)

    def restore(self, key: Pubkey, account: Account) -> None:
        """Write an account that is already stored on disk."""
        self._svm.set_account(key, account)
        self._index(key, account)

    def note(self, key: Pubkey, account: Account | None) -> None:
        """Record that a transaction left `key` in this state."""
        self._changed[key] = account
        self._index(key, account)

    def drain_changes(self) -> dict[Pubkey, Account | None]:
        """Everything that changed since the last call; None marks accounts that ceased to exist."""
        changed, self._changed = self._changed, {}
        return changed

    def owned_by_program(self, program: Pubkey) -> AbstractSet[Pubkey]:
        """Addresses of the accounts that `program` owns."""
        return self._by_program.get(program, NO_ACCOUNTS)

    def tokens_of_owner(self, owner: Pubkey) -> AbstractSet[Pubkey]:
        """Addresses of the token accounts of a wallet."""
        return self._by_owner.get(owner, NO_ACCOUNTS)

    def tokens_of_mint(self, mint: Pubkey) -> AbstractSet[Pubkey]:
        """Addresses of the token accounts that hold `mint`."""
        return self._by_mint.get(mint, NO_ACCOUNTS)

    def _index(self, key: Pubkey, account: Account | None) -> None:
        program = None if account is None or account.owner == SYSTEM_PROGRAM else account.owner
        previous = self._program_of.get(key)
        if previous != program:
            if previous is not None:
                _discard(self._by_program, previous, key)
                del self._program_of[key]
            if program is not None:
                self._by_program[program].add(key)
                self._program_of[key] = program
        token = token_account(account)
        self._index_token(key, None if token is None else (token.mint, token.owner))

    def _index_token(self, key: Pubkey, holding: tuple[Pubkey, Pubkey] | None) -> None:
        previous = self._token_of.get(key)
        if previous == holding:
            return
        if previous is not None:
            _discard(self._by_mint, previous[0], key)
            _discard(self._by_owner, previous[1], key)
            del self._token_of[key]
        if holding is not None:
            self._by_mint[holding[0]].add(key)
            self._by_owner[holding[1]].add(key)
            self._token_of[key] = holding


def _discard(index: defaultdict[Pubkey, set[Pubkey]], group: Pubkey, key: Pubkey) -> None:
    members = index[group]
    members.discard(key)
    if not members:
        del index[group]
