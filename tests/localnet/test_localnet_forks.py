"""A fork takes back what was not finalized, and says truthfully which slots are skipped and what landed again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from bot.localnet import cli
from bot.localnet.cluster import Cluster
from bot.localnet.faults import FaultError
from bot.localnet.inprocess import InProcessChain
from bot.localnet.market.choice import choose_market
from tests.localnet.localnet_scenario import SOL, blockhash, pay, send, status, wallet

AWAY = Pubkey.from_bytes(bytes(range(32)))


def balance(chain: InProcessChain, address: Pubkey, commitment: str = "processed") -> int:
    return int(chain.call("getBalance", str(address), {"commitment": commitment})["value"])


def history(chain: InProcessChain, address: Pubkey) -> list[str]:
    config = {"commitment": "confirmed"}
    return [entry["signature"] for entry in chain.call("getSignaturesForAddress", str(address), config)]


@pytest.fixture
def chain() -> InProcessChain:
    made = InProcessChain(seed=3)
    made.step(40)
    return made


def told_of(cluster: Cluster) -> list[dict[str, Any]]:
    """What status says of forks."""
    return [fork.told(cluster.store.has) for fork in cluster.forks.latest]


def paid(chain: InProcessChain, *, young_blockhash: bool = False) -> tuple[Keypair, str]:
    """A payment that is confirmed; on a blockhash that a fork of three slots takes away, or on an older one."""
    payer = wallet(chain)
    recent = blockhash(chain, "processed" if young_blockhash else "finalized")[0]
    signature = send(chain, pay(chain, payer, AWAY, SOL, on=recent))
    chain.step(2)
    return payer, signature


def test_what_a_fork_takes_back_is_gone_at_every_commitment_and_its_slots_stay_skipped(chain: InProcessChain) -> None:
    payer, signature = paid(chain)
    slot, height = (chain.call(method, {"commitment": "processed"}) for method in ("getSlot", "getBlockHeight"))
    before = chain.call("getTransactionCount")
    fork = chain.fork(3, lost_percent=100)
    assert (fork.transactions, fork.lost) == ((signature,), (signature,))
    assert fork.skipped == (slot - 2, slot - 1, slot)
    assert status(chain, signature) is None
    assert chain.call("getTransaction", signature) is None
    assert history(chain, payer.pubkey()) == []
    assert balance(chain, payer.pubkey()) == balance(chain, payer.pubkey(), "confirmed") == 100 * SOL
    assert chain.call("getTransactionCount") == before - 1
    block = chain.step()
    assert (block.slot, block.height) == (slot + 1, height - 2)
    chain.step(100)
    assert status(chain, signature) is None
    [told] = told_of(chain.cluster)
    assert (told["skipped_slots"], told["landed_again"], told["lost"]) == (
        [slot - 2, slot - 1, slot],
        [],
        [signature],
    )


def test_what_comes_back_lands_once_in_a_later_slot(chain: InProcessChain) -> None:
    payer, signature = paid(chain)
    first = status(chain, signature)
    assert first is not None
    fork = chain.fork(5, lost_percent=0)
    assert (fork.told(lambda _: False)["queued_again"], fork.told(lambda _: False)["lost"]) == ([signature], [])
    assert status(chain, signature) is None
    chain.step(14)
    again = status(chain, signature)
    assert again is not None
    assert again["slot"] > first["slot"]
    assert balance(chain, payer.pubkey()) == 99 * SOL - 5_000
    assert history(chain, payer.pubkey()) == [signature]
    assert told_of(chain.cluster)[0]["landed_again"] == [signature]


def test_bytes_on_a_blockhash_of_the_lost_fork_never_land_again(chain: InProcessChain) -> None:
    payer, signature = paid(chain, young_blockhash=True)
    old = blockhash(chain, "processed")[0]
    chain.fork(4, lost_percent=0)
    chain.step(200)
    assert status(chain, signature) is None
    assert balance(chain, payer.pubkey()) == 100 * SOL
    assert not chain.call("isBlockhashValid", str(old))["value"]


def test_the_same_bytes_may_be_sent_again_after_a_fork(chain: InProcessChain) -> None:
    payer = wallet(chain)
    transaction = pay(chain, payer, AWAY, SOL, on=blockhash(chain, "finalized")[0])
    for _ in range(2):
        send(chain, transaction)
        chain.step(2)
        assert balance(chain, payer.pubkey()) == 99 * SOL - 5_000
        chain.fork(2, lost_percent=100)
    assert balance(chain, payer.pubkey()) == 100 * SOL


def test_commitment_levels_never_show_a_height_that_goes_back_beyond_the_fork(chain: InProcessChain) -> None:
    finalized = chain.call("getBlockHeight", {"commitment": "finalized"})
    root = chain.call("getSlot", {"commitment": "finalized"})
    chain.fork(20)
    assert chain.call("getBlockHeight", {"commitment": "finalized"}) == finalized
    assert chain.call("getSlot", {"commitment": "finalized"}) == root
    heights = []
    for _ in range(60):
        chain.step()
        heights.append(chain.call("getBlockHeight", {"commitment": "finalized"}))
    assert heights == sorted(heights)
    assert heights[-1] == chain.call("getBlockHeight", {"commitment": "processed"}) - 32


@pytest.mark.parametrize("slots", [0, -1, 33])
def test_finalized_slots_are_never_taken_back(chain: InProcessChain, slots: int) -> None:
    with pytest.raises(FaultError, match="32 are not finalized"):
        chain.fork(slots)
    with pytest.raises(FaultError, match="0 to 100"):
        chain.fork(2, lost_percent=101)


def opened(directory: Path) -> Cluster:
    return Cluster.open(
        directory,
        seed=5,
        salt=b"",
        time_s=1_790_000_000,
        clock=lambda: 0.0,
        make_market=lambda seed: choose_market(seed, None, 1.0, enabled=True),
        slot_ms=400,
    )


def test_a_restart_goes_on_from_the_fork_and_knows_its_blockhashes(tmp_path: Path) -> None:
    cluster = opened(tmp_path)
    for _ in range(120):
        cluster.tick(0)
    fork = cluster.fork(10)
    assert fork.transactions
    assert fork.lost == (), "the market's own come back at once"
    for _ in range(3):
        cluster.tick(0)
    assert {text for told in cluster.status()["forks"] for text in told["landed_again"]}
    position = cluster.chain.position
    hashes = [cluster.chain.blockhashes.at(position.height - back) for back in range(20)]
    cluster.close()
    again = opened(tmp_path)
    assert again.chain.position == position
    assert [again.chain.blockhashes.at(position.height - back) for back in range(20)] == hashes
    assert len(set(hashes)) == 20
    with pytest.raises(FaultError, match="known to this process"):
        again.fork(5)
    for _ in range(60):
        again.tick(0)
    again.fork(5)
    again.tick(0)
    again.close()


@pytest.mark.parametrize(
    "words",
    [
        "fault fork",
        "fault fork --slots 3 --for 5s",
        "fault fork --slots 3 --endpoint rpc-1",
        "fault rpc-down",
        "fault rpc-down --for 5s --slots 3",
    ],
)
def test_a_fork_takes_slots_and_every_other_fault_a_duration(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words.split()) == 2
    assert "takes --" in capsys.readouterr().err


async def test_an_endpoint_that_is_cut_off_goes_on_to_show_the_lost_fork(autojump_clock: object) -> None:
    chain = InProcessChain(seed=3, endpoints=2)
    chain.step(40)
    payer, signature = paid(chain)
    chain.set_fault("stale", for_s=60, endpoint="rpc-2")
    chain.fork(3, lost_percent=100)
    chain.step(3)
    asked = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "getBalance",
        "params": [str(payer.pubkey()), {"commitment": "processed"}],
    }
    statuses = {"jsonrpc": "2.0", "id": 1, "method": "getSignatureStatuses", "params": [[signature]]}
    behind = chain.cluster.endpoints[1].dispatcher
    assert behind.handle(asked)["result"]["value"] == 99 * SOL - 5_000
    assert behind.handle(statuses)["result"]["value"][0] is not None
    chain.cluster.all_faults.clear()
    assert behind.handle(asked)["result"]["value"] == 100 * SOL
    assert behind.handle(statuses)["result"]["value"] == [None]
