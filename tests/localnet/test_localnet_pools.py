"""Completed curves migrate to pools, and coins trade there to the lamport: the pool program's stand-in."""

from __future__ import annotations

import struct

import pytest
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.localnet import addresses as at
from bot.localnet import liquidity
from bot.localnet.inprocess import InProcessChain
from bot.localnet.launchpad import ceil_bps, create_associated_token
from bot.localnet.liquidity import PoolReserves, read_pool
from bot.localnet.tokens import token_account
from tests.localnet.localnet_scenario import SOL, Coin, send, signed, status, wallet

DELAY_SLOTS = 5
EXACT_BUY = bytes.fromhex("66063d1201daebea")


@pytest.fixture
def chain() -> InProcessChain:
    return InProcessChain(migration_slots=DELAY_SLOTS)


def completed(chain: InProcessChain) -> tuple[Coin, Keypair]:
    """A coin whose whole curve one buyer has bought."""
    coin, buyer = Coin.launched(chain), wallet(chain, 200 * SOL)
    send(chain, coin.buy(buyer, 120 * SOL))
    chain.step(2)
    assert coin.curve.complete
    return coin, buyer


def migrated(chain: InProcessChain) -> tuple[Coin, Keypair]:
    coin, buyer = completed(chain)
    chain.step(DELAY_SLOTS + 1)
    return coin, buyer


def reserves(chain: InProcessChain, coin: Coin) -> PoolReserves:
    found = read_pool(coin.mint.pubkey(), chain.cluster.chain.accounts)
    assert found is not None
    return found


def held_raw(chain: InProcessChain, owner: Pubkey, mint: Pubkey, program: Pubkey = at.TOKEN_2022_PROGRAM) -> int:
    held = token_account(chain.cluster.chain.accounts.get(at.associated_token(owner, mint, program)))
    return 0 if held is None else held.amount_raw


def lamports(chain: InProcessChain, key: Pubkey) -> int:
    account = chain.cluster.chain.accounts.get(key)
    return 0 if account is None else account.lamports


def pool_sale(
    chain: InProcessChain, coin: Coin, user: Keypair, token_raw: int, least_lamports: int = 0
) -> VersionedTransaction:
    key, mint = user.pubkey(), coin.mint.pubkey()
    sale = liquidity.sell(mint, key, coin.creator.pubkey(), token_raw=token_raw, min_receive_lamports=least_lamports)
    wrapped = create_associated_token(key, key, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)
    return signed(chain, [wrapped, sale, liquidity.unwrap_sol(key)], user)


def pool_buy(chain: InProcessChain, coin: Coin, user: Keypair, spend: int, least_raw: int = 0) -> VersionedTransaction:
    key, mint = user.pubkey(), coin.mint.pubkey()
    params = TransferParams(from_pubkey=key, to_pubkey=at.wrapped_sol(key), lamports=spend)
    return signed(
        chain,
        [
            create_associated_token(key, key, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM),
            transfer(params),
            liquidity.sync_wrapped_sol(key),
            create_associated_token(key, key, mint),
            liquidity.buy_exact_quote_in(
                mint, key, coin.creator.pubkey(), spend_lamports=spend, min_token_raw=least_raw
            ),
            liquidity.unwrap_sol(key),
        ],
        user,
    )


def done(chain: InProcessChain, transaction: VersionedTransaction) -> object:
    signature = send(chain, transaction, preflight=False)
    chain.step(2)
    found = status(chain, signature)
    assert found is not None
    return found["err"]


def test_a_completed_curve_migrates_some_slots_later_with_everything_it_held(chain: InProcessChain) -> None:
    coin, _ = completed(chain)
    assert read_pool(coin.mint.pubkey(), chain.cluster.chain.accounts) is None
    into_pool = coin.curve.real_quote_lamports - 15_000_001
    chain.step(DELAY_SLOTS + 1)
    assert reserves(chain, coin) == PoolReserves(206_900 * 10**9, into_pool)
    assert coin.curve.virtual_token_raw == 0
    assert coin.curve.complete
    assert chain.cluster.migrator.waiting == 1
    chain.step(20)
    assert chain.cluster.migrator.waiting == 0


@pytest.mark.parametrize("seen", [False, True])
def test_a_migration_that_a_fork_takes_back_comes_again(chain: InProcessChain, seen: bool) -> None:
    coin, _ = completed(chain)
    chain.step(DELAY_SLOTS + (20 if seen else 1))
    assert reserves(chain, coin) is not None
    chain.fork(22 if seen else 4, lost_percent=100)
    assert read_pool(coin.mint.pubkey(), chain.cluster.chain.accounts) is None
    chain.step(40)
    assert reserves(chain, coin).token_raw == 206_900 * 10**9
    assert chain.cluster.migrator.waiting == 0


def test_without_anybody_who_migrates_a_completed_curve_waits() -> None:
    chain = InProcessChain(migration_slots=None)
    coin, _ = completed(chain)
    chain.step(100)
    assert read_pool(coin.mint.pubkey(), chain.cluster.chain.accounts) is None
    assert coin.curve.virtual_token_raw > 0


def test_a_curve_that_is_not_complete_cannot_be_migrated(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain)
    error = done(chain, signed(chain, [liquidity.migrate_v2(coin.mint.pubkey(), user.pubkey())], user))
    assert error == {"InstructionError": [0, {"Custom": 6006}]}


def test_a_sale_brings_what_the_constant_product_says_and_leaves_no_wrapped_sol(chain: InProcessChain) -> None:
    coin, buyer = migrated(chain)
    before, pool = lamports(chain, buyer.pubkey()), reserves(chain, coin)
    token_raw = 10**13
    expected = pool.received_for(token_raw)
    assert done(chain, pool_sale(chain, coin, buyer, token_raw, expected)) is None
    assert lamports(chain, buyer.pubkey()) == before + expected - 5_000
    assert chain.cluster.chain.accounts.get(at.wrapped_sol(buyer.pubkey())) is None
    after = reserves(chain, coin)
    assert after.token_raw == pool.token_raw + token_raw
    assert 0 < pool.quote_lamports - after.quote_lamports - expected < expected // 50


def test_a_buy_spends_no_more_than_said_and_pays_everybody(chain: InProcessChain) -> None:
    coin, _ = migrated(chain)
    user, pool = wallet(chain), reserves(chain, coin)
    tokens = pool.tokens_for(SOL)
    assert done(chain, pool_buy(chain, coin, user, SOL, tokens)) is None
    assert held_raw(chain, user.pubkey(), coin.mint.pubkey()) == tokens
    creator_fees = held_raw(
        chain, at.pool_creator_authority(coin.creator.pubkey()), at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM
    )
    protocol = held_raw(chain, at.FEE_RECIPIENTS[0], at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)
    buyback = held_raw(chain, at.BUYBACK_RECIPIENTS[0], at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)
    paid = reserves(chain, coin).quote_lamports - pool.quote_lamports + creator_fees + protocol + buyback
    assert SOL - 5 <= paid <= SOL
    assert creator_fees > 0
    assert protocol - 1 <= buyback <= protocol


def test_prices_that_moved_past_the_limit_are_refused(chain: InProcessChain) -> None:
    coin, buyer = migrated(chain)
    pool = reserves(chain, coin)
    error = done(chain, pool_sale(chain, coin, buyer, 10**13, pool.received_for(10**13) + 1))
    assert error == {"InstructionError": [1, {"Custom": 6004}]}
    error = done(chain, pool_buy(chain, coin, buyer, SOL, pool.tokens_for(SOL) + 1))
    assert error == {"InstructionError": [4, {"Custom": 6040}]}


def test_a_buy_of_exactly_so_many_tokens_costs_what_they_cost_and_keeps_its_bound(chain: InProcessChain) -> None:
    coin, _ = migrated(chain)
    user, pool = wallet(chain), reserves(chain, coin)
    key, mint = user.pubkey(), coin.mint.pubkey()
    token_raw = pool.token_raw // 1_000 + 7
    at_price = -(-pool.quote_lamports * token_raw // (pool.token_raw - token_raw))
    cost = at_price + sum(ceil_bps(at_price, bps) for bps in pool.fees_bps)
    template = liquidity.buy_exact_quote_in(mint, key, coin.creator.pubkey(), spend_lamports=1, min_token_raw=1)

    def buy(limit: int) -> VersionedTransaction:
        params = TransferParams(from_pubkey=key, to_pubkey=at.wrapped_sol(key), lamports=SOL)
        data = EXACT_BUY + struct.pack("<QQB", token_raw, limit, 0)
        return signed(
            chain,
            [
                create_associated_token(key, key, at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM),
                transfer(params),
                liquidity.sync_wrapped_sol(key),
                create_associated_token(key, key, mint),
                Instruction(template.program_id, data, template.accounts),
                liquidity.unwrap_sol(key),
            ],
            user,
        )

    assert done(chain, buy(cost - 1)) == {"InstructionError": [4, {"Custom": 6004}]}
    before = lamports(chain, key)
    assert done(chain, buy(cost)) is None
    assert held_raw(chain, key, mint) == token_raw
    tokens = chain.cluster.chain.accounts.get(at.associated_token(key, mint))
    assert tokens is not None
    assert before - lamports(chain, key) == cost + tokens.lamports + 5_000
    assert reserves(chain, coin).token_raw == pool.token_raw - token_raw


def test_a_trade_without_the_pools_second_account_fails_as_on_mainnet(chain: InProcessChain) -> None:
    coin, buyer = migrated(chain)
    sale = liquidity.sell(
        coin.mint.pubkey(), buyer.pubkey(), coin.creator.pubkey(), token_raw=10**12, min_receive_lamports=0
    )
    wrong = [*sale.accounts[:21], sale.accounts[0], *sale.accounts[22:]]
    wrapped = create_associated_token(buyer.pubkey(), buyer.pubkey(), at.WRAPPED_SOL_MINT, at.TOKEN_PROGRAM)
    error = done(chain, signed(chain, [wrapped, type(sale)(sale.program_id, sale.data, wrong)], buyer))
    assert error == {"InstructionError": [1, {"Custom": 6023}]}
