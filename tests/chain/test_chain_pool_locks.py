"""Who can withdraw a pool's liquidity: what was burnt of its shares, what somebody holds, and accounts that say neither."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.account import Account
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.errors import DecodeError
from bot.localnet.inprocess import InProcessChain
from bot.trading.liquidity import WARNED_BPS, LiquidityLock
from tests.chain.chain_scenario import virtual_world
from tests.chain.test_chain_pools import migrated

RAW = st.integers(0, 2**64 - 1)


@given(RAW, RAW)
def test_the_part_that_can_be_withdrawn_is_a_share_and_never_said_to_be_less(shares: int, held: int) -> None:
    lock = LiquidityLock(shares, held)
    assert 0 <= lock.withdrawable_bps <= 10_000
    assert (lock.withdrawable_bps == 0) is (held == 0)
    assert lock.withdrawable_bps * shares >= min(held, shares) * 10_000 or not shares
    assert bool(lock.cautions) is (lock.withdrawable_bps >= WARNED_BPS)


def test_it_is_said_in_words() -> None:
    assert LiquidityLock(100, 0).line == "The liquidity of its pool is locked for good: all shares in it are burnt."
    assert LiquidityLock(400, 1).line.startswith(
        "0.25 % of its pool's liquidity can be withdrawn at any moment; the rest"
    )
    assert LiquidityLock(400, 100).cautions == ("25 % of its pool's liquidity can be withdrawn at any moment",)
    assert LiquidityLock(0, 1).withdrawable_bps == 10_000


def decree(net: InProcessChain, key: Pubkey, data: bytes | None, owner: Pubkey | None = None) -> None:
    """Let an account be so; None removes it."""
    accounts = net.cluster.chain.accounts
    before = accounts.get(key)
    assert before is not None
    after = None if data is None else Account(before.lamports, data, owner or before.owner, False, before.rent_epoch)
    accounts.put(key, after)


async def test_a_migration_locks_it_and_who_adds_to_it_can_take_that_out(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=7)
    async with virtual_world(net) as world:
        coin = await world.launched(await world.funded())
        assert await world.chain.liquidity_lock(coin) is None
        await world.chain.venue(coin)
        assert await world.chain.liquidity_lock(coin) is None
        mint, _ = await migrated(world)
        made = await world.chain.liquidity_lock(mint)
        assert made is not None
        assert made.held_raw == 0
        # The square root of 206,900,000 tokens and 84.99 SOL, as mainnet's migrations mint and burn.
        assert made.shares_raw == pytest.approx(4_193_388_284_800, rel=1e-6)
        pool = at.canonical_pool(Pubkey.from_string(mint))
        shares = at.share_mint(pool)
        shown = net.cluster.chain.accounts.get(shares)
        assert shown is not None
        added = made.shares_raw // 3
        decree(net, shares, shown.data[:36] + struct.pack("<Q", added) + shown.data[44:])
        lock = await world.chain.liquidity_lock(mint)
        assert lock == LiquidityLock(made.shares_raw, added)
        assert lock.cautions


async def test_accounts_that_are_not_what_they_should_be_say_nothing(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=7)
    async with virtual_world(net) as world:
        mint, _ = await migrated(world)
        pool = at.canonical_pool(Pubkey.from_string(mint))
        accounts = net.cluster.chain.accounts
        good = {key: accounts.get(key) for key in (pool, at.share_mint(pool))}
        (pool_key, pool_account), (share_key, share_account) = good.items()
        assert pool_account is not None
        assert share_account is not None
        other = bytes(Pubkey.new_unique())
        for key, data, owner, told in (
            (pool_key, pool_account.data[:107] + other + pool_account.data[139:], None, "as the mint of its shares"),
            (pool_key, pool_account.data[:200], None, "pool account"),
            (pool_key, pool_account.data, at.PUMP_PROGRAM, "the pool belongs to"),
            (share_key, share_account.data[:60], None, "60 bytes are no mint"),
            (share_key, share_account.data, at.TOKEN_PROGRAM, "the mint of the pool's shares belongs to"),
        ):
            decree(net, key, data, owner)
            with pytest.raises(DecodeError, match=told):
                await world.chain.liquidity_lock(mint)
            accounts.put(pool_key, pool_account)
            accounts.put(share_key, share_account)
        decree(net, share_key, None)
        with pytest.raises(DecodeError, match="is missing"):
            await world.chain.liquidity_lock(mint)
