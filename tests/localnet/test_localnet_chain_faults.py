"""Faults of the chain itself: slots without a block, trades that land and fail, logs that are cut."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair
from solders.litesvm import LiteSVM
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import TransactionMetadata

from bot.localnet import launchpad, liquidity
from bot.localnet.addresses import LAUNCHPAD_PROGRAM, TIP_ACCOUNTS
from bot.localnet.cluster import Cluster
from bot.localnet.inprocess import InProcessChain, NotificationStream
from bot.localnet.log_lines import LOW_LIMIT_BYTES, TRUNCATED, cut_lines
from bot.localnet.market.choice import choose_market
from tests.localnet.localnet_scenario import SOL, Coin, blockhash, encoded, pay, send, signed, status, wallet

PROCESSED = {"commitment": "processed"}
AWAY = Pubkey.from_bytes(bytes(range(32)))
LONG_S = 3_600.0


def told(stream: NotificationStream, method: str) -> list[Any]:
    """The results of all notifications of one kind that wait."""
    found = []
    while (message := stream.receive_nowait()) is not None:
        if message["method"] == method:
            found.append(message["params"]["result"])
    return found


def balance(chain: InProcessChain, key: Pubkey) -> int:
    return int(chain.call("getBalance", str(key), PROCESSED)["value"])


# Skipped slots


async def test_slots_of_a_leader_who_is_away_have_no_block_and_use_up_no_height(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    chain.step(40)
    stream = chain.open_stream()
    stream.request("slotSubscribe", [])
    chain.set_fault("skip-slots", for_s=LONG_S)
    blocks = [chain.step() for _ in range(12)]
    gaps = [after.slot - before.slot for before, after in pairwise(blocks)]
    assert sorted(set(gaps)) == [1, 5]
    assert [block.height for block in blocks] == list(range(blocks[0].height, blocks[0].height + 12))
    heard = told(stream, "slotNotification")
    assert [one["slot"] for one in heard] == [block.slot for block in blocks]
    assert [one["parent"] for one in heard[1:]] == [block.slot for block in blocks[:-1]]
    skipped = next(block.slot for block, gap in zip(blocks, gaps, strict=False) if gap == 5) + 1
    with pytest.raises(ValueError, match="-32007"):
        chain.call("getBlockTime", skipped)


async def test_what_waits_lands_behind_the_skipped_slots_once_at_every_commitment(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    chain.step(40)
    payer = wallet(chain)
    chain.set_fault("skip-slots", for_s=LONG_S)
    streams = {level: chain.open_stream() for level in ("processed", "confirmed", "finalized")}
    for level, stream in streams.items():
        stream.request("logsSubscribe", [{"mentions": [str(payer.pubkey())]}, {"commitment": level}])
    sent = [send(chain, pay(chain, payer, AWAY, SOL + number)) for number in range(12) if chain.step()]
    chain.step(60)
    for stream in streams.values():
        assert sorted(one["value"]["signature"] for one in told(stream, "logsNotification")) == sorted(sent)
    assert all((status(chain, one) or {})["confirmationStatus"] == "finalized" for one in sent)
    heights = [chain.call("getBlockHeight", {"commitment": level}) for level in streams]
    assert heights == sorted(heights, reverse=True)


async def test_a_blockhash_lives_for_its_blocks_however_many_slots_these_take(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    payer = wallet(chain)
    chain.step(40)
    late, too_late = (
        pay(chain, payer, AWAY, lamports, on=blockhash(chain, "processed")[0]) for lamports in (SOL, SOL + 1)
    )
    chain.set_fault("skip-slots", for_s=LONG_S)
    first_slot = chain.cluster.chain.position.slot
    chain.step(149)
    assert chain.cluster.chain.position.slot > first_slot + 280
    landed = send(chain, late)
    chain.step()
    send(chain, too_late, preflight=False)
    chain.step(2)
    assert status(chain, landed) is not None
    assert status(chain, str(too_late.signatures[0])) is None


async def test_forks_and_restarts_count_skipped_slots_too(autojump_clock: object, tmp_path: Path) -> None:
    def opened() -> Cluster:
        return Cluster.open(
            tmp_path,
            seed=5,
            salt=b"",
            time_s=1_790_000_000,
            clock=trio.current_time,
            make_market=lambda seed: choose_market(seed, None, 1.0, enabled=True),
            slot_ms=400,
        )

    cluster = opened()
    cluster.all_faults.set("skip-slots", for_s=LONG_S)
    for _ in range(120):
        cluster.tick(0)
    height = cluster.chain.position.height
    fork = cluster.fork(10)
    assert len(fork.skipped) == 10
    assert height - 10 < cluster.chain.position.height < height
    while cluster.tick(0) is not None:
        pass
    position = cluster.chain.position
    hashes = [cluster.chain.blockhashes.at(position.height - back) for back in range(20)]
    cluster.close()
    again = opened()
    assert again.chain.position == position
    assert [again.chain.blockhashes.at(position.height - back) for back in range(20)] == hashes
    block = again.tick(0)
    assert block is not None
    assert (block.slot, block.height) == (position.slot + 1, position.height + 1)
    again.close()


# Trades that land and fail


async def fails(chain: InProcessChain, transaction: VersionedTransaction, *, owner: Keypair) -> Any:
    """The error that a trade lands with, which passed its preflight; its fee and nothing else is gone."""
    before = balance(chain, owner.pubkey())
    signature = send(chain, transaction)
    chain.step(2)
    landed = status(chain, signature)
    assert landed is not None
    record = chain.call("getTransaction", signature, {"commitment": "confirmed", "maxSupportedTransactionVersion": 0})
    assert balance(chain, owner.pubkey()) == before - record["meta"]["fee"]
    assert record["meta"]["preTokenBalances"] == record["meta"]["postTokenBalances"]
    assert any("custom program error" in line for line in record["meta"]["logMessages"])
    return landed["err"]["InstructionError"][1]


async def test_trades_on_a_curve_land_with_the_errors_of_their_bounds_and_move_nothing(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    coin, user = Coin.launched(chain), wallet(chain)
    send(chain, coin.buy(user, SOL))
    chain.step(2)
    curve = coin.curve
    chain.set_fault("fail-tx", for_s=LONG_S)
    key, mint, creator = user.pubkey(), coin.mint.pubkey(), coin.creator.pubkey()
    exact = launchpad.buy_v2(mint, key, creator, token_raw=10**12, max_pay_lamports=SOL)
    assert await fails(chain, signed(chain, [exact], user), owner=user) == {"Custom": 6002}
    assert await fails(chain, coin.buy(user, SOL, curve.tokens_for(SOL) // 2), owner=user) == {"Custom": 6042}
    assert await fails(chain, coin.sell(user, 10**12, 1_000), owner=user) == {"Custom": 6003}
    assert coin.curve == curve
    paid = send(chain, pay(chain, user, AWAY, SOL))
    chain.step(2)
    assert status(chain, paid)["err"] is None, "who trades nothing is not met by a price"
    chain.cluster.all_faults.clear()
    sold = send(chain, coin.sell(user, 10**12, 1_000))
    chain.step(2)
    assert status(chain, sold)["err"] is None


async def test_a_sale_in_a_pool_lands_with_its_error_too(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6, migration_slots=1)
    coin, buyer = Coin.launched(chain), wallet(chain, 200 * SOL)
    send(chain, coin.buy(buyer, 120 * SOL))
    chain.step(4)
    key, mint = buyer.pubkey(), coin.mint.pubkey()
    wrapped = launchpad.create_associated_token(key, key, liquidity.at.WRAPPED_SOL_MINT, liquidity.at.TOKEN_PROGRAM)
    sale = liquidity.sell(mint, key, coin.creator.pubkey(), token_raw=10**13, min_receive_lamports=SOL // 2)
    pool = liquidity.read_pool(mint, chain.cluster.chain.accounts)
    chain.set_fault("fail-tx", for_s=LONG_S)
    transaction = signed(chain, [wrapped, sale, liquidity.unwrap_sol(key)], buyer)
    assert await fails(chain, transaction, owner=buyer) == {"Custom": 6004}
    assert liquidity.read_pool(mint, chain.cluster.chain.accounts) == pool


async def test_a_bundle_with_a_trade_that_would_fail_never_lands(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6)
    coin, user = Coin.launched(chain), wallet(chain)
    tip = transfer(TransferParams(from_pubkey=user.pubkey(), to_pubkey=TIP_ACCOUNTS[0], lamports=10_000))
    buy = coin.buy(user, SOL, coin.curve.tokens_for(SOL) // 2)
    before = balance(chain, user.pubkey())
    chain.set_fault("fail-tx", for_s=LONG_S)
    bundle = [encoded(buy), encoded(signed(chain, [tip], user))]
    request = {"jsonrpc": "2.0", "id": 1, "method": "sendBundle", "params": [bundle, {"encoding": "base64"}]}
    assert "result" in msgspec.json.decode(chain.cluster.engine.handle_bytes(msgspec.json.encode(request)))
    chain.step(2)
    assert status(chain, str(buy.signatures[0])) is None
    assert balance(chain, user.pubkey()) == before


async def test_the_markets_own_traders_trade_on(autojump_clock: object) -> None:
    def outcomes(fault: str) -> list[Any]:
        chain = InProcessChain(seed=6, market=choose_market(6, None, 1.0, enabled=True))
        chain.set_fault(fault, for_s=LONG_S)
        return [landed.record.error for _ in range(200) for landed in chain.step().transactions]

    assert None in outcomes("fail-tx")
    assert outcomes("fail-tx") == outcomes("reorder"), "as under a fault that the chain itself knows nothing of"


# Logs that are cut


async def test_an_endpoint_with_a_low_limit_cuts_the_log_and_nothing_else(autojump_clock: object) -> None:
    chain = InProcessChain(seed=6, endpoints=2)
    coin, user = Coin.launched(chain), wallet(chain)
    chain.set_fault("cut-logs", for_s=LONG_S, endpoint="rpc-1")
    streams = [chain.open_stream(endpoint) for endpoint in (0, 1)]
    for stream in streams:
        stream.request("logsSubscribe", [{"mentions": [str(LAUNCHPAD_PROGRAM)]}, PROCESSED])
    signature = send(chain, coin.buy(user, SOL))
    chain.step(2)
    [cut], [whole] = (told(stream, "logsNotification") for stream in streams)
    assert TRUNCATED in cut["value"]["logs"]
    assert not any(line.startswith("Program data: ") for line in cut["value"]["logs"])
    assert any(line.startswith("Program data: ") for line in whole["value"]["logs"])
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "getTransaction",
        "params": [signature, {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}],
    }
    metas = [chain.cluster.endpoints[number].dispatcher.handle(request)["result"]["meta"] for number in (0, 1)]
    assert metas[0].pop("logMessages") == cut["value"]["logs"]
    assert metas[1].pop("logMessages") == whole["value"]["logs"]
    assert metas[0] == metas[1]


def test_lines_are_cut_as_a_real_node_cuts_them() -> None:
    payer = Keypair()
    transfers = [
        transfer(TransferParams(from_pubkey=payer.pubkey(), to_pubkey=AWAY, lamports=lamports))
        for lamports in range(1, 20)
    ]

    def logs(limit_bytes: int | None) -> list[str]:
        svm = LiteSVM().with_log_bytes_limit(limit_bytes)
        for key in (payer.pubkey(), AWAY):
            svm.airdrop(key, SOL)
        message = MessageV0.try_compile(payer.pubkey(), transfers, [], svm.latest_blockhash())
        done = svm.send_transaction(VersionedTransaction(message, [payer]))
        assert isinstance(done, TransactionMetadata)
        return done.logs()

    whole = logs(None)
    for limit_bytes in (1, 90, 91, 400, LOW_LIMIT_BYTES, 10_000):
        assert logs(limit_bytes) == cut_lines(whole, limit_bytes)


@given(st.lists(st.text(max_size=60), max_size=40), st.integers(1, 500))
def test_a_cut_log_keeps_its_order_and_says_once_that_it_was_cut(lines: list[str], limit_bytes: int) -> None:
    kept = cut_lines(lines, limit_bytes)
    whole = [line for line in kept if line != TRUNCATED]
    assert kept.count(TRUNCATED) == int(len(whole) < len(lines))
    assert sum(len(line.encode()) for line in whole) < limit_bytes
    rest = iter(lines)
    assert all(line in rest for line in whole)
