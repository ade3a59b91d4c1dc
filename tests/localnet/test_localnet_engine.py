"""The stand-in of the block engine: what it takes, what it refuses, and that a bundle lands whole or leaves no trace."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.localnet.addresses import TIP_ACCOUNTS
from bot.localnet.inprocess import InProcessChain, TooManyRequests
from tests.localnet.localnet_scenario import SOL, encoded, send, signed, status, wallet

TIP = 10_000


@pytest.fixture
def chain() -> InProcessChain:
    return InProcessChain(seed=3)


def paying(chain: InProcessChain, payer: Keypair, *amounts: tuple[Pubkey, int]) -> VersionedTransaction:
    """One transaction that pays each of these."""
    transfers = [
        transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=to, lamports=lamports))
        for to, lamports in amounts
    ]
    return signed(chain, transfers, payer)


def ask(chain: InProcessChain, method: str, *params: Any) -> dict[str, Any]:
    raw = chain.cluster.engine.handle_bytes(
        msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    )
    answer: dict[str, Any] = msgspec.json.decode(raw)
    return answer


def bundle(chain: InProcessChain, *transactions: VersionedTransaction) -> dict[str, Any]:
    return ask(chain, "sendBundle", [encoded(one) for one in transactions], {"encoding": "base64"})


def balance(chain: InProcessChain, key: Pubkey) -> int:
    found: int = chain.call("getBalance", str(key), {"commitment": "processed"})["value"]
    return found


def inflight(chain: InProcessChain, bundle_id: str) -> str:
    found: str = ask(chain, "getInflightBundleStatuses", [bundle_id])["result"]["value"][0]["status"]
    return found


def test_a_bundle_with_a_tip_lands_in_the_next_block_and_is_said_to_have(chain: InProcessChain) -> None:
    payer, friend = wallet(chain), Keypair().pubkey()
    transaction = paying(chain, payer, (friend, SOL), (TIP_ACCOUNTS[0], TIP))
    bundle_id = bundle(chain, transaction)["result"]
    assert inflight(chain, bundle_id) == "Pending"
    chain.step(2)
    landed = status(chain, str(transaction.signatures[0]))
    assert landed is not None
    assert landed["err"] is None
    assert inflight(chain, bundle_id) == "Landed"
    told = ask(chain, "getBundleStatuses", [bundle_id])["result"]["value"][0]
    assert (told["slot"], told["err"]) == (landed["slot"], {"Ok": None})


def test_what_fails_within_a_bundle_takes_the_whole_back_and_costs_nothing(chain: InProcessChain) -> None:
    payer, other, friend = wallet(chain), wallet(chain, SOL), Keypair().pubkey()
    good = paying(chain, payer, (friend, SOL), (TIP_ACCOUNTS[0], TIP))
    bad = paying(chain, other, (friend, 5 * SOL))
    bundle_id = bundle(chain, good, bad)["result"]
    chain.step(3)
    assert status(chain, str(good.signatures[0])) is None
    assert status(chain, str(bad.signatures[0])) is None
    assert [balance(chain, key) for key in (payer.pubkey(), other.pubkey(), friend)] == [100 * SOL, SOL, 0]
    assert inflight(chain, bundle_id) == "Failed"


def test_transactions_of_one_bundle_build_on_each_other_in_their_order(chain: InProcessChain) -> None:
    payer, middle, friend = wallet(chain), Keypair(), Keypair().pubkey()
    first = paying(chain, payer, (middle.pubkey(), 3 * SOL))
    second = paying(chain, middle, (friend, 2 * SOL), (TIP_ACCOUNTS[1], TIP))
    bundle(chain, first, second)
    chain.step(2)
    assert balance(chain, friend) == 2 * SOL


@pytest.mark.parametrize(
    ("tip", "refusal"), [(0, "must write lock at least one tip account"), (999, "must tip at least 1000 lamports")]
)
def test_a_bundle_without_the_least_tip_is_refused(chain: InProcessChain, tip: int, refusal: str) -> None:
    payer = wallet(chain)
    to = TIP_ACCOUNTS[0] if tip else Keypair().pubkey()
    answer = bundle(chain, paying(chain, payer, (to, tip or SOL)))
    assert refusal in answer["error"]["message"]


def test_bytes_that_went_by_both_ways_land_once(chain: InProcessChain) -> None:
    payer, friend = wallet(chain), Keypair().pubkey()
    transaction = paying(chain, payer, (friend, SOL), (TIP_ACCOUNTS[0], TIP))
    send(chain, transaction, preflight=False)
    bundle(chain, transaction)
    chain.step(2)
    bundle(chain, transaction)
    chain.step(2)
    assert balance(chain, friend) == SOL


async def test_a_bundle_that_is_dropped_is_taken_and_never_lands(chain: InProcessChain, autojump_clock: object) -> None:
    chain.set_fault("bundle-drop", for_s=60)
    payer = wallet(chain)
    transaction = paying(chain, payer, (TIP_ACCOUNTS[0], TIP))
    bundle_id = bundle(chain, transaction)["result"]
    chain.step(5)
    assert status(chain, str(transaction.signatures[0])) is None
    assert inflight(chain, bundle_id) == "Failed"


async def test_more_requests_than_its_rate_are_refused_with_a_time_to_wait(autojump_clock: object) -> None:
    chain = InProcessChain(seed=3, engine_requests_per_s=1)
    request = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "getTipAccounts", "params": []})
    assert b"96gYZ" in await chain.ask_engine(request)
    with pytest.raises(TooManyRequests) as refused:
        await chain.ask_engine(request)
    assert refused.value.retry_after_s == 1
