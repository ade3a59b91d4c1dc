"""Blocks as clients read them: what is in one, which slots have one, and what is said of one that is not there."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from bot.localnet.cluster import Cluster
from bot.localnet.inprocess import InProcessChain
from bot.localnet.store import BLOCKS_KEPT
from tests.localnet.localnet_scenario import SOL, pay, send, wallet
from tests.localnet.test_localnet_rpc import error_of
from tests.localnet.test_localnet_store import opened, run

CONFIRMED = {"commitment": "confirmed", "maxSupportedTransactionVersion": 1}


def paid(chain: InProcessChain) -> tuple[str, int]:
    """A payment that landed: its signature and its slot."""
    payer, friend = wallet(chain), wallet(chain)
    signature = send(chain, pay(chain, payer, friend.pubkey(), SOL))
    block = chain.step()
    chain.step(2)
    return signature, block.slot


def test_a_block_tells_its_transactions_in_order_with_what_they_did() -> None:
    chain = InProcessChain(seed=3)
    chain.step(3)
    signature, slot = paid(chain)
    told = chain.call("getBlock", slot, CONFIRMED)
    alone = chain.call("getTransaction", signature, CONFIRMED)
    found = [one for one in told["transactions"] if one["transaction"]["signatures"][0] == signature]
    assert found == [{name: alone[name] for name in ("transaction", "meta", "version")}]
    before = chain.call("getBlock", slot - 1, CONFIRMED)
    assert (told["parentSlot"], told["previousBlockhash"]) == (slot - 1, before["blockhash"])
    assert (told["blockHeight"], told["blockTime"]) == (before["blockHeight"] + 1, chain.call("getBlockTime", slot))
    assert told["rewards"] == []


@pytest.mark.parametrize("encoding", ["json", "jsonParsed", "base64", "base58"])
def test_a_block_in_each_encoding_says_what_the_transaction_alone_says(encoding: str) -> None:
    chain = InProcessChain(seed=3)
    signature, slot = paid(chain)
    config = CONFIRMED | {"encoding": encoding}
    alone = chain.call("getTransaction", signature, config)
    told = chain.call("getBlock", slot, config)["transactions"]
    assert {name: alone[name] for name in ("transaction", "meta", "version")} in told


def test_less_may_be_asked_of_a_block() -> None:
    chain = InProcessChain(seed=3)
    signature, slot = paid(chain)
    named = chain.call("getBlock", slot, CONFIRMED | {"transactionDetails": "signatures", "rewards": False})
    assert signature in named["signatures"]
    assert not {"rewards", "transactions"} & named.keys()
    bare = chain.call("getBlock", slot, CONFIRMED | {"transactionDetails": "none"})
    assert not {"signatures", "transactions"} & bare.keys()
    accounts = chain.call("getBlock", slot, CONFIRMED | {"transactionDetails": "accounts"})["transactions"]
    [found] = [one for one in accounts if one["transaction"]["signatures"] == [signature]]
    assert found["transaction"]["accountKeys"][0]["signer"] is True
    assert found["meta"]["err"] is None
    assert "logMessages" not in found["meta"]
    assert found["version"] == 0


async def test_ranges_leave_out_the_slots_of_leaders_who_are_away(autojump_clock: MockClock) -> None:
    await trio.lowlevel.checkpoint()
    chain = InProcessChain(seed=6)
    chain.step(10)
    chain.set_fault("skip-slots", for_s=3_600)
    made = [chain.step().slot for _ in range(12)]
    chain.step(2)
    first, last = made[0], made[-1]
    assert chain.call("getBlocks", first, last, CONFIRMED) == made
    assert chain.call("getBlocks", last + 1, first, CONFIRMED) == []
    assert chain.call("getBlocks", first, CONFIRMED)[: len(made)] == made
    assert chain.call("getBlocksWithLimit", first, 5, CONFIRMED) == made[:5]
    assert chain.call("getBlocksWithLimit", made[2] + 1, 1, CONFIRMED) == [made[3]]
    for before, after in pairwise(made):
        told = chain.call("getBlock", after, CONFIRMED)
        assert told["parentSlot"] == before
    skipped = next(before for before, after in pairwise(made) if after - before == 5) + 1
    assert error_of(chain, "getBlock", skipped, CONFIRMED)["code"] == -32007
    assert error_of(chain, "getBlockTime", skipped)["code"] == -32007


def test_blocks_are_told_at_their_commitment_and_no_sooner() -> None:
    chain = InProcessChain(seed=3)
    newest = chain.step(40).slot
    assert error_of(chain, "getBlock", newest - 5)["code"] == -32004
    assert chain.call("getBlock", newest - 5, CONFIRMED)["blockHeight"] == 35
    assert error_of(chain, "getBlock", newest + 9, CONFIRMED)["code"] == -32004
    assert "below `confirmed`" in error_of(chain, "getBlock", newest, {"commitment": "processed"})["message"]
    assert "below `confirmed`" in error_of(chain, "getBlocks", newest, {"commitment": "processed"})["message"]
    finalized = chain.call("getSlot")
    assert chain.call("getBlocks", newest - 39)[-1] == finalized
    assert error_of(chain, "getBlocks", 0, 500_001 + newest)["code"] == -32602
    assert error_of(chain, "getBlocksWithLimit", newest, 500_001)["code"] == -32602
    assert chain.call("getFirstAvailableBlock") == newest - 39


def test_a_version_that_the_client_did_not_name_is_refused() -> None:
    chain = InProcessChain(seed=3)
    payer = wallet(chain)
    send(chain, pay(chain, payer, payer.pubkey(), 1))
    slot = chain.step().slot
    chain.step(2)
    assert error_of(chain, "getBlock", slot, {"commitment": "confirmed"})["code"] == -32015
    config = {"commitment": "confirmed", "transactionDetails": "signatures"}
    assert len(chain.call("getBlock", slot, config)["signatures"]) == 1
    assert [one["version"] for one in chain.call("getBlock", slot, CONFIRMED)["transactions"]] == [0]


async def test_what_a_fork_took_back_is_skipped_and_its_transactions_are_in_no_block(
    autojump_clock: MockClock,
) -> None:
    await trio.lowlevel.checkpoint()
    chain = InProcessChain(seed=3, endpoints=2)
    chain.step(20)
    signature, slot = paid(chain)
    chain.set_fault("stale", for_s=600, endpoint="rpc-2")
    chain.fork(chain.cluster.chain.position.slot - slot + 1, lost_percent=100)
    chain.step(6)
    assert error_of(chain, "getBlock", slot, CONFIRMED)["code"] == -32007
    assert slot not in chain.call("getBlocks", slot - 2, slot + 2, CONFIRMED)
    landed = {
        one["transaction"]["signatures"][0]
        for made in chain.call("getBlocks", slot - 10, CONFIRMED)
        for one in chain.call("getBlock", made, CONFIRMED)["transactions"]
    }
    assert signature not in landed


def test_blocks_outlive_the_process_and_are_forgotten_when_they_are_not_whole_any_more(tmp_path: Path) -> None:
    with opened(tmp_path) as cluster:
        run(cluster, 5)
        newest = cluster.chain.position.slot
        made = list(range(newest - 4, newest + 1))
    with opened(tmp_path) as cluster:
        assert call(cluster, "getBlocks", made[0], made[2], CONFIRMED)["result"] == made[:3]
        assert call(cluster, "getBlock", made[1], CONFIRMED)["result"]["parentSlot"] == made[0]
        first = call(cluster, "getBlock", made[0], CONFIRMED)["result"]
        assert first["previousBlockhash"] == str(cluster.chain.genesis_hash)
        cluster.store._database.execute("insert into blocks values (?, 1, 1, 'x')", (made[1] + BLOCKS_KEPT,))
        cluster.store._prune()
        error = call(cluster, "getBlock", made[1], CONFIRMED)["error"]
        assert error["code"] == -32001
        assert error["message"].endswith(f"First available block: {made[2]}")


def call(cluster: Cluster, method: str, *params: Any) -> Any:
    return cluster.dispatcher.handle({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)})
