"""The chain on disk: it goes on where it was, forgets what is too old, and belongs to one process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from solders.keypair import Keypair
from solders.message import Message
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.localnet.cluster import Cluster
from bot.localnet.errors import LocalnetError
from bot.localnet.launchpad import genesis_accounts
from bot.localnet.market.generator import GeneratedMarket
from bot.localnet.market.interface import Market
from bot.localnet.market.pool import derived_keypair
from bot.localnet.store import PRUNE_EVERY_BLOCKS, Store, StoreError

SOL = 1_000_000_000
MAINNET = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"


def no_market(_seed: int) -> Market | None:
    return None


@contextmanager
def opened(
    directory: Path,
    *,
    seed: int | None = 3,
    market: bool = False,
    salt: bytes = b"x",
    genesis_hash: str | None = None,
) -> Iterator[Cluster]:
    cluster = Cluster.open(
        directory,
        seed=seed,
        salt=salt,
        time_s=1_790_000_000,
        clock=lambda: 0.0,
        make_market=GeneratedMarket if market else no_market,
        slot_ms=400,
        genesis_hash=genesis_hash,
    )
    try:
        yield cluster
    finally:
        cluster.close()


def run(cluster: Cluster, blocks: int) -> None:
    for _ in range(blocks):
        cluster.tick(cluster.chain.position.time_s + 1)


def pay(cluster: Cluster, payer: Keypair, lamports: int) -> VersionedTransaction:
    params = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=Pubkey.new_unique(), lamports=lamports)
    recent, _ = cluster.chain.blockhash_at("processed")
    transaction = VersionedTransaction(Message.new_with_blockhash([transfer(params)], payer.pubkey(), recent), [payer])
    cluster.chain.submit(transaction, bytes(transaction))
    return transaction


def test_a_chain_goes_on_at_the_next_slot_with_its_history(tmp_path: Path) -> None:
    payer = Keypair()
    with opened(tmp_path) as cluster:
        cluster.fund(payer.pubkey(), 10 * SOL)
        run(cluster, 20)
        paid = pay(cluster, payer, SOL)
        run(cluster, 1)
        left, genesis = cluster.chain.position, cluster.chain.genesis_hash
        recent = cluster.chain.blockhash_at("finalized")
        expected = cluster.store.transaction(paid.signatures[0])
    with opened(tmp_path, salt=b"y") as cluster:
        assert (cluster.chain.position, cluster.chain.genesis_hash) == (left, genesis)
        assert cluster.store.transaction(paid.signatures[0]) == expected
        assert cluster.chain.blockhashes.accepts(recent[0], left.height + 1)
        account = cluster.chain.accounts.get(payer.pubkey())
        assert account is not None
        assert account.lamports == 9 * SOL - 5_000
        cluster.chain.submit(paid, bytes(paid))
        run(cluster, 1)
        assert cluster.chain.position.slot == left.slot + 1
        assert cluster.chain.position.transactions == left.transactions


def test_transactions_that_waited_still_land_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.localnet.chain.MAX_TRANSACTIONS_PER_BLOCK", 1)
    payer = Keypair()
    with opened(tmp_path) as cluster:
        cluster.fund(payer.pubkey(), 10 * SOL)
        waiting = [pay(cluster, payer, SOL + number) for number in range(3)]
        run(cluster, 1)
    with opened(tmp_path) as cluster:
        run(cluster, 2)
        assert all(cluster.store.has(transaction.signatures[0]) for transaction in waiting)


def test_a_market_goes_on_exactly_as_if_nothing_had_happened(tmp_path: Path) -> None:
    with opened(tmp_path / "whole", market=True) as whole:
        run(whole, 110)
        expected = whole.status() | {"genesis_hash": None}
    for stop in (37, 74, 110):
        with opened(tmp_path / "parts", market=True) as part:
            run(part, stop - part.chain.position.height)
            found = part.status() | {"genesis_hash": None}
    assert found == expected
    assert found["transactions"] > 100


def test_a_directory_belongs_to_one_chain_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreError, match="another local chain runs"):
        Store(tmp_path)
    Store(tmp_path).close()


def test_another_seed_for_a_stored_chain_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path, seed=3):
        pass
    with pytest.raises(StoreError, match="has seed 3"), opened(tmp_path, seed=4):
        pass
    with opened(tmp_path, seed=None) as cluster:
        assert cluster.seed == 3


def test_a_new_chain_poses_as_another_cluster_and_a_stored_one_does_not(tmp_path: Path) -> None:
    with opened(tmp_path / "posing", genesis_hash=MAINNET) as cluster:
        assert str(cluster.chain.genesis_hash) == MAINNET
    with opened(tmp_path / "posing") as cluster:
        assert str(cluster.chain.genesis_hash) == MAINNET
    with opened(tmp_path / "own"):
        pass
    with pytest.raises(LocalnetError, match="began with genesis hash"), opened(tmp_path / "own", genesis_hash=MAINNET):
        raise AssertionError("opened")
    with (
        pytest.raises(LocalnetError, match="no genesis hash of 32 bytes"),
        opened(tmp_path / "new", genesis_hash="1" * 40),
    ):
        raise AssertionError("opened")


def test_another_format_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path):
        pass
    database = sqlite3.connect(tmp_path / "chain.sqlite3")
    database.execute("update meta set value = '99' where key = 'format'")
    database.commit()
    database.close()
    with pytest.raises(StoreError, match="format 99"):
        Store(tmp_path)


def test_two_chains_of_one_seed_are_two_chains(tmp_path: Path) -> None:
    with opened(tmp_path / "a", salt=b"monday") as first, opened(tmp_path / "b", salt=b"tuesday") as second:
        assert first.chain.genesis_hash != second.chain.genesis_hash
        run(first, 3)
        run(second, 3)
        assert first.chain.blockhash_at("processed") != second.chain.blockhash_at("processed")


def test_old_history_is_dropped_the_markets_long_before_everybody_elses() -> None:
    store = Store(history_transactions=400)
    cluster = Cluster(store, seed=1, salt=b"", time_s=1, clock=lambda: 0.0, market=GeneratedMarket(1))
    user, trader = Keypair(), derived_keypair("trader", 1, 0)
    cluster.fund(user.pubkey(), 10 * SOL)
    mine, theirs = pay(cluster, user, SOL), pay(cluster, trader, SOL)
    run(cluster, 1)
    assert store.has(mine.signatures[0])
    assert store.has(theirs.signatures[0])
    run(cluster, PRUNE_EVERY_BLOCKS)
    assert store.has(mine.signatures[0])
    assert not store.has(theirs.signatures[0])

    def listed(key: Pubkey) -> list[str]:
        found = store.transactions_of(key, newest_slot=2**40, before=None, until=None, limit=1_000)
        return [status.signature for status in found]

    assert listed(user.pubkey()) == [str(mine.signatures[0])]
    assert str(theirs.signatures[0]) not in listed(trader.pubkey())
    cluster.close()


def test_a_failed_commit_leaves_the_stored_block_before_it(tmp_path: Path) -> None:
    with opened(tmp_path) as cluster:
        run(cluster, 5)
        with pytest.raises(sqlite3.Error):
            cluster.store.commit(
                None,
                cluster.chain.position,
                dict(genesis_accounts()),
                pending=[],
                market={"key": object()},  # type: ignore[dict-item]
            )
        position = cluster.store.position()
    with opened(tmp_path) as cluster:
        assert cluster.chain.position == position
