"""PumpPortal's messages: what each tells, that anything else raises the decode error, and how the client takes trouble."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.errors import ChainUnavailable, DecodeError, StartupError
from bot.market.pumpportal import (
    YOUNG_MAX,
    YOUNG_S,
    Heard,
    Line,
    PumpPortal,
    Refused,
    YoungTokens,
    decode,
    open_portal,
)
from bot.ports import LaunchHint

SIGNATURE = "5" * 88
MINT = "9" * 43 + "p"

# A message as it was captured in September 2026, with other keys.
CREATE: dict[str, Any] = {
    "signature": SIGNATURE,
    "mint": MINT,
    "traderPublicKey": "8" * 44,
    "txType": "create",
    "initialBuy": 17662956.405365,
    "solAmount": 0.501234567,
    "bondingCurveKey": "7" * 44,
    "vTokensInBondingCurve": 1055337043.594635,
    "vSolInBondingCurve": 30.50199999999999,
    "marketCapSol": 28.902615,
    "name": "A name",
    "symbol": "SYM",
    "uri": "https://example.test/a.json",
    "is_mayhem_mode": False,
    "pool": "pump",
}


def _frame(**changes: Any) -> bytes:
    return msgspec.json.encode({**CREATE, **changes})


def test_a_launch_is_a_hint_of_its_transaction() -> None:
    assert decode(_frame()).hint == LaunchHint("create", SIGNATURE, MINT)


@pytest.mark.parametrize("kind", ["buy", "sell"])
def test_trades_on_the_curve_are_hints_and_trades_in_pools_are_not(kind: str) -> None:
    assert decode(_frame(txType=kind)).hint == LaunchHint("trade", SIGNATURE, MINT)
    assert decode(_frame(txType=kind, pool="pump-amm")) == Heard(is_news=True)


def test_launches_of_other_launchpads_are_passed_over() -> None:
    assert decode(_frame(pool="bonk")) == Heard(is_news=True)


def test_a_migration_is_a_hint_whatever_pool_it_names() -> None:
    assert decode(_frame(txType="migrate", pool="pump-amm")).hint == LaunchHint("migrate", SIGNATURE, MINT)


def test_answers_are_no_hints_and_errors_are_refusals() -> None:
    assert decode('{"message":"Successfully subscribed to token creation events."}') == Heard(is_news=False)
    with pytest.raises(Refused, match="funded keys"):
        decode('{"errors":"Trades are told to\\nfunded keys alone."}')


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        "no json",
        _frame(txType="airdrop"),
        _frame(signature=None),
        _frame(signature="0" * 88),
        _frame(mint="short"),
        _frame(mint=7),
    ],
)
def test_what_is_no_message_raises_the_decode_error(frame: str | bytes) -> None:
    with pytest.raises(DecodeError):
        decode(frame)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300),
        st.dictionaries(st.sampled_from([*CREATE, "message", "errors"]), _json).map(msgspec.json.encode),
        st.integers(0, len(_frame())).map(lambda length: _frame()[:length]),
    )
)
def test_any_bytes_are_a_hint_or_nothing_or_the_decode_error(frame: str | bytes) -> None:
    try:
        hint = decode(frame).hint
    except DecodeError:
        return
    assert hint is None or (len(hint.signature) >= 64 and len(hint.mint) >= 32)


def test_young_tokens_are_followed_for_a_while_and_never_too_many() -> None:
    young = YoungTokens()
    assert young.add("a", 0.0) == []
    assert young.add("b", YOUNG_S + 1) == ["a"]
    dropped = [one for number in range(YOUNG_MAX) for one in young.add(str(number), YOUNG_S + 2)]
    assert dropped == ["b"]


@pytest.mark.parametrize("url", ["", "https://a.test/api", "ws://"])
def test_an_address_that_is_no_websocket_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(StartupError, match="pumpportal_url"):
        open_portal(url, None, silence_s=60)


class Scripted:
    """The other end: seconds to wait and messages to send, in turn; silence afterwards."""

    def __init__(self, *steps: float | bytes) -> None:
        self.steps = list(steps)
        self.asked: list[Any] = []

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Line]:
        yield self

    async def send(self, message: str) -> None:
        await trio.lowlevel.checkpoint()
        self.asked.append(msgspec.json.decode(message))

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        while self.steps:
            step = self.steps.pop(0)
            if isinstance(step, bytes):
                return step
            await trio.sleep(step)
        await trio.sleep_forever()
        raise AssertionError


ANSWER = b'{"message":"Successfully subscribed"}'


async def _until_lost(line: Scripted, *, tells_trades: bool = False) -> tuple[list[LaunchHint], int, str]:
    hints: list[LaunchHint] = []
    signs = 0

    async def hinted(hint: LaunchHint) -> None:
        await trio.lowlevel.checkpoint()
        hints.append(hint)

    def alive() -> None:
        nonlocal signs
        signs += 1

    with pytest.raises(ChainUnavailable) as raised:
        await PumpPortal(line.connect, tells_trades=tells_trades, silence_s=30).follow(hinted, alive)
    return hints, signs, str(raised.value)


async def test_one_connection_asks_for_everything_and_names_what_it_hears(autojump_clock: MockClock) -> None:
    line = Scripted(ANSWER, ANSWER, 29.0, _frame(), 29.0, _frame(txType="migrate"))
    hints, signs, told = await _until_lost(line, tells_trades=True)
    assert [hint.kind for hint in hints] == ["create", "migrate"]
    assert signs == 2
    assert [request["method"] for request in line.asked] == [
        "subscribeNewToken",
        "subscribeMigration",
        "subscribeTokenTrade",
    ]
    assert line.asked[2]["keys"] == [MINT]
    assert told == "pumpportal: nothing heard in time"


async def test_without_a_key_no_trades_are_asked_for(autojump_clock: MockClock) -> None:
    line = Scripted(ANSWER, _frame())
    await _until_lost(line)
    assert [request["method"] for request in line.asked] == ["subscribeNewToken", "subscribeMigration"]


async def test_garbage_is_passed_over_and_is_no_sign_of_life(autojump_clock: MockClock) -> None:
    began_s = trio.current_time()
    hints, signs, _ = await _until_lost(Scripted(ANSWER, *[1.0, b"garbage"] * 40))
    assert (hints, signs) == ([], 0)
    assert trio.current_time() - began_s == 30


async def test_a_refusal_ends_the_connection_with_its_words(autojump_clock: MockClock) -> None:
    _, _, told = await _until_lost(Scripted(ANSWER, b'{"errors":"no balance"}'))
    assert told == "pumpportal: it refuses: no balance"
