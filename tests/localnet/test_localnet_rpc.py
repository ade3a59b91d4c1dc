"""The node's answers: shapes, errors and their codes, as clients of a real node know them."""

from __future__ import annotations

import base64
import functools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.message import Message, MessageV1
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from bot.localnet.addresses import LAUNCHPAD_PROGRAM, SYSTEM_PROGRAM, TOKEN_2022_PROGRAM, associated_token
from bot.localnet.inprocess import InProcessChain
from bot.localnet.rpc import base58
from bot.localnet.rpc.dispatch import METHODS
from tests.localnet.localnet_scenario import SOL, Coin, blockhash, encoded, pay, send, signed, wallet

PROCESSED = {"commitment": "processed"}


@pytest.fixture
def chain() -> InProcessChain:
    chain = InProcessChain(seed=3)
    chain.step(40)
    return chain


def error_of(chain: InProcessChain, method: Any, *params: Any) -> dict[str, Any]:
    answer = chain.handle({"jsonrpc": "2.0", "id": 7, "method": method, "params": list(params)})
    assert answer["id"] == 7
    error = answer["error"]
    assert isinstance(error, dict)
    return error


def test_an_unknown_method_and_an_unreadable_request_are_told_apart(chain: InProcessChain) -> None:
    assert error_of(chain, "getMoon")["code"] == -32601
    assert chain.handle({"jsonrpc": "2.0", "id": 1})["error"]["code"] == -32600
    assert chain.handle([])["error"]["code"] == -32600
    assert msgspec.json.decode(chain.handle_bytes(b"{nonsense"))["error"]["code"] == -32700


def test_a_batch_is_answered_in_order_each_on_its_own(chain: InProcessChain) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": "a", "method": "getHealth"},
        {"jsonrpc": "2.0", "id": "b", "method": "nothing"},
        {"jsonrpc": "2.0", "id": "c", "method": "getSlot", "params": [PROCESSED]},
    ]
    first, second, third = chain.handle(batch)
    assert (first["id"], first["result"]) == ("a", "ok")
    assert (second["id"], second["error"]["code"]) == ("b", -32601)
    assert (third["id"], third["result"]) == ("c", chain.cluster.chain.position.slot)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getBalance", []),
        ("getBalance", ["not a key"]),
        ("getBalance", [17]),
        ("getBalance", [str(SYSTEM_PROGRAM), {"commitment": "eventually"}]),
        ("getBalance", [str(SYSTEM_PROGRAM), "processed"]),
        ("getMultipleAccounts", [[str(SYSTEM_PROGRAM)] * 101]),
        ("getMultipleAccounts", ["x"]),
        ("getSignatureStatuses", [["short"]]),
        ("getTransaction", ["short"]),
        ("getTokenSupply", [str(SYSTEM_PROGRAM)]),
        ("getTokenAccountsByOwner", [str(SYSTEM_PROGRAM), {}]),
        ("sendTransaction", ["!!!", {"encoding": "base64"}]),
        ("sendTransaction", ["AAAA", {"encoding": "base64"}]),
        ("sendTransaction", ["AAAA", {"encoding": "hex"}]),
        ("isBlockhashValid", ["xyz"]),
        ("requestAirdrop", [str(SYSTEM_PROGRAM), 0]),
        ("getMinimumBalanceForRentExemption", [-1]),
        ("getSignaturesForAddress", [str(SYSTEM_PROGRAM), {"limit": 1001}]),
        ("getTransaction", [str(VersionedTransaction.default().signatures), PROCESSED]),
    ],
)
def test_unusable_parameters_are_refused_with_invalid_params(
    chain: InProcessChain, method: str, params: list[Any]
) -> None:
    assert error_of(chain, method, *params)["code"] == -32602


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@functools.cache
def one_chain() -> InProcessChain:
    return InProcessChain(seed=4)


@given(st.sampled_from(sorted(METHODS)), st.lists(JSON_VALUES, max_size=4))
def test_no_parameters_whatever_break_the_node(method: str, params: list[Any]) -> None:
    answer = one_chain().handle({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert ("result" in answer) != ("error" in answer)


def test_a_slot_that_is_not_reached_yet_is_named(chain: InProcessChain) -> None:
    slot = chain.call("getSlot", {"commitment": "confirmed"})
    wanted = {"commitment": "confirmed", "minContextSlot": slot + 1}
    for method, params in (("getSlot", []), ("getBalance", [str(SYSTEM_PROGRAM)]), ("getLatestBlockhash", [])):
        error = error_of(chain, method, *params, wanted)
        assert (error["code"], error["data"]) == (-32016, {"contextSlot": slot})
        chain.call(method, *params, wanted | {"minContextSlot": slot})


def test_a_preflight_failure_carries_logs_and_the_programs_code(chain: InProcessChain) -> None:
    payer = wallet(chain, SOL)
    error = error_of(
        chain, "sendTransaction", encoded(pay(chain, payer, Pubkey.new_unique(), 9 * SOL)), {"encoding": "base64"}
    )
    assert error["code"] == -32002
    assert error["message"].endswith("Error processing Instruction 0: custom program error: 0x1")
    assert error["data"]["err"] == {"InstructionError": [0, {"Custom": 1}]}
    assert any("insufficient lamports" in line for line in error["data"]["logs"])


def test_a_forged_signature_is_refused_or_never_lands(chain: InProcessChain) -> None:
    payer, thief = wallet(chain), Keypair()
    message = pay(chain, payer, thief.pubkey(), SOL).message
    forged = VersionedTransaction.populate(message, [thief.sign_message(bytes(message))])
    error = error_of(chain, "sendTransaction", encoded(forged), {"encoding": "base64"})
    assert error["code"] == -32003
    send(chain, forged, preflight=False)
    chain.step(2)
    assert chain.call("getBalance", str(thief.pubkey()), PROCESSED)["value"] == 0


def test_a_transaction_larger_than_a_packet_is_refused(chain: InProcessChain) -> None:
    payer = wallet(chain)
    instructions = [
        transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=Pubkey.new_unique(), lamports=1))
        for _ in range(30)
    ]
    large = signed(chain, instructions, payer)
    error = error_of(chain, "sendTransaction", encoded(large), {"encoding": "base64"})
    assert error["code"] == -32602
    assert "max: 1232 bytes" in error["message"]


def versions(chain: InProcessChain) -> dict[str, str]:
    """One landed transfer of each transaction version: legacy, 0 and 1."""
    payer = wallet(chain)
    params = TransferParams(from_pubkey=payer.pubkey(), to_pubkey=Pubkey.new_unique(), lamports=SOL)
    recent, _ = blockhash(chain)
    legacy = Message.new_with_blockhash([transfer(params)], payer.pubkey(), recent)
    one = MessageV1.try_compile(payer.pubkey(), [transfer(params)], recent)
    transactions = {
        "legacy": VersionedTransaction(legacy, [payer]),
        "0": signed(chain, [transfer(params)], payer),
        "1": VersionedTransaction(one, [payer]),
    }
    sent = {name: send(chain, transaction) for name, transaction in transactions.items()}
    chain.step(2)
    return sent


def test_a_client_gets_only_the_transaction_versions_it_can_read(chain: InProcessChain) -> None:
    sent = versions(chain)
    confirmed = {"commitment": "confirmed"}
    assert chain.call("getTransaction", sent["legacy"], confirmed)["slot"] > 0
    for version in (0, 1):
        error = error_of(chain, "getTransaction", sent[str(version)], confirmed)
        assert (error["code"], f"Transaction version ({version})" in error["message"]) == (-32015, True)
    reads_zero = confirmed | {"maxSupportedTransactionVersion": 0}
    assert chain.call("getTransaction", sent["0"], reads_zero)["version"] == 0
    assert chain.call("getTransaction", sent["legacy"], reads_zero)["version"] == "legacy"
    assert error_of(chain, "getTransaction", sent["1"], reads_zero)["code"] == -32015
    reads_one = confirmed | {"maxSupportedTransactionVersion": 1}
    assert chain.call("getTransaction", sent["1"], reads_one)["version"] == 1


def test_old_statuses_need_a_search_of_the_history(chain: InProcessChain) -> None:
    signature = send(chain, pay(chain, wallet(chain), Pubkey.new_unique(), SOL))
    chain.step(152)
    assert chain.call("getSignatureStatuses", [signature])["value"] == [None]
    (found,) = chain.call("getSignatureStatuses", [signature], {"searchTransactionHistory": True})["value"]
    assert (found["confirmationStatus"], found["confirmations"], found["err"]) == ("finalized", None, None)


def test_signatures_of_an_address_come_newest_first_and_in_pages(chain: InProcessChain) -> None:
    payer, to = wallet(chain), Pubkey.new_unique()
    sent = []
    for number in range(5):
        sent.append(send(chain, pay(chain, payer, to, SOL + number)))
        chain.step()
    chain.step()
    options = {"commitment": "confirmed"}

    def page(**more: Any) -> list[str]:
        return [found["signature"] for found in chain.call("getSignaturesForAddress", str(to), options | more)]

    assert page() == sent[::-1]
    assert page(limit=2) == sent[:2:-1]
    assert page(before=sent[3], limit=2) == [sent[2], sent[1]]
    assert page(until=sent[1]) == [sent[4], sent[3], sent[2]]
    assert error_of(chain, "getSignaturesForAddress", str(to), PROCESSED)["code"] == -32602


def test_program_accounts_pass_their_filters(chain: InProcessChain) -> None:
    coin, other = Coin.launched(chain), Coin.launched(chain)
    creator_at = 49
    query = PROCESSED | {
        "encoding": "base64",
        "filters": [{"memcmp": {"offset": creator_at, "bytes": str(coin.creator.pubkey())}}],
    }
    (found,) = chain.call("getProgramAccounts", str(LAUNCHPAD_PROGRAM), query)
    assert base64.b64decode(found["account"]["data"][0])[creator_at : creator_at + 32] == bytes(coin.creator.pubkey())
    curves = chain.call("getProgramAccounts", str(LAUNCHPAD_PROGRAM), PROCESSED | {"filters": [{"dataSize": 125}]})
    assert len(curves) == 2
    assert other.creator.pubkey() != coin.creator.pubkey()
    assert error_of(chain, "getProgramAccounts", str(SYSTEM_PROGRAM))["code"] == -32010


def test_token_queries_agree_about_a_holder(chain: InProcessChain) -> None:
    coin, user = Coin.launched(chain), wallet(chain)
    send(chain, coin.buy(user, SOL))
    chain.step(2)
    mint, owner = str(coin.mint.pubkey()), str(user.pubkey())
    account = str(associated_token(user.pubkey(), coin.mint.pubkey()))
    balance = chain.call("getTokenAccountBalance", account, PROCESSED)["value"]
    for selector in ({"mint": mint}, {"programId": str(TOKEN_2022_PROGRAM)}):
        options = PROCESSED | {"encoding": "jsonParsed"}
        (found,) = chain.call("getTokenAccountsByOwner", owner, selector, options)["value"]
        assert found["pubkey"] == account
        assert found["account"]["data"]["parsed"]["info"]["tokenAmount"] == balance
    largest = chain.call("getTokenLargestAccounts", mint, PROCESSED)["value"]
    assert [one["address"] for one in largest][1] == account
    assert chain.call("getTokenSupply", mint, PROCESSED)["value"]["uiAmountString"] == "1000000000"
    assert sum(int(one["amount"]) for one in largest) == 10**15


def test_recent_fees_are_those_that_writers_of_an_account_paid(chain: InProcessChain) -> None:
    coin = Coin.launched(chain)
    fees = chain.call("getRecentPrioritizationFees", [str(coin.creator.pubkey())])
    assert all(fee["prioritizationFee"] == 0 for fee in fees)
    assert error_of(chain, "getRecentPrioritizationFees", ["?"])["code"] == -32602


@given(st.binary(max_size=80))
def test_base58_gives_back_what_it_took(data: bytes) -> None:
    assert base58.decode(base58.encode(data)) == data
    if len(data) == 32:
        assert base58.encode(data) == str(Pubkey(data))
