"""Whatever an endpoint, a block engine or an aggregator answers, a question ends in a value of its type or in its error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from bot.chain.batches import batching
from bot.chain.engine_client import EngineClient
from bot.chain.jupiter_client import JupiterClient, NoWayError, impact_bps
from bot.chain.rpc import RpcClient
from bot.chain.unit_prices import FeeHints
from bot.errors import ChainUnavailable, RouterUnavailable, SendRejected

KEY = "11111111111111111111111111111111"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
WIRE_WORDS = st.sampled_from(
    ["context", "slot", "value", "owner", "data", "pubkey", "account", "err", "code", "message"]
)
NEAR = st.recursive(
    JSON, lambda inner: st.dictionaries(WIRE_WORDS, inner, max_size=5) | st.lists(inner, max_size=3), max_leaves=16
)
ANSWERS = (
    st.binary(max_size=200)
    | JSON.map(msgspec.json.encode)
    | NEAR.map(lambda value: msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": value}))
    | NEAR.map(lambda value: msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "error": value}))
    | NEAR.map(msgspec.json.encode)
    | st.tuples(st.sampled_from((b'{"id":1,"result":', b'{"error":', b"", b"[")), st.integers(1, 20_000)).map(
        lambda drawn: drawn[0] + b"[" * drawn[1]
    )
)


class Saying:
    """A peer that answers everything with the same bytes."""

    name = "a:1"

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def post(self, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        return self._answer

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        await trio.lowlevel.checkpoint()
        return (200 if self._answer[:1] != b"[" else 400), self._answer


async def _ask_everything(answer: bytes) -> list[Any]:
    client = RpcClient(Saying(answer), 3.0)
    client.landmark = KEY
    questions = (
        client.genesis_hash,
        client.slot,
        client.finalized_slot,
        client.prove_sight,
        lambda: client.largest_accounts(KEY),
        lambda: client.simulate_for(b"bytes", [KEY]),
        lambda: client.block_height("finalized"),
        lambda: client.balance(KEY, "confirmed"),
        lambda: client.latest_blockhash("confirmed"),
        lambda: client.prioritization_fees([KEY]),
        lambda: client.accounts([KEY], "confirmed"),
        lambda: client.token_holdings(KEY, KEY, "confirmed"),
        lambda: client.signature_statuses([KEY], search_history=True),
        lambda: client.transaction(KEY, "confirmed"),
        lambda: client.signatures_for_address(KEY, limit=1, before=None, until=None, commitment="confirmed"),
        lambda: client.simulate(b"bytes"),
        lambda: client.send(b"bytes"),
    )
    told = []
    for question in questions:
        try:
            told.append(await question())
        except (ChainUnavailable, SendRejected) as error:
            assert "\n" not in str(error)
    return told


@given(answer=ANSWERS)
@example(answer=b'{"id":1,"result":' + b"[" * 5_000 + b"]" * 5_000 + b"}")
@example(answer=b'{"id":1,"result":' + b"9" * 5_000 + b"}")
@example(answer=b'{"id":1,"result":{"context":{"slot":1},"value":[{"address":"a","amount":"' + b"9" * 5_000 + b'"}]}}')
def test_no_answer_breaks_a_reader(answer: bytes) -> None:
    trio.run(_ask_everything, answer)


@given(answer=ANSWERS)
def test_no_answer_breaks_a_batch(answer: bytes) -> None:
    async def ask() -> None:
        async with batching(Saying(answer), 100) as transport:
            client = RpcClient(transport, 3.0)

            async def one() -> None:
                with suppress(ChainUnavailable):
                    await client.balance(KEY, "confirmed")

            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(one)

    trio.run(ask)


@given(answer=ANSWERS)
def test_no_answer_breaks_whoever_asks_a_block_engine_or_for_a_fee(answer: bytes) -> None:
    async def ask() -> None:
        door = Saying(answer)
        engine = EngineClient(door, door, door)
        for question in (lambda: engine.send(b"bytes"), engine.tip_accounts, lambda: engine.inflight([KEY])):
            with suppress(ChainUnavailable, SendRejected):
                await question()
        assert await FeeHints(door).unit_price(KEY) >= 0

    trio.run(ask)


QUOTES = st.fixed_dictionaries(
    {name: st.text(max_size=8) | st.integers().map(str) for name in ("inAmount", "outAmount", "otherAmountThreshold")}
    | {
        "inputMint": st.just(KEY),
        "outputMint": st.just(KEY),
        "swapMode": st.just("ExactIn"),
        "slippageBps": st.integers(0, 100),
        "routePlan": st.just([]),
        "priceImpactPct": st.text(max_size=6) | st.sampled_from(("1e999999999", "-1e-999999999", "NaN", "0.013")),
    }
)


@given(answer=ANSWERS | QUOTES.map(msgspec.json.encode))
def test_no_answer_of_an_aggregator_breaks_a_quote(answer: bytes) -> None:
    async def ask() -> None:
        client = JupiterClient(Saying(answer))
        with suppress(RouterUnavailable, NoWayError):
            quoted = await client.quote(KEY, KEY, 1, 50)
            assert 0 <= impact_bps(quoted.quote) <= 10_000
            await client.instructions(quoted, KEY)

    trio.run(ask)


@pytest.mark.parametrize("answer", [b"", b"null", b"[]", b"{}", b'{"result":null,"error":null}', b"\xff\xfe"])
async def test_an_answer_without_a_result_is_no_value(answer: bytes) -> None:
    values = [value for value in await _ask_everything(answer) if value is not None]
    assert values == []


@pytest.mark.parametrize(("named", "is_ours"), [("ours", True), ("another", False)])
async def test_a_transaction_that_was_not_asked_for_is_no_answer(named: str, is_ours: bool) -> None:
    transaction = {"signatures": [named], "message": {"accountKeys": [KEY]}}
    record = {"slot": 9, "blockTime": None, "meta": None, "transaction": transaction}
    client = RpcClient(Saying(msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": record})), 3.0)
    if is_ours:
        assert await client.transaction("ours", "confirmed") is not None
    else:
        with pytest.raises(ChainUnavailable, match="another transaction than the one that was asked for"):
            await client.transaction("ours", "confirmed")
