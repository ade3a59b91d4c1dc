"""Endpoints of the local chain that lie: cut off, empty, of another chain, out of order, or refusing most requests."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from solders.keypair import Keypair

from bot.localnet.inprocess import InProcessChain, NotificationStream, TooManyRequests

SOL = 1_000_000_000


async def _ask(chain: InProcessChain, endpoint: int, method: str, *params: Any) -> Any:
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return msgspec.json.decode(await chain.request(body, endpoint)).get("result")


async def _funded(chain: InProcessChain) -> tuple[str, str]:
    """A wallet with one SOL and the signature of its airdrop, finalized."""
    wallet = str(Keypair().pubkey())
    signature = await _ask(chain, 0, "requestAirdrop", wallet, SOL)
    chain.step(40)
    return wallet, signature


def _notifications(stream: NotificationStream) -> list[Any]:
    heard = []
    while (message := stream.receive_nowait()) is not None:
        heard.append(message["params"]["result"])
    return heard


async def test_a_stale_endpoint_answers_from_the_moment_it_was_cut_off_however_far_the_chain_goes(
    autojump_clock: object,
) -> None:
    chain = InProcessChain(seed=6, endpoints=2)
    wallet, _ = await _funded(chain)
    slot = await _ask(chain, 1, "getSlot", {"commitment": "processed"})
    chain.set_fault("stale", for_s=60, endpoint="rpc-2")
    later = await _ask(chain, 0, "requestAirdrop", wallet, SOL)
    chain.step(200)
    for commitment, behind in (("processed", 0), ("confirmed", 1), ("finalized", 32)):
        answer = await _ask(chain, 1, "getBalance", wallet, {"commitment": commitment})
        assert answer["context"]["slot"] == slot - behind
        assert answer["value"] == SOL
    statuses = ("getSignatureStatuses", [later], {"searchTransactionHistory": True})
    assert (await _ask(chain, 1, *statuses))["value"] == [None]
    assert (await _ask(chain, 0, *statuses))["value"] != [None]
    assert len(await _ask(chain, 1, "getSignaturesForAddress", wallet)) == 1
    assert await _ask(chain, 1, "getBlockHeight") == await _ask(chain, 0, "getBlockHeight") - 200
    chain.cluster.all_faults.clear()
    assert (await _ask(chain, 1, "getBalance", wallet))["value"] == 2 * SOL


async def test_a_stale_endpoint_takes_transactions_that_never_land_and_tells_its_subscribers_nothing(
    autojump_clock: object,
) -> None:
    chain = InProcessChain(seed=6, endpoints=2)
    wallet, _ = await _funded(chain)
    streams = [chain.open_stream(endpoint) for endpoint in (0, 1)]
    for stream in streams:
        stream.request("slotSubscribe", [])
    chain.set_fault("stale", for_s=60, endpoint="rpc-2")
    chain.step(3)
    assert [len(_notifications(stream)) for stream in streams] == [3, 0]
    chain.cluster.all_faults.clear()
    chain.step()
    assert [len(_notifications(stream)) for stream in streams] == [1, 1]
    assert (await _ask(chain, 1, "getBalance", wallet))["value"] == SOL


async def test_an_empty_endpoint_knows_no_account_and_no_transaction_at_the_newest_slot(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6, endpoints=2)
    wallet, signature = await _funded(chain)
    stream = chain.open_stream(1)
    stream.request("logsSubscribe", ["all"])
    stream.request("slotSubscribe", [])
    chain.set_fault("empty", for_s=60, endpoint="rpc-2")
    await _ask(chain, 0, "requestAirdrop", wallet, SOL)
    chain.step(3)
    balance = await _ask(chain, 1, "getBalance", wallet, {"commitment": "confirmed"})
    assert balance["value"] == 0
    assert balance["context"]["slot"] == await _ask(chain, 0, "getSlot", {"commitment": "confirmed"})
    assert (await _ask(chain, 1, "getMultipleAccounts", [wallet]))["value"] == [None]
    assert (await _ask(chain, 1, "getSignatureStatuses", [signature], {"searchTransactionHistory": True}))["value"] == [
        None
    ]
    assert await _ask(chain, 1, "getTransaction", signature, {"maxSupportedTransactionVersion": 1}) is None
    assert await _ask(chain, 1, "getSignaturesForAddress", wallet) == []
    assert [set(one) for one in _notifications(stream)] == [{"slot", "parent", "root"}] * 3
    assert (await _ask(chain, 0, "getBalance", wallet, {"commitment": "confirmed"}))["value"] == 2 * SOL


async def test_an_endpoint_of_another_chain_says_so_and_answers_the_rest_as_before(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6, endpoints=2)
    chain.step()
    chain.set_fault("genesis", for_s=60, endpoint="rpc-2")
    ours, theirs = [await _ask(chain, endpoint, "getGenesisHash") for endpoint in (0, 1)]
    assert ours != theirs
    assert await _ask(chain, 0, "getSlot") == await _ask(chain, 1, "getSlot")
    chain.cluster.all_faults.clear()
    assert await _ask(chain, 1, "getGenesisHash") == ours


async def test_notifications_out_of_order_are_all_told(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    stream = chain.open_stream()
    stream.request("slotSubscribe", [])
    chain.set_fault("reorder", for_s=60)
    chain.step(4)
    first, second, third, fourth = (one["slot"] for one in _notifications(stream))
    assert (second + 1, fourth + 1) == (first, third)
    chain.step()
    chain.cluster.all_faults.clear()
    chain.step()
    assert sorted(one["slot"] for one in _notifications(stream)) == [first + 3, first + 4]


async def test_a_flooded_endpoint_answers_one_request_of_four_and_names_its_wait(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    chain.set_fault("flood", for_s=60)
    waits = []
    for _ in range(8):
        try:
            await _ask(chain, 0, "getSlot")
            waits.append(0)
        except TooManyRequests as error:
            waits.append(error.retry_after_s)
    assert waits == [2, 2, 2, 0, 2, 2, 2, 0]


async def test_a_flaky_endpoint_fails_one_question_of_four_alone_or_in_a_batch(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    chain.set_fault("flaky", for_s=60)
    questions = [{"jsonrpc": "2.0", "id": number, "method": "getSlot"} for number in range(8)]
    batch = chain.cluster.dispatcher.handle(questions)
    alone = [chain.cluster.dispatcher.handle(question) for question in questions]
    for answers in (batch, alone):
        codes = [answer["error"]["code"] if "error" in answer else 0 for answer in answers]
        assert codes == [0, 0, 0, -32603] * 2


@pytest.mark.parametrize("fault", ["stale", "empty", "genesis", "reorder", "flood", "flaky"])
async def test_a_lie_ends_with_its_time(autojump_clock: object, fault: str) -> None:
    chain = InProcessChain(seed=6)
    wallet, _ = await _funded(chain)
    genesis = await _ask(chain, 0, "getGenesisHash")
    chain.set_fault(fault, for_s=0.5)
    assert [one["name"] for one in chain.cluster.faults.active()] == [fault]
    chain.step()
    await trio.sleep(1)
    slot = await _ask(chain, 0, "getSlot", {"commitment": "processed"})
    assert slot == chain.cluster.chain.position.slot
    assert (await _ask(chain, 0, "getBalance", wallet))["value"] == SOL
    assert await _ask(chain, 0, "getGenesisHash") == genesis
