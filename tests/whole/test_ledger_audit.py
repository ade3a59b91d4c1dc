"""What the ledger audit concludes from single looks: two that agree, a history that forgets, one that lies behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from bot.clock import Clock
from bot.errors import ChainUnavailable
from bot.execution.alerts import Alert, Turn
from bot.execution.ledger_audit import LedgerAudit
from bot.localnet.inprocess import InProcessChain
from bot.ports import Wallet, WalletBalances, WalletMove, WalletSignal, WalletTransaction
from bot.storage.memory import MemoryStore
from bot.trading.ledger import EntryKind
from tests.storage.storage_samples import enrol
from tests.whole.virtual import make_world


@dataclass(slots=True)
class ShortHistory:
    """A wallet's history at an endpoint that shows what it is told to show; `hidden` transactions it lists and lacks."""

    moves: list[WalletMove] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)

    async def transactions(
        self, address: str, *, limit: int, before: str | None = None, until: str | None = None, not_before: int = 0
    ) -> list[WalletTransaction]:
        assert before is until is None
        assert not_before == 0
        newest_first = self.moves[::-1][:limit]
        return [WalletTransaction(move.signature, move.slot, failed=False) for move in newest_first]

    async def moved(self, signature: str, address: str) -> WalletMove | None:
        found = next(move for move in self.moves if move.signature == signature)
        return None if signature in self.hidden else found

    async def swaps(self, signature: str, address: str) -> list[WalletSignal] | None:
        raise NotImplementedError(signature)

    def credit_per_s(self) -> float | None:
        return None


@dataclass(slots=True)
class Desk:
    """One wallet, its books, and who looks after them."""

    clock: Clock
    store: MemoryStore = field(default_factory=MemoryStore)
    history: ShortHistory = field(default_factory=ShortHistory)
    alerts: list[Alert] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    wallet: Wallet = field(init=False)
    audit: LedgerAudit = field(init=False)
    slot: int = 0

    async def open(self) -> None:
        self.wallet = await enrol(self.store)
        self.audit = LedgerAudit(
            self.store,
            self.history,
            self.clock,
            self.freeze,
            self.unfreeze,
            lambda _: None,
            self.alerts.append,
            self.listed,
        )
        await self.look(1_000)
        await self.look(1_000)
        assert (await self.store.wallet_ledger(self.wallet.id)).opened_slot == self.slot

    def auditor(self) -> LedgerAudit:
        return LedgerAudit(
            self.store,
            self.history,
            self.clock,
            self.freeze,
            self.unfreeze,
            lambda _: None,
            self.alerts.append,
            self.listed,
        )

    async def listed(self, signatures: Sequence[str]) -> None:
        """No order of these tests is given up."""

    async def freeze(self, user_id: str, why: str) -> str:
        self.frozen.append(user_id)
        return why

    async def unfreeze(self, user_id: str, why: str) -> bool:
        return False

    async def look(self, lamports: int, *, later: int = 50) -> bool:
        """A look at the chain some slots after the one before."""
        self.slot += later
        ledger = await self.store.wallet_ledger(self.wallet.id)
        known = await self.audit.read(self.wallet)
        return await self.audit.compare(self.wallet, ledger, WalletBalances(self.slot, lamports, {}), known)

    def lands(self, lamports: int, signature: str = "s") -> None:
        self.history.moves.append(WalletMove(signature, self.slot + 1, lamports, paid=lamports < 0))

    @property
    def kinds(self) -> list[EntryKind]:
        return [entry.kind for entry in self.store.ledger]


@pytest.fixture
async def desk(autojump_clock: MockClock) -> Desk:
    made = Desk(make_world(InProcessChain(seed=1)).clock)
    await made.open()
    return made


async def test_books_begin_when_two_looks_agree(autojump_clock: MockClock) -> None:
    desk = Desk(make_world(InProcessChain(seed=1)).clock)
    desk.wallet = await enrol(desk.store)
    desk.audit = LedgerAudit(
        desk.store,
        desk.history,
        desk.clock,
        desk.freeze,
        desk.unfreeze,
        lambda _: None,
        desk.alerts.append,
        desk.listed,
    )
    assert not await desk.look(5)
    assert not await desk.look(7)
    assert not await desk.look(7, later=0), "the same look twice is one look"
    assert await desk.look(7)
    assert (await desk.store.wallet_ledger(desk.wallet.id)).booked_lamports == 7
    assert desk.audit.state().exact == 1


async def test_one_odd_look_books_and_tells_nothing(desk: Desk) -> None:
    await desk.look(900)
    assert (desk.kinds, desk.alerts) == ([EntryKind.OPENING], [])
    desk.lands(50)
    await desk.look(1_050)
    assert desk.kinds == [EntryKind.OPENING, EntryKind.DEPOSIT]
    await desk.look(1_050)
    assert desk.audit.state().exact == 1
    assert desk.alerts == []


async def test_what_left_and_came_between_two_looks_is_booked_one_by_one(desk: Desk) -> None:
    desk.lands(50, "in")
    desk.lands(-30, "out")
    await desk.look(1_020)
    await desk.look(1_020)
    assert desk.kinds[1:] == [EntryKind.DEPOSIT, EntryKind.OUTFLOW]
    assert desk.frozen == ["u-ada"]
    [owed] = await desk.store.due(9)
    assert (owed.kind, owed.payload["lamports"], owed.payload["signatures"]) == ("outflow", 30, ["out"])


async def test_what_left_and_came_back_is_booked_although_the_balance_never_differs(desk: Desk) -> None:
    desk.lands(-30, "out")
    desk.lands(30, "back")
    await desk.look(1_000)
    assert desk.kinds[1:] == [EntryKind.OUTFLOW, EntryKind.DEPOSIT]
    assert desk.frozen == ["u-ada"]
    await desk.look(1_000)
    assert (len(desk.kinds), desk.audit.state().exact) == (3, 1), "once"


async def test_sol_that_came_in_is_no_outflow_though_the_wallet_paid_the_fee(desk: Desk) -> None:
    desk.history.moves.append(WalletMove("sale", desk.slot + 1, 70, paid=True, signed=True))
    await desk.look(1_070)
    assert desk.kinds[1:] == [EntryKind.DEPOSIT]
    assert desk.frozen == ["u-ada"], "the key was used elsewhere"
    [owed] = await desk.store.due(9)
    assert owed.payload["lamports"] == 0
    assert all("SOL came in" in alert.text and "-0." not in alert.text for alert in desk.alerts)


async def test_a_history_that_cannot_be_read_holds_up_nobody_whose_balance_fits(desk: Desk) -> None:
    desk.lands(-30, "out")
    desk.lands(30, "back")
    desk.history.hidden.add("out")
    assert await desk.look(1_000)
    assert desk.kinds == [EntryKind.OPENING]
    desk.history.hidden.clear()
    await desk.look(1_000)
    assert desk.kinds[1:] == [EntryKind.OUTFLOW, EntryKind.DEPOSIT]


async def test_status_has_the_age_of_the_oldest_comparison(autojump_clock: MockClock, desk: Desk) -> None:
    compared_ms = desk.audit.state().oldest_at_ms
    await trio.sleep(7)
    assert desk.audit.state().oldest_at_ms == compared_ms
    await desk.look(1_000)
    assert (desk.audit.state().oldest_at_ms or 0) >= (compared_ms or 0) + 7_000


async def test_what_the_network_may_still_take_back_freezes_at_once_and_is_booked_later(desk: Desk) -> None:
    desk.lands(-30, "out")
    assert await desk.look(970, later=10)
    assert (desk.kinds, desk.frozen, desk.audit.state().exact) == ([EntryKind.OPENING], ["u-ada"], 1)
    await desk.look(970, later=10)
    assert (desk.kinds, desk.alerts[-1].turn) == ([EntryKind.OPENING], Turn.BEGINS), "no difference, it waits"
    desk.history.moves.clear()
    await desk.look(1_000, later=30)
    assert desk.kinds == [EntryKind.OPENING], "it was taken back"
    desk.lands(-30, "out")
    await desk.look(970)
    await desk.look(970)
    assert desk.kinds[1:] == [EntryKind.OUTFLOW]
    assert desk.frozen == ["u-ada"], "once, however often it lands"
    assert (desk.store.ledger[-1].slot or 0) > 150, "where it landed at last"
    assert desk.audit.state().exact == 1


async def test_a_difference_that_no_transaction_explains_is_told_and_not_booked(desk: Desk) -> None:
    for _ in range(3):
        assert await desk.look(900), "nobody waits for it"
    assert desk.kinds == [EntryKind.OPENING]
    assert {alert.turn for alert in desk.alerts} == {Turn.BEGINS}
    assert "-0.0000001 SOL" in desk.alerts[0].text
    assert desk.frozen == []
    assert desk.audit.state().exact == 0
    check = (await desk.store.wallet_ledger(desk.wallet.id)).check
    assert check is not None
    assert not check.is_exact
    desk.lands(-100)
    await desk.look(900)
    await desk.look(900)
    assert desk.kinds == [EntryKind.OPENING, EntryKind.OUTFLOW]
    assert desk.alerts[-1].turn is Turn.ENDS
    assert desk.audit.state().exact == 1


async def test_a_transaction_that_no_endpoint_shows_yet_is_waited_for(desk: Desk) -> None:
    desk.lands(50)
    desk.history.hidden.add("s")
    with pytest.raises(ChainUnavailable, match="no endpoint shows s"):
        await desk.look(1_050)
    assert desk.kinds == [EntryKind.OPENING]
    desk.history.hidden.clear()
    await desk.look(1_050)
    assert desk.kinds == [EntryKind.OPENING, EntryKind.DEPOSIT]


async def test_what_landed_before_the_books_began_is_in_the_opening(desk: Desk) -> None:
    desk.history.moves.append(WalletMove("old", desk.slot, 400, paid=False))
    desk.lands(50)
    await desk.look(1_050)
    await desk.look(1_050)
    assert (await desk.store.wallet_ledger(desk.wallet.id)).booked_lamports == 1_050
