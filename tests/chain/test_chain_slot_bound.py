"""Which slots of a stream can be, and what becomes of one that tells of others, whatever it streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import msgspec
import pytest
import trio
from trio.testing import MockClock

from bot.chain.geyser_stream import GeyserLaunches
from bot.chain.named_transactions import NamedTransactions, Recorded
from bot.chain.slot_bound import AHEAD_SLOTS, SlotBound
from bot.chain.subscriptions import Deliver, Notification, Opened, OwnSubscriptions, Subscribe
from bot.chain.wallet_stream import GeyserWallets
from bot.errors import ChainUnavailable
from bot.trading.launch import StreamEvent
from tests.chain.test_chain_geyser import Scripted, _clock, _slot, _update
from tests.chain.test_chain_wallet_stream import LEADER, Heard
from tests.chain.test_chain_wallet_stream import _slot as _confirmed

NEWEST = 1_000
FAR = NEWEST + 100_000


@dataclass(slots=True)
class Chain:
    """What the endpoints tell of the newest slot, and who was blamed."""

    newest: int = NEWEST
    blamed: str = ""

    def bound(self, *, rest_s: float = 60.0) -> SlotBound:
        return SlotBound(lambda: self.newest, self._blame, rest_s=rest_s)

    def _blame(self, name: str, reason: str) -> None:
        self.blamed = f"{name}: {reason}"


@dataclass(frozen=True, slots=True)
class Told:
    """The other end of a subscription that tells one thing."""

    notification: Notification
    name: str = "a:2"

    async def follow(self, wanted: Sequence[Subscribe], deliver: Deliver, opened: Opened) -> NoReturn:
        await trio.lowlevel.checkpoint()
        await deliver(self.notification)
        raise ChainUnavailable("told everything")


class Ears:
    """Listens to a source."""

    def __init__(self) -> None:
        self.events: list[StreamEvent] = []
        self.signs = 0

    async def tell(self, event: StreamEvent) -> None:
        await trio.lowlevel.checkpoint()
        self.events.append(event)

    def alive(self) -> None:
        self.signs += 1

    def knows(self, signature: str) -> bool:
        return False

    def launch_was_known(self) -> None:
        raise AssertionError


def in_context(slot: int) -> bytes:
    return msgspec.json.encode({"context": {"slot": slot}, "value": {"lamports": 1}})


async def heard(chain: Chain, method: str, result: bytes) -> tuple[int, str]:
    """How many notifications came through, and what ended the connection."""
    found: list[Notification] = []

    async def deliver(notification: Notification) -> None:
        await trio.lowlevel.checkpoint()
        found.append(notification)

    told = Told(Notification(method, msgspec.Raw(result)))
    source = OwnSubscriptions(told, lambda: False, bound=chain.bound(), teller="a:1")
    with pytest.raises(ChainUnavailable) as ended:
        await source.follow([], deliver, lambda: None)
    return len(found), str(ended.value)


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("slotNotification", b'{"parent":1,"root":1,"slot":%d}' % FAR),
        ("logsNotification", in_context(FAR)),
        ("accountNotification", in_context(FAR)),
        ("transactionNotification", b'{"signature":"s","slot":%d,"transaction":{}}' % FAR),
    ],
)
async def test_no_notification_of_a_slot_that_cannot_be_is_heard(
    autojump_clock: MockClock, method: str, result: bytes
) -> None:
    chain = Chain()
    came, ended = await heard(chain, method, result)
    assert came == 0
    assert f"slot {FAR} while the endpoints were at {NEWEST}" in ended
    assert chain.blamed == ended.replace("a:2", "a:1")


@pytest.mark.parametrize("slot", [1, NEWEST, NEWEST + AHEAD_SLOTS])
async def test_slots_that_can_be_are_heard(autojump_clock: MockClock, slot: int) -> None:
    chain = Chain()
    assert await heard(chain, "logsNotification", in_context(slot)) == (1, "told everything")
    assert await heard(chain, "slotNotification", b'{"slot":%d}' % slot) == (1, "told everything")
    assert chain.blamed == ""


async def test_while_nobody_was_heard_every_slot_can_be(autojump_clock: MockClock) -> None:
    assert await heard(Chain(newest=0), "slotNotification", b'{"slot":%d}' % FAR) == (1, "told everything")


async def test_a_stream_that_goes_on_while_all_endpoints_stand_still_is_not_blamed(autojump_clock: MockClock) -> None:
    chain = Chain()
    bound = chain.bound()
    for passed in range(1_000):
        bound.check("a:1", NEWEST + passed)
        await trio.sleep(0.4)
    assert chain.blamed == ""


async def test_who_was_caught_is_left_alone_for_a_while(autojump_clock: MockClock) -> None:
    bound = Chain().bound(rest_s=60)
    with pytest.raises(ChainUnavailable):
        bound.check("a:1", FAR)
    assert bound.rests("a:1")
    assert not bound.rests("b:1")
    with pytest.raises(ChainUnavailable, match="left alone for 60 s"):
        bound.refuse_caught("a:1")
    await trio.sleep(60)
    bound.refuse_caught("a:1")


@pytest.mark.parametrize("lie", [_slot(FAR), _update(slot=FAR)])
async def test_a_geyser_stream_that_tells_of_such_a_slot_is_left(autojump_clock: MockClock, lie: bytes) -> None:
    chain, ears = Chain(), Ears()
    script = Scripted([_slot(NEWEST), lie, _update(slot=NEWEST)], [_slot(NEWEST + 1)])
    source = GeyserLaunches(script.open, lambda: NEWEST, _clock(), silence_s=2, bound=chain.bound())
    with pytest.raises(ChainUnavailable, match="while the endpoints were at"):
        await source.follow(ears)
    with pytest.raises(ChainUnavailable, match="left alone"):
        await source.follow(ears)
    assert (ears.events, ears.signs, len(script.asked)) == ([], 1, 1)
    assert chain.blamed.startswith("grpc: ")


async def test_so_is_one_of_wallets(autojump_clock: MockClock) -> None:
    script = Scripted([_confirmed(NEWEST), 0.1, _confirmed(FAR)])
    news, ears = GeyserWallets(script.open, lambda: NEWEST, silence_s=20, per_call=1), Heard()
    news.want([str(LEADER)])
    with trio.move_on_after(30):
        await news.follow(ears)
    assert len(script.asked) == 1
    assert ears.covered == {}
    assert "left alone" in news.health().detail


async def test_a_named_transaction_of_such_a_slot_is_no_answer(autojump_clock: MockClock) -> None:
    async def read(signature: str) -> Recorded:
        await trio.lowlevel.checkpoint()
        return Recorded(FAR, ())

    ears = Ears()
    named = NamedTransactions(read, _clock(), per_second=10, source="pumpportal", bound=Chain().bound())
    named.put("s", is_launch=True)
    with trio.move_on_after(10):
        await named.work(ears)
    assert (named.statistics().lost, named.statistics().read) == (1, 0)
