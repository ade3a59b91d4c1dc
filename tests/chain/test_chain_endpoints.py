"""Several endpoints: failover for reads, everybody for sends, and what each is known to be worth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.chain.breaker import BreakerRule
from bot.chain.endpoint import PATIENCE_S
from bot.chain.pump_chain import PumpChain
from bot.chain.rpc import RpcClient
from bot.clock import virtual_clock
from bot.errors import ChainUnavailable, SendRejected
from bot.localnet.inprocess import InProcessChain
from bot.routes import first_answer
from bot.trading.recovery import Absence, SignatureStatus, Step, next_step
from tests.chain.chain_doubles import NEVER_SENT, InProcessTransport
from tests.chain.chain_scenario import EPOCH_MS, SOL, endpoints, pump_chain, virtual_world

SIGNATURE = "5" * 87


@dataclass
class Peer:
    """An endpoint at the other end of a wire: answers every request with `result` or `error`, or never."""

    name: str
    result: Any = None
    error: dict[str, Any] | None = None
    hangs: bool = False
    asked: list[str] = field(default_factory=list)

    async def post(self, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        self.asked.append(msgspec.json.decode(body)["method"])
        if self.hangs:
            await trio.sleep_forever()
        if self.error is not None:
            return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "error": self.error})
        return msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": self.result})


def _chain(*transports: Any) -> PumpChain:
    clock = virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)
    return pump_chain(transports, clock)


def _behind() -> dict[str, Any]:
    return {"code": -32005, "message": "Node is behind by 200 slots", "data": {"numSlotsBehind": 200}}


async def test_a_read_goes_to_the_next_endpoint_when_one_hangs(autojump_clock: MockClock) -> None:
    first, second = Peer("a:1", hangs=True), Peer("b:1", result=77)
    started = trio.current_time()
    assert await _chain(first, second).finalized_height() == 77
    assert trio.current_time() - started == PATIENCE_S


async def test_an_endpoint_that_is_behind_by_its_own_word_is_left_alone_until_a_probe_is_answered(
    autojump_clock: MockClock,
) -> None:
    first, second = Peer("a:1", error=_behind()), Peer("b:1", result=77)
    pool = endpoints([first, second], virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1))
    chain = PumpChain(pool)
    await chain.finalized_height()
    await chain.finalized_height()
    assert (len(first.asked), len(second.asked)) == (1, 2)
    first.error, first.result = None, 77
    await trio.sleep(BreakerRule().reset_s)
    await pool.probe()
    assert all(health.healthy for health in chain.health())
    second.error = _behind()
    assert await chain.finalized_height() == 77
    assert first.asked == ["getBlockHeight", "getSlot", "getBlockHeight"]


async def test_a_question_of_which_the_endpoint_is_innocent_does_not_cool_it_down(autojump_clock: MockClock) -> None:
    first, second = Peer("a:1", error={"code": -32602, "message": "Invalid param"}), Peer("b:1", result=77)
    chain = _chain(first, second)
    await chain.finalized_height()
    await chain.finalized_height()
    assert len(first.asked) == 2


async def test_when_nobody_answers_everybodys_trouble_is_told(autojump_clock: MockClock) -> None:
    chain = _chain(Peer("a:1", hangs=True), Peer("b:1", error=_behind()))
    with pytest.raises(ChainUnavailable) as raised:
        await chain.latest_blockhash()
    assert "a:1: getLatestBlockhash: no answer within 3 s" in str(raised.value)
    assert "b:1: getLatestBlockhash: Node is behind by 200 slots (-32005)" in str(raised.value)


async def test_health_says_since_when_and_why(autojump_clock: MockClock) -> None:
    peer = Peer("a:1", result=77)
    chain = _chain(peer)
    await trio.sleep(5)
    await chain.finalized_height()
    (up,) = chain.health()
    assert (up.healthy, up.since_ms, up.detail) == (True, EPOCH_MS + 5_000, "")
    await trio.sleep(5)
    await chain.finalized_height()
    assert chain.health() == [replace(up, asked_this_month=up.asked_this_month + 1, answered=up.answered + 1)]
    peer.error = _behind()
    with pytest.raises(ChainUnavailable):
        await chain.finalized_height()
    (down,) = chain.health()
    assert (down.healthy, down.since_ms) == (False, EPOCH_MS + 10_000)
    assert "behind by 200 slots" in down.detail


async def test_one_endpoint_that_takes_the_bytes_is_enough(autojump_clock: MockClock) -> None:
    taken = Peer("b:1", result=SIGNATURE)
    chain = _chain(Peer("a:1", hangs=True), taken, Peer("c:1", error=_behind()))
    await chain.send(b"bytes")
    assert taken.asked == ["sendTransaction"]


BAD_SIGNATURE = {"code": -32003, "message": "Transaction signature verification failure"}


def _preflight(err: Any, message: str = "Transaction simulation failed") -> dict[str, Any]:
    return {"code": -32002, "message": message, "data": {"err": err, "logs": []}}


@pytest.mark.parametrize(
    ("error", "kind", "program_error"),
    [
        (BAD_SIGNATURE, "invalid", None),
        ({"code": -32602, "message": "failed to deserialize"}, "invalid", None),
        (_preflight("BlockhashNotFound", "Transaction simulation failed: Blockhash not found"), "expired", None),
        (_preflight("AccountNotFound"), "simulation", None),
        (_preflight({"InstructionError": [3, {"Custom": 6002}]}), "simulation", 6002),
        (_preflight({"InstructionError": [3, "InvalidAccountData"]}), "simulation", None),
        ({"code": -32002, "message": "Transaction simulation failed"}, "simulation", None),
    ],
)
async def test_a_refusal_by_everybody_is_a_rejection(
    error: dict[str, Any], kind: str, program_error: int | None, autojump_clock: MockClock
) -> None:
    chain = _chain(Peer("a:1", error=error), Peer("b:1", error=error))
    with pytest.raises(SendRejected) as raised:
        await chain.send(b"bytes")
    assert (raised.value.kind, raised.value.program_error) == (kind, program_error)
    assert all(health.healthy for health in chain.health())


async def test_a_refusal_by_some_proves_nothing_while_others_did_not_answer(autojump_clock: MockClock) -> None:
    """The one that stayed silent may have passed the bytes on."""
    chain = _chain(Peer("a:1", error=BAD_SIGNATURE), Peer("b:1", hangs=True))
    with pytest.raises(ChainUnavailable):
        await chain.send(b"bytes")


async def test_already_processed_counts_as_sent(autojump_clock: MockClock) -> None:
    message = "Transaction simulation failed: This transaction has already been processed"
    await _chain(Peer("a:1", error=_preflight("AlreadyProcessed", message))).send(b"bytes")


async def test_a_status_without_a_level_is_not_settled(autojump_clock: MockClock) -> None:
    def told(**status: Any) -> Peer:
        return Peer("a:1", result={"context": {"slot": 9}, "value": [{"slot": 8, **status}]})

    assert await _chain(told(err=None)).statuses([SIGNATURE]) == [SignatureStatus(8, None, False, False)]
    failed = told(err={"InstructionError": [0, {"Custom": 1}]}, confirmationStatus="confirmed")
    (status,) = await _chain(failed).statuses([SIGNATURE])
    assert status == SignatureStatus(8, '{"InstructionError":[0,{"Custom":1}]}', True, False)


async def test_an_answer_for_another_number_of_signatures_is_none(autojump_clock: MockClock) -> None:
    with pytest.raises(ChainUnavailable):
        await _chain(Peer("a:1", result={"context": {"slot": 9}, "value": []})).statuses([SIGNATURE])


async def test_two_endpoints_prove_that_a_transaction_never_landed(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=21)
    async with virtual_world(net) as world:
        trader, creator = await world.funded(), await world.funded()
        mint = await world.launched(creator)
        raw, signature = await world.signed(trader, await world.buy_order(trader, mint, SOL))
        last_valid = (await world.chain.latest_blockhash()).last_valid_block_height
        chain = _chain(InProcessTransport(net, "a:1"), InProcessTransport(net, "b:1"))
        assert await chain.search_absences(signature, raw) == (), "its bytes may still land"
        young = await chain.search_absences(signature, NEVER_SENT)
        assert isinstance(young, tuple)
        assert next_step(last_valid, None, last_valid + 1, young, endpoints=2) is Step.ASK_HISTORY
        net.step(200)
        absences = await chain.search_absences(signature, raw)
        assert isinstance(absences, tuple)
        assert {absence.endpoint for absence in absences} == {"a:1", "b:1"}
        height = await chain.finalized_height()
        assert next_step(last_valid, None, height, absences, endpoints=2) is Step.EXPIRE


async def test_an_endpoint_that_fails_gives_no_absence(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=22)
    net.step()
    down = Peer("b:1", error={"code": -32011, "message": "Transaction history is not available from this node"})
    absences = await _chain(InProcessTransport(net, "a:1"), down).search_absences(SIGNATURE[:86] + "1", NEVER_SENT)
    assert isinstance(absences, tuple)
    assert [absence.endpoint for absence in absences] == ["a:1"]
    assert isinstance(absences[0], Absence)
    with pytest.raises(ChainUnavailable):
        await _chain(down).search_absences(SIGNATURE, NEVER_SENT)


async def test_an_outage_of_the_cluster_ends_in_one_typed_error(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=23)
    net.step()
    chain = _chain(InProcessTransport(net))
    assert (await chain.balances("11111111111111111111111111111112")).lamports == 0
    net.set_fault("rpc-down", for_s=5)
    for question in (chain.fees(), chain.latest_blockhash(), chain.statuses([SIGNATURE])):
        with pytest.raises(ChainUnavailable):
            await question
    await trio.sleep(6)
    assert (await chain.latest_blockhash()).last_valid_block_height > 0


async def test_a_slow_cluster_is_cut_off_at_the_deadline(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=24)
    net.step()
    net.set_fault("rpc-slow", for_s=60, delay_ms=4_000)
    with pytest.raises(ChainUnavailable, match="no answer within 3 s"):
        await _chain(InProcessTransport(net)).latest_blockhash()


@given(answer=st.one_of(st.binary(max_size=200), st.text(max_size=100).map(str.encode)))
async def test_whatever_an_endpoint_answers_is_an_answer_or_a_typed_error(answer: bytes) -> None:
    class Babbler:
        name = "a:1"

        async def post(self, body: bytes) -> bytes:
            await trio.lowlevel.checkpoint()
            return answer

    client = RpcClient(Babbler(), 1.0)
    for question in (client.genesis_hash(), client.balance("a", "confirmed"), client.transaction("s", "confirmed")):
        with pytest.raises(ChainUnavailable):
            await question


async def test_the_launchpads_settings_are_read_once_a_minute(autojump_clock: MockClock) -> None:
    net = InProcessChain(seed=25)
    net.step()
    asked: list[str] = []

    class Counting(InProcessTransport):
        async def post(self, body: bytes) -> bytes:
            asked.append(msgspec.json.decode(body)["method"])
            return await super().post(body)

    chain = _chain(Counting(net))

    async def ask() -> None:
        await chain.fees()

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask)
    assert asked == ["getMultipleAccounts"]
    await trio.sleep(61)
    await chain.fees()
    assert len(asked) == 2


async def test_a_start_is_not_given_up_for_some_slow_seconds(autojump_clock: MockClock) -> None:
    slow = [Peer("a:1", result="genesis", hangs=True), Peer("b:1", result="genesis", hangs=True)]
    pool = endpoints(slow, virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1))
    async with trio.open_nursery() as nursery:

        async def mend() -> None:
            await trio.sleep(7)
            for peer in slow:
                peer.hangs = False

        nursery.start_soon(mend)
        assert await first_answer(pool, None) == "genesis"
    for peer in slow:
        peer.hangs = True
    began_s = trio.current_time()
    with pytest.raises(ChainUnavailable, match="no answer"):
        await first_answer(endpoints(slow, virtual_clock(trio.current_time, epoch_ms=EPOCH_MS, seed=1)), None)
    assert trio.current_time() - began_s < 20, "and it is not waited for ever: the line says what is wrong"
