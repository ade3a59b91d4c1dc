"""Whether a process may sign, and when one that waits may take the lease, in virtual time on the twin."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from bot.clock import virtual_clock
from bot.errors import LeaseLost
from bot.execution.leadership import MARGIN_MS, SETTLE_MS, UNSEEN_MS, Candidate, Leadership
from bot.ports import LEASE_S, Leader, Party, Wallet
from bot.storage.memory import MemoryStore
from bot.storage.memory_lease import MemoryLeases, SharedMemory
from bot.trading.intent import Mode
from bot.trading.trading_state import Cause
from bot.vault.local_vault import LocalVault
from bot.vault.master_key import MasterKey
from tests.storage.lease_samples import WRITES
from tests.vault.vault_samples import closing, guard

OLD, NEW = Party("old", "the old bot"), Party("new", "the new bot")


class Bot:
    """One process: its connection, its lease and its vault."""

    def __init__(self, shared: SharedMemory) -> None:
        self.leases = MemoryLeases(shared, WRITES)
        self.leadership = Leadership(virtual_clock(trio.current_time, epoch_ms=0, seed=1))
        self.vault = LocalVault(
            MasterKey("test", bytes(range(32))), guard(self.leadership.clock), self.leadership.check
        )

    async def lead(self, party: Party, after_epoch: int) -> None:
        asked_ms = self.leadership.clock.boottime_ms()
        lost = self.leadership.lose
        lease = await self.leases.take_lease(party, after_epoch=after_epoch, alone=False, lost=lost)
        assert lease is not None
        self.leadership.taken(lease, asked_ms)

    async def sign(self) -> bytes:
        """Sign with a fresh key of the vault's own."""
        address, key = await self.vault.create_key("u")
        return await self.vault.sign(_wallet(address), key, closing(address))


def _wallet(address: str) -> Wallet:
    return Wallet("w", "u", address, Mode.LIVE)


async def test_a_paused_leader_that_wakes_up_can_neither_write_nor_sign(autojump_clock: MockClock) -> None:
    shared = SharedMemory(MemoryStore())
    old, new = Bot(shared), Bot(shared)
    await old.lead(OLD, 0)
    await new.leases.stand_by(NEW)
    await old.leadership.renew(old.leases)
    assert len(await old.sign()) == 64
    await trio.sleep(LEASE_S + 0.01)
    await new.lead(NEW, 1)
    with pytest.raises(LeaseLost, match="could not be renewed in time"):
        await old.sign()
    with pytest.raises(LeaseLost, match="another bot leads on this database: the new bot"):
        await old.leases.save_cause(Cause("operator", "global", 1, "operator", "late"))
    assert await new.leases.causes() == []
    with pytest.raises(LeaseLost, match="the new bot"):
        await old.sign()
    assert len(await new.sign()) == 64


async def test_with_a_standby_signing_ends_before_the_lease_can_be_taken(autojump_clock: MockClock) -> None:
    shared = SharedMemory(MemoryStore())
    bot, other = Bot(shared), Bot(shared)
    await bot.lead(OLD, 0)
    await other.leases.stand_by(NEW)
    await bot.leadership.renew(bot.leases)
    await trio.sleep(LEASE_S - MARGIN_MS / 1000 - 0.01)
    await bot.sign()
    await trio.sleep(0.02)
    leader = await other.leases.leader(NEW)
    assert leader is not None
    assert leader.left_ms > 0
    with pytest.raises(LeaseLost):
        await bot.sign()
    await bot.leadership.renew(bot.leases)
    await bot.sign()


async def test_without_a_standby_the_end_of_the_lease_stops_no_exit(autojump_clock: MockClock) -> None:
    shared = SharedMemory(MemoryStore())
    bot = Bot(shared)
    await bot.lead(OLD, 0)
    await bot.leadership.renew(bot.leases)
    await trio.sleep(1_800)
    assert len(await bot.sign()) == 64


async def test_the_database_hears_of_a_standby_after_the_leader_does_and_of_its_end_before(
    autojump_clock: MockClock,
) -> None:
    shared = SharedMemory(MemoryStore())
    bot, other = Bot(shared), Bot(shared)
    await bot.lead(OLD, 0)
    await other.leases.stand_by(NEW)

    async def told() -> bool:
        await bot.leadership.renew(bot.leases)
        leader = await other.leases.leader(NEW)
        assert leader is not None
        return leader.knows_standby

    assert [await told(), await told()] == [False, True]
    for _ in range(5):
        await trio.sleep(1)
        await told()
    assert not await told()
    await trio.sleep(LEASE_S)
    await bot.sign()


def _leader(left_ms: int, *, knows_standby: bool = True, released: bool = False, ours: bool = False) -> Leader:
    return Leader(1, "the leader", 0, left_ms, ours, released, knows_standby)


@pytest.mark.parametrize("leader", [None, _leader(900, released=True), _leader(900, ours=True)])
def test_nobody_a_stopped_leader_and_oneself_are_followed_at_once(leader: Leader | None) -> None:
    assert Candidate().may_take(leader, 0)


def test_a_leader_whose_time_is_over_is_given_a_moment_to_come_back() -> None:
    waiting = Candidate()
    assert not waiting.may_take(_leader(1), 0)
    assert not waiting.may_take(_leader(0), 100)
    assert not waiting.may_take(_leader(-SETTLE_MS), 99 + SETTLE_MS)
    assert waiting.may_take(_leader(-SETTLE_MS), 100 + SETTLE_MS)


def test_what_was_seen_before_an_outage_or_a_renewal_does_not_count() -> None:
    waiting = Candidate()
    assert not waiting.may_take(_leader(-1), 0)
    waiting.saw_nothing()
    assert not waiting.may_take(_leader(-9_000), 9_000)
    assert not waiting.may_take(_leader(4_000), 9_100)
    assert not waiting.may_take(_leader(-1), 20_000)


def test_a_leader_that_never_saw_the_standby_is_waited_for_longer() -> None:
    waiting = Candidate()
    assert not waiting.may_take(_leader(-1, knows_standby=False), 0)
    assert not waiting.may_take(_leader(-UNSEEN_MS + 1, knows_standby=False), UNSEEN_MS)
    assert waiting.may_take(_leader(-UNSEEN_MS, knows_standby=False), UNSEEN_MS)
