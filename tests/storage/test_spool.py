"""The spool over both stores: exits go on from memory while the database is away, and its rows hear of each of them once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Any, cast

import pytest
import trio

from bot.errors import JournalUnavailable, StoreUnavailable
from bot.ports import Store, Wallet
from bot.storage.address import DatabaseAddress
from bot.storage.spool import SpooledStore
from bot.storage.spool_codec import Signed
from bot.storage.spool_journal import MemoryJournal
from bot.trading.intent import AttemptState, IntentState
from bot.trading.position import PositionState
from bot.trading.risk_gate import Refused, admit
from bot.trading.trading_state import GLOBAL, Cause
from tests.storage.books import entries
from tests.storage.storage_samples import (
    NOW_MS,
    ask,
    attempt,
    bought,
    buy,
    enrol,
    fill_of,
    message,
    planned,
    sell,
    sent,
    settled,
)
from tests.whole.database_twin import writes


class Link:
    """A store that can go away: before a call takes effect, or, for those named in `loses`, after it; or take no write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.is_away = self.is_full = False
        self.loses: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        if not iscoroutinefunction(method):
            return cast(Callable[..., Any], method)

        async def call(*arguments: Any, **named: Any) -> Any:
            await trio.lowlevel.checkpoint()
            if self.is_away and name not in self.loses:
                raise StoreUnavailable("nothing listens there")
            if self.is_full and name in writes():
                raise StoreUnavailable("No space left on device")
            answer = await method(*arguments, **named)
            if name in self.loses:
                self.loses.discard(name)
                self.is_away = True
                raise StoreUnavailable("no answer in time")
            return answer

        return call


@dataclass(slots=True)
class Bench:
    """One database, its link, one journal; `restart` is a crash of the process between them."""

    database: Store
    link: Link = field(init=False)
    journal: MemoryJournal = field(default_factory=MemoryJournal)
    spooled: SpooledStore = field(init=False)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.link = Link(self.database)
        self.restart()

    def restart(self) -> None:
        self.spooled = SpooledStore(cast(Store, self.link), self.journal)
        self.spooled.on_trouble(self.told.append)

    @property
    def store(self) -> Store:
        return self.spooled.as_store

    async def back(self) -> None:
        self.link.is_away = False
        await self.store.ping()
        assert not self.spooled.spool().from_memory


@pytest.fixture(params=["memory", "postgres"])
def home(request: pytest.FixtureRequest) -> DatabaseAddress | str:
    """The spool is made here, around either."""
    return request.getfixturevalue("server") if request.param == "postgres" else "memory"


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store)


async def holding(bench: Bench) -> Wallet:
    """A user who holds 1,000 tokens, and whose key and settings have been read before."""
    wallet = await enrol(bench.store)
    await bought(bench.store, "b", wallet)
    return wallet


async def leave(bench: Bench, wallet: Wallet, key: str = "x") -> None:
    """A whole exit as far as its bytes having left, judged by the real gate."""
    admitted = await ask(bench.store, sell(key, wallet, token_raw=1_000), gate=_gate(key, wallet))
    assert not isinstance(admitted, Refused), admitted
    await bench.store.record_attempt(attempt(admitted.id, f"s-{key}"))
    await bench.store.mark_sent(f"s-{key}", NOW_MS)


def _gate(key: str, wallet: Wallet) -> Any:
    return lambda facts: admit(sell(key, wallet, token_raw=1_000), facts)


async def states(store: Store) -> list[tuple[str, IntentState, list[AttemptState]]]:
    return [(intent.id, intent.state, [one.state for one in attempts]) for intent, attempts in await store.in_flight()]


async def test_an_exit_made_while_away_is_in_the_rows_once_when_the_database_is_back(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    await leave(bench, wallet)
    state = bench.spooled.spool()
    assert (state.records, state.oldest_ms, state.from_memory) == (1, NOW_MS, True)
    assert await states(bench.database) == []
    await bench.back()
    assert await states(bench.database) == [("i-x", IntentState.SENT, [AttemptState.SENT])]
    assert (bench.spooled.spool().records, bench.journal.data) == (0, b"")
    request = sell("x", wallet, token_raw=1_000)
    assert (await settled(bench.store, request, fill_of(request))).position.state is PositionState.CLOSED


async def test_an_order_that_failed_before_the_outage_keeps_no_exit_from_being_admitted(bench: Bench) -> None:
    wallet = await holding(bench)
    for key, end in (("lost", IntentState.EXPIRED), ("refused", IntentState.FAILED)):
        await sent(bench.store, buy(key, wallet, mint=f"Mint{key}"))
        await bench.store.close_unfilled(f"i-{key}", end, "it never landed", now_ms=NOW_MS, signature=f"s-{key}")
    bench.link.is_away = True
    await leave(bench, wallet)


async def test_a_database_that_answers_and_takes_no_write_is_away_until_it_takes_one(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_full = True
    await bench.store.ping()  # nobody has asked it for anything else yet
    with pytest.raises(StoreUnavailable, match="No space left"):
        await ask(bench.store, buy("n", wallet), intent_id="i-n")
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="No space left"):
            await bench.store.ping()
    await leave(bench, wallet)
    assert bench.spooled.spool().records == 1
    assert await states(bench.database) == []
    bench.link.is_full = False
    await bench.back()
    assert await states(bench.database) == [("i-x", IntentState.SENT, [AttemptState.SENT])]


async def test_a_pause_in_the_journal_of_an_earlier_process_is_among_the_causes_from_the_first_look(
    bench: Bench,
) -> None:
    cause = Cause("paused", "user:u-ada", NOW_MS, "u-ada", "by his own command")
    await holding(bench)
    bench.link.is_away = True
    await bench.store.save_cause(cause)
    bench.restart()
    with pytest.raises(StoreUnavailable):
        await bench.store.causes()
    bench.link.is_away = False
    assert await bench.store.causes() == [cause]


async def test_a_fill_that_was_seen_while_away_ends_the_position_and_is_settled_once(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    await leave(bench, wallet)
    request = sell("x", wallet, token_raw=1_000)
    seen = await settled(bench.store, request, fill_of(request))
    assert seen.position.state is PositionState.CLOSED
    assert await bench.store.open_positions() == []
    assert await bench.store.in_flight() == []
    again = await ask(bench.store, sell("y", wallet, token_raw=1_000), gate=_gate("y", wallet))
    assert isinstance(again, Refused)
    assert again.code == "nothing_to_sell"
    await bench.back()
    assert await bench.database.open_positions() == []
    assert await settled(bench.database, request, fill_of(request)) == seen
    assert [entry[:2] for entry in await entries(bench.database)] == [("i-b", "s-b"), ("i-x", "s-x")]
    assert [row.id for row in await bench.database.due(10)] == ["m-b", "m-x"]


@pytest.mark.parametrize("lost", ["admit", "record_attempt", "mark_sent", "settle"])
async def test_a_commit_whose_answer_was_lost_is_merged_and_not_doubled(bench: Bench, lost: str) -> None:
    wallet = await holding(bench)
    bench.link.loses = {lost}
    await leave(bench, wallet)
    request = sell("x", wallet, token_raw=1_000)
    await settled(bench.store, request, fill_of(request))
    assert bench.link.is_away
    await bench.back()
    assert await bench.database.in_flight() == []
    assert [entry[:2] for entry in await entries(bench.database)] == [("i-b", "s-b"), ("i-x", "s-x")]
    intent = await bench.database.intent_of("x")
    assert intent is not None
    assert (intent.id, intent.state) == ("i-x", IntentState.FILLED)


@pytest.mark.parametrize("calls", range(8))
async def test_a_crash_at_any_point_of_the_replay_changes_nothing_about_its_end(bench: Bench, calls: int) -> None:
    """The link goes away after so many calls; then the process dies, and the next one begins with the journal."""
    wallet = await holding(bench)
    bench.link.is_away = True
    await leave(bench, wallet)
    bench.link.is_away = False
    await _dies_after(bench, calls, bench.store.ping)
    bench.restart()
    await bench.store.ping()
    assert await states(bench.store) == [("i-x", IntentState.SENT, [AttemptState.SENT])]
    bench.restart()
    assert await states(bench.store) == [("i-x", IntentState.SENT, [AttemptState.SENT])]
    assert bench.told == []


async def _dies_after(bench: Bench, calls: int, work: Callable[[], Awaitable[None]]) -> None:
    left = calls

    class Dying(Link):
        def __getattr__(self, name: str) -> Callable[..., Any]:
            method = super().__getattr__(name)

            async def call(*arguments: Any, **named: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise StoreUnavailable("it died")
                return await method(*arguments, **named)

            return call

    dying = SpooledStore(cast(Store, Dying(bench.database)), bench.journal)
    with trio.move_on_after(5):
        try:
            await dying.ping()
        except StoreUnavailable:
            return


async def test_a_journal_that_was_replayed_and_settled_but_not_cleared_changes_nothing(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    await leave(bench, wallet)
    kept = bench.journal.data
    await bench.back()
    request = sell("x", wallet, token_raw=1_000)
    await settled(bench.store, request, fill_of(request))
    bench.journal.data = kept
    bench.restart()
    assert await bench.store.open_positions() == []
    assert await states(bench.database) == []
    assert (bench.told, bench.journal.data) == ([], b"")


async def test_nothing_is_asked_of_the_database_before_an_older_journal_is_in_it(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    await leave(bench, wallet)
    bench.restart()
    with pytest.raises(StoreUnavailable):
        await bench.store.in_flight()
    bench.link.is_away = False
    refused = await ask(bench.store, sell("y", wallet, token_raw=1_000), gate=_gate("y", wallet))
    assert isinstance(refused, Refused)
    assert refused.code == "in_flight"


async def test_what_would_buy_is_refused_and_a_buy_that_was_on_its_way_is_followed_from_memory(bench: Bench) -> None:
    wallet = await holding(bench)
    await sent(bench.store, buy("on-its-way", wallet, mint="MintTwo"))
    planned_buy = await planned(bench.store, buy("planned", wallet, mint="MintThree"))
    bench.link.is_away = True
    with pytest.raises(StoreUnavailable):
        await planned(bench.store, buy("new", wallet, mint="MintFour"))
    with pytest.raises(StoreUnavailable):
        await bench.store.record_attempt(attempt(planned_buy.id, "s-planned"))
    request = buy("on-its-way", wallet, mint="MintTwo")
    opened = await settled(bench.store, request, fill_of(request), position_id="p-2")
    assert await bench.store.position("p-2") == opened.position
    assert bench.journal.data == b""
    await bench.back()
    assert await bench.database.position("p-2") == opened.position


async def test_a_journal_that_cannot_be_written_lets_nothing_leave_and_is_told_once(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    bench.journal.full = True
    admitted = await planned(bench.store, sell("x", wallet, token_raw=1_000))
    for _ in range(2):
        with pytest.raises(JournalUnavailable, match="No space left"):
            await bench.store.record_attempt(attempt(admitted.id, "s-x"))
    assert len(bench.told) == 1
    assert bench.spooled.spool().trouble is not None
    assert await states(bench.store) == [("i-x", IntentState.PLANNED, [])]
    bench.journal.full = False
    await bench.store.record_attempt(attempt(admitted.id, "s-x"))
    assert bench.spooled.spool().trouble is None


async def test_an_exit_that_was_planned_from_memory_goes_on_in_the_database(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    admitted = await planned(bench.store, sell("x", wallet, token_raw=1_000))
    await bench.back()
    await bench.store.record_attempt(attempt(admitted.id, "s-x"))
    assert await states(bench.database) == [("i-x", IntentState.SIGNED, [AttemptState.SIGNED])]


async def test_a_panic_is_kept_and_an_outage_of_the_program_is_not(bench: Bench) -> None:
    await holding(bench)
    bench.link.is_away = True
    panic = Cause("panic", "user:u-ada", NOW_MS, "u-ada", "by his own command")
    await bench.store.save_cause(panic)
    with pytest.raises(StoreUnavailable):
        await bench.store.save_cause(Cause("database", GLOBAL, NOW_MS, "database watch", "away"))
    bench.restart()
    await bench.back()
    assert await bench.database.causes() == [panic]


async def test_messages_and_peaks_of_the_outage_are_written_afterwards(bench: Bench) -> None:
    await holding(bench)
    bench.link.is_away = True
    await bench.store.post(message("m-lost", "u-ada"))
    for peak_lamports in (600, 900):
        await bench.store.note_peak("p-1", peak_lamports, token_raw=1_000)
    await bench.back()
    assert "m-lost" in [row.id for row in await bench.database.due(10)]
    position = await bench.database.position("p-1")
    assert position is not None
    assert position.peak_lamports == 900


async def test_what_memory_does_not_know_is_no_answer(bench: Bench) -> None:
    await holding(bench)
    bench.link.is_away = True
    for question in (
        bench.store.position("p-nobody"),
        bench.store.sealed_key("w-nobody"),
        bench.store.settings("u-nobody"),
        bench.store.intent_of("k-nobody"),
        bench.store.user_by_handle("nobody"),
        bench.store.day(0),
        bench.store.adjust("p-1", 5, evidence="seen", now_ms=NOW_MS, message=message("m", "u-ada")),
    ):
        with pytest.raises(StoreUnavailable):
            await question


async def test_a_record_that_the_rows_contradict_is_told_and_holds_up_nothing(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    await leave(bench, wallet)
    await planned(bench.database, sell("x", wallet, token_raw=1_000))
    await bench.database.close_unfilled("i-x", IntentState.CANCELLED, "by another program", now_ms=NOW_MS)
    await bench.back()
    [told] = bench.told
    assert "1 record of the journal contradicts the database" in told
    assert "The journal is kept as journal 1." in told
    assert len(bench.journal.aside) == 1


async def test_a_cancellation_leaves_no_bytes_in_the_journal_that_memory_does_not_know(bench: Bench) -> None:
    wallet = await holding(bench)
    bench.link.is_away = True
    admitted = await planned(bench.store, sell("x", wallet, token_raw=1_000))
    append = bench.journal.append

    with trio.CancelScope() as interrupted:

        async def append_and_cancel(record: Signed) -> None:
            await append(record)
            interrupted.cancel()

        bench.journal.append = append_and_cancel  # type: ignore[method-assign,assignment]
        await bench.store.record_attempt(attempt(admitted.id, "s-x"))
    assert await states(bench.store) == [("i-x", IntentState.SIGNED, [AttemptState.SIGNED])]
