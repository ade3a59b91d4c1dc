"""Word of trades in pools: whose pool was traded, and what a log that cannot be read is taken for."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec
import pytest
import trio
from solders.pubkey import Pubkey
from trio.testing import MockClock

from bot.chain import addresses as at
from bot.chain.pool_news import PumpPoolNews
from bot.chain.subscriptions import Deliver, Notification, Opened, Subscribe
from bot.errors import ChainUnavailable
from bot.execution.event_reads import EventReads
from bot.trading.drift import READ_MIN
from bot.trading.venue import PUMPSWAP
from tests.chain.test_chain_pools import trade_event

MINTS = [str(Pubkey(bytes([number]) * 32)) for number in (21, 22)]
POOL = str(at.POOL_PROGRAM)


class Told:
    """An endpoint that tells these notifications and is then lost."""

    def __init__(self, *told: Notification) -> None:
        self.name = "told"
        self.wanted: Sequence[Subscribe] = ()
        self._told = told

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        self.wanted = wanted
        await trio.lowlevel.checkpoint()
        opened()
        for one in self._told:
            await deliver(one)
        raise ChainUnavailable("told everything")


def logs(*lines: str, err: Any = None, method: str = "logsNotification") -> Notification:
    value = {"signature": "s", "err": err, "logs": list(lines)}
    return Notification(method, msgspec.Raw(msgspec.json.encode({"context": {"slot": 1}, "value": value})))


def slot(number: int) -> Notification:
    return Notification("slotNotification", msgspec.Raw(msgspec.json.encode({"slot": number})))


def trade_in(mint: str) -> list[str]:
    pool = bytes(at.canonical_pool(Pubkey.from_string(mint)))
    event = trade_event(is_buy=True, user_lamports=1_125)
    event = event[:120] + pool + event[152:]
    return [
        f"Program {POOL} invoke [1]",
        f"Program data: {base64.b64encode(event).decode()}",
        f"Program {POOL} success",
    ]


async def heard(*told: Notification, reads: EventReads | None = None) -> list[str]:
    mints: list[str] = []
    with pytest.raises(ChainUnavailable):
        await PumpPoolNews([Told(*told)], lambda: 0, silence_s=2, reads=reads).follow(
            MINTS, mints.append, lambda _: None
        )
    return mints


async def test_a_trade_is_told_for_its_own_mint_alone(autojump_clock: MockClock) -> None:
    assert await heard(logs(*trade_in(MINTS[1])), logs(*trade_in(MINTS[0]))) == [MINTS[1], MINTS[0]]
    assert await heard(logs(*trade_in(str(Pubkey.new_unique())))) == []
    assert await heard(logs(*trade_in(MINTS[0]), err="it failed"), slot(1)) == []


async def test_what_can_be_read_of_the_pools_program_is_counted(autojump_clock: MockClock) -> None:
    unread = logs(f"Program {POOL} invoke [1]", "Program data: AAAA", f"Program {POOL} success")
    cut = logs(f"Program {POOL} invoke [1]", "Log truncated")
    reads = EventReads()
    await heard(*[unread] * READ_MIN, reads=reads)
    assert reads.problem(PUMPSWAP) is not None
    reads = EventReads()
    await heard(logs(*trade_in(MINTS[0])), *[unread] * 4, *[cut] * READ_MIN, *[unread] * READ_MIN, reads=reads)
    assert f"of the latest {READ_MIN + 5} transactions there only 1 told" in str(reads.problem(PUMPSWAP))


async def test_what_cannot_be_read_may_have_been_a_trade_of_any(autojump_clock: MockClock) -> None:
    for strange in (
        logs(f"Program {POOL} invoke [1]", "Log truncated"),
        logs(f"Program {POOL} invoke [1]", "Program data: AAAA", f"Program {MINTS[0]} success"),
        Notification("logsNotification", msgspec.Raw(b"{}")),
    ):
        assert sorted(await heard(strange)) == sorted(MINTS)


async def test_after_a_loss_the_next_endpoint_is_asked(autojump_clock: MockClock) -> None:
    first, second = Told(), Told()
    news = PumpPoolNews([first, second], lambda: 0, silence_s=2)
    for _ in range(2):
        with pytest.raises(ChainUnavailable):
            await news.follow(MINTS, lambda _: None, lambda _: None)
    mentioned = [one.params[0]["mentions"] for one in second.wanted if one.params]
    assert mentioned == [[str(at.canonical_pool(Pubkey.from_string(mint)))] for mint in MINTS]
    assert [one.method for one in first.wanted] == ["slotSubscribe", "logsSubscribe", "logsSubscribe"]


async def test_still_pools_end_no_connection_and_slots_that_stand_still_do(autojump_clock: MockClock) -> None:
    class Living(Told):
        """Tells a slot a second, and from the tenth on the same one again and again."""

        async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
            opened()
            number = 0
            while True:
                await trio.sleep(1)
                number += 1
                await deliver(slot(min(number, 10)))

    news = PumpPoolNews([Living()], lambda: 11, silence_s=2)
    began_s = trio.current_time()
    with pytest.raises(ChainUnavailable, match="nothing heard for 2 s, not even a new slot"):
        await news.follow(MINTS, lambda _: None, lambda _: None)
    assert trio.current_time() - began_s == pytest.approx(12)


async def test_a_slot_of_another_shape_ends_the_connection(autojump_clock: MockClock) -> None:
    strange = Notification("slotNotification", msgspec.Raw(b'{"slot": -1}'))
    with pytest.raises(ChainUnavailable, match="another shape"):
        await PumpPoolNews([Told(strange)], lambda: 0, silence_s=2).follow(MINTS, lambda _: None, lambda _: None)
