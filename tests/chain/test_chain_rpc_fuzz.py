"""Whatever an endpoint answers, a read ends in a value of its type or in ChainUnavailable, and names no address."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from bot.chain.rpc import RpcClient
from bot.errors import ChainUnavailable, SendRejected

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
)


class Saying:
    """An endpoint that answers everything with the same bytes."""

    name = "a:1"

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def post(self, body: bytes) -> bytes:
        await trio.lowlevel.checkpoint()
        return self._answer


async def _ask_everything(answer: bytes) -> list[Any]:
    client = RpcClient(Saying(answer), 3.0)
    questions = (
        client.genesis_hash,
        client.slot,
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
def test_no_answer_breaks_a_reader(answer: bytes) -> None:
    trio.run(_ask_everything, answer)


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
