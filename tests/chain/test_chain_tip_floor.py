"""What tips land: the feed of a block engine, its stand-in, and what an order tips by it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from bot.chain.http_api import open_http_api
from bot.chain.tip_floor import LOOK_EVERY_S, MAX_AGE_S, PATH, TipFloor, lamports_of
from bot.errors import ChainUnavailable
from bot.trading.intent import Protection, Side
from bot.trading.landing import LEAST_TIP_LAMPORTS, tip_lamports
from bot.trading.limits import FIXED, Ceilings, UserSettings

# An answer as the documentation of the feed shows it.
TOLD = {
    "time": "2026-02-01T12:58:00Z",
    "landed_tips_25th_percentile": 6.001000000000001e-06,
    "landed_tips_50th_percentile": 1e-05,
    "landed_tips_75th_percentile": 3.6196500000000005e-05,
    "landed_tips_95th_percentile": 0.0014479055000000002,
    "landed_tips_99th_percentile": 0.010007999,
    "ema_landed_tips_50th_percentile": 9.836078125000002e-06,
}


def answer(**changes: Any) -> bytes:
    return msgspec.json.encode([TOLD | changes])


def test_the_upper_quartile_is_read_to_the_lamport_and_rounded_up() -> None:
    assert lamports_of(answer(), "x") == 36_197
    assert lamports_of(answer(landed_tips_75th_percentile=1e-9), "x") == 1
    assert lamports_of(answer(landed_tips_75th_percentile=1), "x") == 1_000_000_000


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"[{}]",
        b"[" * 100_000,
        answer() + answer(),
        answer(landed_tips_75th_percentile=0),
        answer(landed_tips_75th_percentile=-1e-5),
        answer(landed_tips_75th_percentile=1.5),
        answer(landed_tips_75th_percentile=None),
        answer(landed_tips_75th_percentile="NaN"),
        b'[{"landed_tips_75th_percentile": 1e999999999}]',
    ],
)
def test_an_answer_that_says_nothing_usable_is_none(body: bytes) -> None:
    with pytest.raises(ChainUnavailable, match=r"^x: "):
        lamports_of(body, "x")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_tip_or_the_one_error(body: bytes) -> None:
    try:
        assert lamports_of(body, "x") > 0
    except ChainUnavailable:
        return


AUTO = UserSettings(tip_buy_lamports=100_000, tip_sell_lamports=50_000)
CEILINGS = Ceilings()


@given(st.integers(1_000, 10**7), st.integers(1_000, 10**7), st.none() | st.integers(1, 10**9))
def test_a_tip_is_never_above_the_wish_nor_the_ceiling_nor_what_lands(
    wish: int, ceiling: int, landing: int | None
) -> None:
    settings, ceilings = replace(AUTO, tip_buy_lamports=wish), Ceilings(max_tip_lamports=ceiling)
    tip = tip_lamports(settings, Side.BUY, Protection.PROTECTED, ceilings, landing)
    without = tip_lamports(settings, Side.BUY, Protection.PROTECTED, ceilings)
    assert LEAST_TIP_LAMPORTS <= tip <= without <= max(min(wish, ceiling), LEAST_TIP_LAMPORTS)
    assert landing is None or tip <= max(landing, LEAST_TIP_LAMPORTS)


def test_a_fixed_tip_does_not_move_and_an_open_order_tips_nothing() -> None:
    fixed = replace(AUTO, fee_mode_buy=FIXED)
    assert tip_lamports(fixed, Side.BUY, Protection.PROTECTED, CEILINGS, 5_000) == 100_000
    assert tip_lamports(fixed, Side.SELL, Protection.PROTECTED, CEILINGS, 5_000) == 5_000
    assert tip_lamports(AUTO, Side.BUY, Protection.OPEN, CEILINGS, 5_000) == 0
    assert tip_lamports(AUTO, Side.BUY, Protection.PROTECTED_FIRST, CEILINGS, 5_000) == 5_000


@dataclass
class Feed:
    """A feed that answers with this, or not at all."""

    body: bytes = b""
    status: int = 200
    hangs: bool = False
    asked: int = 0
    name: str = "feed"

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        await trio.lowlevel.checkpoint()
        assert (method, path, body) == ("GET", "", b"")
        self.asked += 1
        if self.hangs:
            await trio.sleep_forever()
        return self.status, self.body


async def test_what_was_told_stands_for_a_minute_and_no_longer(autojump_clock: MockClock) -> None:
    feed = Feed(answer())
    floor = TipFloor(feed)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(floor.keep)
        assert floor.lamports() is None
        await trio.sleep(1)
        assert floor.lamports() == 36_197
        feed.hangs = True
        await trio.sleep(MAX_AGE_S - 2)
        assert floor.lamports() == 36_197
        await trio.sleep(LOOK_EVERY_S + 3)
        assert floor.lamports() is None
        assert feed.asked > 3
        feed.hangs, feed.body = False, answer(landed_tips_75th_percentile=2e-05)
        await trio.sleep(LOOK_EVERY_S + 4)
        assert floor.lamports() == 20_000
        feed.status = 404
        await trio.sleep(MAX_AGE_S + LOOK_EVERY_S)
        assert floor.lamports() is None
        nursery.cancel_scope.cancel()


async def test_the_stand_in_tells_it_over_its_socket(localnet: dict[str, Any]) -> None:
    with trio.fail_after(20):
        async with open_http_api(localnet["engine_url"] + PATH, None) as api:
            status, body = await api.ask("GET", "")
            assert status == 200
            [told] = msgspec.json.decode(body)
            assert told.keys() == TOLD.keys()
