"""When a transaction lands, when it never does, and what a failure costs."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.account import Account
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.compute_budget import set_compute_unit_price
from solders.hash import Hash
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    CreateAccountParams,
    InitializeNonceAccountParams,
    TransferParams,
    advance_nonce_account,
    create_account,
    initialize_nonce_account,
    transfer,
)
from solders.transaction import VersionedTransaction

from bot.localnet.inprocess import InProcessChain
from tests.localnet.localnet_scenario import SOL, blockhash, pay, send, signed, status, wallet


@pytest.fixture
def chain() -> InProcessChain:
    chain = InProcessChain(seed=1)
    chain.step(40)
    return chain


def balance(chain: InProcessChain, key: Pubkey, commitment: str = "processed") -> int:
    return chain.call("getBalance", str(key), {"commitment": commitment})["value"]


def test_a_payment_lands_in_the_next_block_and_is_final_after_32_slots(chain: InProcessChain) -> None:
    payer, to = wallet(chain), Pubkey.new_unique()
    signature = send(chain, pay(chain, payer, to, SOL))
    assert status(chain, signature) is None
    seen = []
    for _ in range(33):
        chain.step()
        found = status(chain, signature)
        assert found is not None
        seen.append((found["confirmationStatus"], found["confirmations"]))
    assert seen[:2] == [("processed", 0), ("confirmed", 1)]
    assert seen[31:] == [("confirmed", 31), ("finalized", None)]


def test_each_commitment_sees_the_balance_of_its_own_slot(chain: InProcessChain) -> None:
    payer, to = wallet(chain), Pubkey.new_unique()
    send(chain, pay(chain, payer, to, SOL))
    chain.step()
    assert [balance(chain, to, level) for level in ("processed", "confirmed", "finalized")] == [SOL, 0, 0]
    chain.step()
    assert [balance(chain, to, level) for level in ("processed", "confirmed", "finalized")] == [SOL, SOL, 0]
    chain.step(31)
    assert balance(chain, to, "finalized") == SOL


def test_a_blockhash_may_be_used_up_to_its_last_valid_height_and_not_beyond(chain: InProcessChain) -> None:
    payer, to = wallet(chain), Pubkey.new_unique()
    recent, last_valid_height = blockhash(chain)
    on_time, late = pay(chain, payer, to, 1 * SOL, on=recent), pay(chain, payer, to, 2 * SOL, on=recent)
    chain.step(last_valid_height - 1 - chain.call("getBlockHeight", {"commitment": "processed"}))
    send(chain, on_time)
    chain.step()
    assert chain.call("getBlockHeight", {"commitment": "processed"}) == last_valid_height
    send(chain, late, preflight=False)
    chain.step(5)
    assert status(chain, str(on_time.signatures[0])) is not None
    assert status(chain, str(late.signatures[0])) is None
    assert balance(chain, to) == SOL


def test_the_same_bytes_sent_again_move_nothing_twice(chain: InProcessChain) -> None:
    payer, to = wallet(chain), Pubkey.new_unique()
    transaction = pay(chain, payer, to, SOL)
    send(chain, transaction)
    send(chain, transaction)
    chain.step()
    send(chain, transaction, preflight=False)
    chain.step()
    assert balance(chain, to) == SOL
    with pytest.raises(ValueError, match="already been processed"):
        send(chain, transaction)


def test_the_better_priority_fee_lands_first(chain: InProcessChain) -> None:
    to = Pubkey.new_unique()
    payers = [wallet(chain) for _ in range(4)]
    prices = [100, 5_000, 0, 900]
    sent = {}
    for payer, price in zip(payers, prices, strict=True):
        params = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=SOL)
        transaction = signed(chain, [set_compute_unit_price(price), transfer(params)], payer)
        sent[send(chain, transaction)] = price
    block = chain.step()
    assert [sent[landed.record.signature] for landed in block.transactions] == [5_000, 900, 100, 0]


def test_a_transaction_signed_on_one_chain_means_nothing_on_another() -> None:
    here, there = InProcessChain(seed=1), InProcessChain(seed=1, salt=b"born at another time")
    payer, to = Keypair(), Pubkey.new_unique()
    for chain in (here, there):
        chain.step(40)
        chain.cluster.fund(payer.pubkey(), 10 * SOL)
    assert here.call("getGenesisHash") != there.call("getGenesisHash")
    transaction = pay(here, payer, to, SOL)
    with pytest.raises(ValueError, match="Blockhash not found"):
        send(there, transaction)
    send(there, transaction, preflight=False)
    there.step(3)
    assert balance(there, to) == 0


def test_what_the_network_would_never_include_leaves_no_trace(chain: InProcessChain) -> None:
    penniless = Keypair()
    transaction = pay(chain, penniless, Pubkey.new_unique(), SOL)
    send(chain, transaction, preflight=False)
    chain.step(3)
    assert status(chain, str(transaction.signatures[0])) is None


def test_a_failed_transaction_lands_and_costs_its_fee(chain: InProcessChain) -> None:
    payer = wallet(chain, 1 * SOL)
    transaction = pay(chain, payer, Pubkey.new_unique(), 50 * SOL)
    send(chain, transaction, preflight=False)
    chain.step()
    found = status(chain, str(transaction.signatures[0]))
    assert found is not None
    assert found["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert balance(chain, payer.pubkey()) == SOL - 5_000


class Nonce:
    """A durable nonce account and transactions signed on it."""

    def __init__(self, chain: InProcessChain) -> None:
        self.chain, self.owner, self.account = chain, wallet(chain), Keypair()
        create = create_account(
            CreateAccountParams(
                from_pubkey=self.owner.pubkey(),
                to_pubkey=self.account.pubkey(),
                lamports=SOL // 100,
                space=80,
                owner=Pubkey.default(),
            )
        )
        start = initialize_nonce_account(
            InitializeNonceAccountParams(nonce_pubkey=self.account.pubkey(), authority=self.owner.pubkey())
        )
        send(chain, signed(chain, [create, start], self.owner, self.account))
        chain.step(2)

    @property
    def value(self) -> Hash:
        account = self.chain.cluster.chain.accounts.get(self.account.pubkey())
        assert account is not None
        return Hash(account.data[40:72])

    def pay(self, to: Pubkey, lamports: int) -> VersionedTransaction:
        advance = advance_nonce_account(
            AdvanceNonceAccountParams(nonce_pubkey=self.account.pubkey(), authorized_pubkey=self.owner.pubkey())
        )
        params = TransferParams(from_pubkey=self.owner.pubkey(), to_pubkey=to, lamports=lamports)
        return signed(self.chain, [advance, transfer(params)], self.owner, on=self.value)


def test_a_durable_transaction_waits_for_hours_and_lands_once(chain: InProcessChain) -> None:
    nonce, to = Nonce(chain), Pubkey.new_unique()
    transaction = nonce.pay(to, SOL)
    chain.step(400)
    send(chain, transaction)
    chain.step()
    assert balance(chain, to) == SOL
    with pytest.raises(ValueError, match="already been processed"):
        send(chain, transaction)
    rival = VersionedTransaction(MessageV0.try_compile(nonce.owner.pubkey(), [], [], nonce.value), [nonce.owner])
    send(chain, rival, preflight=False)
    chain.step()
    assert status(chain, str(rival.signatures[0])) is None


def test_a_durable_transaction_that_fails_uses_its_nonce_up(chain: InProcessChain) -> None:
    nonce, to = Nonce(chain), Pubkey.new_unique()
    before = nonce.value
    failing, other = nonce.pay(to, 10_000 * SOL), nonce.pay(to, SOL)
    send(chain, failing, preflight=False)
    chain.step()
    found = status(chain, str(failing.signatures[0]))
    assert found is not None
    assert found["err"] is not None
    assert nonce.value != before
    send(chain, other, preflight=False)
    chain.step(3)
    assert status(chain, str(other.signatures[0])) is None
    send(chain, nonce.pay(to, SOL))
    chain.step()
    assert balance(chain, to) == SOL


def test_an_unknown_lookup_table_keeps_a_transaction_from_landing(chain: InProcessChain) -> None:
    payer, to = wallet(chain), Pubkey.new_unique()
    table = AddressLookupTableAccount(Pubkey.new_unique(), [to])
    params = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=SOL)
    recent, _ = blockhash(chain)
    message = MessageV0.try_compile(payer.pubkey(), [transfer(params)], [table], recent)
    transaction = VersionedTransaction(message, [payer])
    send(chain, transaction, preflight=False)
    chain.step(2)
    assert status(chain, str(transaction.signatures[0])) is None


def test_a_busy_block_leaves_the_rest_for_the_next_one(chain: InProcessChain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.localnet.chain.MAX_TRANSACTIONS_PER_BLOCK", 3)
    to = Pubkey.new_unique()
    for _ in range(5):
        send(chain, pay(chain, wallet(chain), to, SOL))
    assert [len(chain.step().transactions) for _ in range(3)] == [3, 2, 0]


@functools.cache
def one_chain() -> InProcessChain:
    return InProcessChain(seed=9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 3 * SOL), min_size=1, max_size=8))
def test_lamports_are_neither_made_nor_lost_but_for_fees(amounts: list[int]) -> None:
    chain = one_chain()
    payer, to = wallet(chain, 5 * SOL), wallet(chain, SOL)
    fees = 0
    for amount in amounts:
        send(chain, pay(chain, payer, to.pubkey(), amount), preflight=False)
        for landed in chain.step().transactions:
            fees += landed.record.fee_lamports
            assert sum(landed.record.pre_lamports) - sum(landed.record.post_lamports) == landed.record.fee_lamports
    assert balance(chain, payer.pubkey()) + balance(chain, to.pubkey()) == 6 * SOL - fees


def test_putting_an_account_away_removes_it_from_every_index(chain: InProcessChain) -> None:
    owner, key = Pubkey.new_unique(), Pubkey.new_unique()
    program = Pubkey.new_unique()
    accounts = chain.cluster.chain.accounts
    accounts.put(key, Account(SOL, b"data", program))
    assert accounts.owned_by_program(program) == {key}
    accounts.put(key, None)
    assert accounts.get(key) is None
    assert not accounts.owned_by_program(program)
    assert not accounts.tokens_of_owner(owner)
